/** A result file never chooses which file is opened: only files beside it, of a plain name, and of the digest it states. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedFolder } from '../onnx/shared.ts';
import { rechained } from '../verification/honest.ts';
import { newFolder, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
afterAll(remove);

beforeAll(async () => {
  mkdirSync(path('runs'));
  writeModel(folder, 'net.onnx');
  const { code } = await splitz(
    folder,
    ...['certify', 'net.onnx', '--data', 'glyphs', '--split', 'input', '--sigma', '0.1', '--n', '100'],
    ...['--seed', '7', '--max', '1', '--quiet', '--out', 'runs/run.jsonl'],
  );
  expect(code).toBe(0);
});

/** The run with another name of its model, the chain built again. */
function naming(model: string): string {
  const name = JSON.stringify(model);
  const lines = readFileSync(path('runs/run.jsonl'), 'utf8').split(/(?<=\n)/u);
  const [first = '', ...rest] = lines;
  const changed = first.replace('"model":{"name":"net.onnx"', () => `"model":{"name":${name}`);
  expect(changed === first).toBe(model === 'net.onnx');
  writeFileSync(path('runs/named.jsonl'), rechained([changed, ...rest]).join(''));
  return 'runs/named.jsonl';
}

describe('replay-path: the name of the model in a result file', () => {
  it.each(['../net.onnx', '/etc/passwd', 'a/../../net.onnx', '..', '.', '', '..\\net.onnx', 'C:net.onnx'])(
    '%j leads elsewhere: refused before any file is opened, although the model is there',
    async (model) => {
      const run = naming(model);
      for (const args of [
        ['replay', run, '--data', 'glyphs'],
        ['attack', run, '--data', 'glyphs', '--steps', '1'],
        ['explain', run],
        ['report', run, '--out', 'report.html'],
      ]) {
        const { code, stderr } = await splitz(folder, ...args);
        expect([args[0], code, stderr.replace(/\s+/gu, ' ')]).toEqual([
          ...[args[0], 4],
          expect.stringContaining('model.name: is not the name of a file without its folder'),
        ]);
      }
      const verified = await splitz(folder, 'verify', run);
      expect([verified.code, verified.stderr]).toEqual([1, expect.stringContaining('model.name: is not')]);
    },
  );

  it('is looked for beside the result file, and the digest is compared before anything is parsed', async () => {
    const run = naming('net.onnx');
    expect((await splitz(folder, 'replay', run, '--data', 'glyphs')).code).toBe(0);
    writeFileSync(path('runs/net.onnx'), 'root:x:0:0:root:/root:/bin/sh\n');
    const spoilt = await splitz(folder, 'replay', run, '--data', 'glyphs');
    expect([spoilt.code, spoilt.stderr]).toEqual([
      4,
      expect.stringContaining('this is not the model of the result file'),
    ]);
    expect(spoilt.stderr).not.toMatch(/protobuf|truncated|root:/u);
    const verified = await splitz(folder, 'verify', run, 'runs/net.onnx', '--data', 'glyphs');
    expect([verified.code, verified.stderr]).toEqual([1, expect.stringContaining('not the one certified')]);
    const report = await splitz(folder, 'report', run, '--model', 'runs/net.onnx', '--out', 'r.html');
    expect([report.code, report.stderr]).toEqual([4, expect.stringContaining('--model runs/net.onnx')]);
  });

  it('a model whose name would be a path elsewhere is refused by certify, with what to do', async () => {
    if (process.platform === 'win32') return;
    renameSync(writeModel(folder, 'back.onnx'), path('back\\slash.onnx'));
    const { code, stderr } = await splitz(
      folder,
      ...['certify', 'back\\slash.onnx', '--data', 'glyphs', '--split', 'input', '--sigma', '0.1'],
      ...['--n', '100', '--max', '1', '--quiet', '--out', 'back.jsonl'],
    );
    expect([code, stderr]).toEqual([4, expect.stringContaining('Rename the file.')]);
    expect(existsSync(path('back.jsonl'))).toBe(false);
  });
});

const shared = join(sharedFolder, 'cases', 'replay-path');
const absent = existsSync(shared) ? '' : ' (skipped: the shared cases are not on this machine)';
it.skipIf(absent !== '')(`replay-path: the files of the shared case open nothing${absent}`, async () => {
  for (const name of ['n_abs.jsonl', 'n_trav.jsonl']) {
    const { code, stderr } = await splitz(folder, 'replay', join(shared, name), '--data', 'glyphs');
    expect(code).toBe(4);
    expect(stderr).not.toContain('protobuf');
  }
});
