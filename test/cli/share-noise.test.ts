/** `certify --share-noise`: what is drawn once for several images, what is recorded of it, and what it changes. */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import { failureAllowance } from '../../src/statistics/accuracy.ts';
import { newFolder, readResults, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const MODEL = writeModel(folder, 'net.onnx');
const path = (name: string): string => join(folder, name);
afterAll(remove);

const ARGS = ['--data', 'glyphs', '--split', 'a', '--sigma', '0.5', '--n', '1500', '--seed', '3'];
const certify = async (out: string, ...args: string[]) => {
  const ended = await splitz(folder, 'certify', MODEL, ...ARGS, '--skip', '2', '--out', out, ...args);
  expect(ended.code, ended.stderr).toBe(0);
  return { ...readResults(path(out)), ended };
};
const evidenceOf = ({ records }: ReturnType<typeof readResults>) =>
  records.map(
    ({ index, series }) => [index, series.map(({ evidence }) => evidence as VoteEvidence)] as const,
  );

let alone: Awaited<ReturnType<typeof certify>>;
let shared: Awaited<ReturnType<typeof certify>>;
beforeAll(async () => {
  alone = await certify('alone.jsonl', '--max', '7');
  shared = await certify('shared.jsonl', '--max', '7', '--share-noise', '3');
});

describe('certify --share-noise 3', () => {
  it('gives the first of three images what it has by itself, and the other two other draws', () => {
    expect(shared.records.map(({ index }) => index)).toEqual([0, 2, 4, 6, 8, 10, 12]);
    const [one, other] = [evidenceOf(alone), evidenceOf(shared)];
    for (const [k, evidence] of other.entries())
      if (k % 3 === 0) expect(evidence).toEqual(one[k]);
      else expect(evidence, `image ${evidence[0]}`).not.toEqual(one[k]);
  });

  it('records that certificates may fail together, and allows for it in figures of the whole', () => {
    expect(alone.header).toMatchObject({ dependence: 'independent' });
    expect(alone.header.shareNoise).toBeUndefined();
    expect(shared.header).toMatchObject({
      dependence: 'shared',
      shareNoise: { value: 3, origin: 'flag' },
    });
    expect(failureAllowance(0.01, 100, 'shared')).toBeGreaterThan(failureAllowance(0.01, 100, 'independent'));
    expect(shared.ended.stderr).toMatch(/3 images share each draw of noise/u);
  });

  it('gives the same bytes whatever the workers and the batch, and where the run ended in the middle of three', async () => {
    const [more] = await Promise.all([
      certify('more.jsonl', '--max', '7', '--share-noise', '3', '--workers', '1', '--batch', '7'),
      certify('parts.jsonl', '--max', '5', '--share-noise', '3'),
    ]);
    expect(evidenceOf(more)).toEqual(evidenceOf(shared));
    copyFileSync(path('parts.jsonl'), path('continued.jsonl'));
    const continued = await certify('continued.jsonl', '--max', '7', '--share-noise', '3');
    expect(continued.ended.stderr).toContain('resumed after 5 images');
    expect(evidenceOf(continued)).toEqual(evidenceOf(shared));
    expect(digestOf('continued.jsonl')).toBe(digestOf('shared.jsonl'));
    expect(digestOf('alone.jsonl')).not.toBe(digestOf('shared.jsonl'));
  });

  it('is verified, and replayed one image at a time', async () => {
    const verified = await splitz(
      folder,
      ...['verify', 'shared.jsonl', MODEL, '--data', 'glyphs', '--replay', '7'],
    );
    expect(verified.stdout).toMatch(/^it holds/u);
    const replayed = await splitz(
      folder,
      ...['replay', 'shared.jsonl', MODEL, '--data', 'glyphs', '--image', '10'],
    );
    expect(replayed.code, replayed.stdout + replayed.stderr).toBe(0);
  });

  it('ends early like any other run', async () => {
    const ended = await certify(
      'until.jsonl',
      '--max',
      '7',
      '--share-noise',
      '3',
      '--until',
      'radius >= 0.5',
    );
    const verified = await splitz(
      folder,
      ...['verify', 'until.jsonl', MODEL, '--data', 'glyphs', '--replay', '7'],
    );
    expect(verified.stdout).toMatch(/^it holds/u);
    expect(ended.records).toHaveLength(7);
  });

  it('does not continue a run that shares otherwise, and is refused for no image', async () => {
    copyFileSync(path('shared.jsonl'), path('other.jsonl'));
    const args = ['certify', MODEL, ...ARGS, '--skip', '2', '--out', 'other.jsonl'];
    const other = await splitz(folder, ...args, '--max', '9', '--share-noise', '2');
    expect(other.code).toBe(4);
    expect(other.stderr).toMatch(/shareNoise: 3 in the file, 2 now/u);
    const none = await splitz(folder, ...args, '--share-noise', '0');
    expect(none.code).toBe(4);
    expect(none.stderr).toContain('--share-noise');
  });
});

const digestOf = (name: string): string => {
  const last = readFileSync(path(name), 'utf8').trimEnd().split('\n').at(-1) ?? '';
  return (JSON.parse(last) as { readonly digest: string }).digest;
};
