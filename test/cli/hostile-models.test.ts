/**
 * Models made to earn a false certificate, each with two images that contradict each other where it succeeds: refused, or
 * certified with radii that no attack contradicts.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { npy, npz } from '../datasets/files.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { countsOf, newFolder, ownVerdict, readResults, splitz } from './command-line.ts';

const cases = join(sharedFolder, 'cases');
const absent = existsSync(cases) ? null : 'the shared cases are not on this machine';
const { folder, remove } = newFolder();
afterAll(remove);

const file = (name: string, of: string): string => join(cases, name, of);
const certify = (name: string, model: string, out: string, ...args: string[]) =>
  splitz(
    folder,
    ...['certify', file(name, model), '--data', `npz:${file(name, 'two.npz')}`, '--no-baseline'],
    // A seed that no model was made for: fixed, so that nothing here depends on chance.
    ...['--workers', '1', '--seed', '20261127', '--out', out, ...args],
  );
/** What `attack` says of the certificates, which it ends with exit code 1 where it contradicts one. */
async function attacked(name: string, model: string, out: string): Promise<string> {
  const ended = await splitz(
    folder,
    ...['attack', out, file(name, model), '--data', `npz:${file(name, 'two.npz')}`],
    ...['--steps', '10', '--restarts', '1', '--draws', '16', '--workers', '1', '--seed', '1'],
    ...['--out', `${out}.attack.jsonl`],
  );
  expect(ended.stderr).not.toContain('error');
  expect(ended.code).toBe(0);
  return ended.stdout;
}
const radii = (out: string) =>
  readResults(join(folder, out)).records.map((record) => {
    const { prediction, radius } = ownVerdict(record);
    return { prediction, radius };
  });

const title = (text: string): string => (absent === null ? text : `${text} (skipped: ${absent})`);

describe.skipIf(absent !== null)(title('a model made to deceive'), () => {
  it.each(['under.onnx', 'under32.onnx'])('underflow: %s is refused, by every bound', async (model) => {
    for (const lipschitz of ['secant', 'mask', 'global']) {
      const settings = ['--split', 'u', '--sigma', '0.5', '--n', '2000', '--lipschitz', lipschitz];
      const ended = await certify('underflow', model, `${model}-${lipschitz}.jsonl`, ...settings);
      expect(ended.code).toBe(3);
      expect(ended.stderr).toContain('the weights of the linear map up to here are no larger than');
      expect(existsSync(join(folder, `${model}-${lipschitz}.jsonl`))).toBe(false);
    }
  });

  it.each(['input', 'left'])('float-grid: cut at %s, both images have the same answer', async (split) => {
    const out = `grid-${split}.jsonl`;
    const settings = ['--split', split, '--sigma', '0.25', '--n', '10000'];
    expect((await certify('float-grid', 'grid.onnx', out, ...settings)).code).toBe(0);
    const [black, grey] = radii(out);
    // 0.4375 apart: the two may not be certified for different classes at that distance.
    expect(black?.prediction).toBe(grey?.prediction);
    expect(black?.radius).toBeGreaterThan(0.7);
    expect(await attacked('float-grid', 'grid.onnx', out)).toContain('0 of 2 certificates contradicted');
  });

  it('float-grid: images that share their noise have the same answer too: it is rounded around each', async () => {
    const settings = ['--split', 'left', '--sigma', '0.25', '--n', '2000', '--share-noise', '2'];
    expect((await certify('float-grid', 'grid.onnx', 'grid-shared.jsonl', ...settings)).code).toBe(0);
    const [black, grey] = radii('grid-shared.jsonl');
    expect(black?.prediction).toBe(grey?.prediction);
    expect(black?.radius).toBeGreaterThan(0.6);
  });

  it('eta-at-centre: what ONNX Runtime would deploy is another left half, and refused', async () => {
    const settings = ['--split', 'u', '--sigma', '0.5', '--n', '20000'];
    const ended = await certify('eta-at-centre', 'eta.onnx', 'eta.jsonl', ...settings);
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('2.0 sigma');
  });

  it('eta-at-centre: with the exact image alone no attack contradicts the radius', async () => {
    writeFileSync(join(folder, 'black.npz'), npz({ images: npy('<f4', [1, 1, 2, 2], new Float32Array(4)) }));
    const of = [file('eta-at-centre', 'eta.onnx'), '--data', 'npz:black.npz'];
    const settings = ['--split', 'u', '--sigma', '0.5', '--n', '20000', '--seed', '3', '--no-baseline'];
    expect((await splitz(folder, 'certify', ...of, ...settings, '--out', 'black.jsonl')).code).toBe(0);
    const [black] = radii('black.jsonl');
    expect(black?.prediction).toBe(0);
    // The sum of four entries must exceed 3.5.
    expect(black?.radius).toBeLessThan(1.75);
    const quick = ['--steps', '20', '--restarts', '2', '--draws', '16', '--workers', '1', '--seed', '4'];
    const ended = await splitz(folder, 'attack', 'black.jsonl', ...of, ...quick);
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain('0 of 1 certificates contradicted');
  });

  it('batch-mixing: rows run alone whatever is asked for, so the counts do not depend on it', async () => {
    const settings = ['--split', 'input', '--sigma', '0.12', '--n', '5000'];
    const counts = [];
    for (const batch of ['64', '1']) {
      const out = `mix-${batch}.jsonl`;
      expect((await certify('batch-mixing', 'mix.onnx', out, ...settings, '--batch', batch)).code).toBe(0);
      counts.push(readResults(join(folder, out)).records.map((record) => countsOf(record)));
    }
    expect(counts[0]).toEqual(counts[1]);
    const [first, second] = radii('mix-64.jsonl');
    // 0.25 apart, with different answers.
    expect((first?.radius ?? 1) + (second?.radius ?? 1)).toBeLessThan(0.25);
    expect(await attacked('batch-mixing', 'mix.onnx', 'mix-1.jsonl')).toContain(
      '0 of 2 certificates contradicted',
    );
  });
});
