/** `ensemble` on the command line: what is written is certified like any network. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/onnx/model/load.ts';
import { newFolder, readResults, splitz } from './command-line.ts';
import { glyphProto, writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const path = (name: string): string => join(folder, name);
beforeAll(() => {
  writeModel(folder, 'a.onnx');
  writeModel(folder, 'b.onnx', glyphProto({}, { 'splitz.dataset': 'glyphs', 'splitz.sigma': '0.2' }));
});
afterAll(remove);

describe('ensemble', () => {
  it('writes one network, which certify takes, and says what it was made of', async () => {
    const { code, stdout, stderr } = await splitz(
      folder,
      ...['ensemble', 'a.onnx', 'b.onnx', '--weights', '3,1', '--out', 'e.onnx'],
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toBe('e.onnx\n');
    expect(stderr).toMatch(/the mean of 2 networks, \d+ nodes in common; the whole = its parts/);
    const { metadata } = await loadModel(path('e.onnx'));
    const made = JSON.parse(metadata.get('splitz.ensemble') ?? '') as { name: string; weight: number }[];
    expect(made.map(({ name, weight }) => [name, weight])).toEqual([
      ['a.onnx', 0.75],
      ['b.onnx', 0.25],
    ]);
    expect(metadata.has('splitz.sigma')).toBe(false);

    const certified = await splitz(
      folder,
      ...['certify', 'e.onnx', '--data', 'glyphs', '--split', 'input', '--sigma', '0.25'],
      ...['--n', '100', '--n0', '10', '--max', '2', '--out', 'e.jsonl', '--workers', '1'],
    );
    expect(certified.code, certified.stderr).toBe(0);
    expect(readResults(path('e.jsonl')).records).toHaveLength(2);
  });

  it.each([
    ['one network', ['a.onnx', '--out', 'x.onnx'], 'two networks or more'],
    [
      'weights that are not one per network',
      ['a.onnx', 'b.onnx', '--weights', '1', '--out', 'x.onnx'],
      'for each of 2',
    ],
    [
      'weights that are not positive',
      ['a.onnx', 'b.onnx', '--weights', '1,-1', '--out', 'x.onnx'],
      'positive',
    ],
    [
      'an output that is read',
      ['a.onnx', 'b.onnx', '--out', 'a.onnx', '--force'],
      'the output file would overwrite a.onnx',
    ],
  ])('refuses %s', async (_, args, says) => {
    const before = readFileSync(path('a.onnx'));
    const { code, stderr } = await splitz(folder, 'ensemble', ...args);
    expect(code).toBe(4);
    expect(stderr).toContain(says);
    expect(readFileSync(path('a.onnx')).equals(before)).toBe(true);
  });
});
