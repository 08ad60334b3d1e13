/** The built-in glyph set: the same bytes on every machine, and pictures fit to be learned from. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { glyphBytes, glyphLabel } from '../../src/datasets/glyph-set.ts';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { refusal } from './files.ts';

const subsets = fc.constantFrom('train' as const, 'test' as const);
const seeds = fc.integer({ min: 0, max: 0xffffffff });
const indices = fc.integer({ min: 0, max: 9_999 });

describe('glyphs', () => {
  test('the first 100 images of both subsets are the bytes they always were', () => {
    const digest = (subset: 'train' | 'test'): string => {
      const hash = createHash('sha256');
      for (let index = 0; index < 100; index++) hash.update(glyphBytes(1, subset, index));
      return hash.digest('hex');
    };
    expect(digest('train')).toBe('9b8a1a5920aae0b9a7d87345d3a61c53b39bb07a7a0c651614d8c9115d974bd5');
    expect(digest('test')).toBe('b488529338d242b2453402e8d26ac383be7dcb7c4d1f8af2061ec08258789e5a');
  });

  test('the data sets are what the shipped model was trained on', async () => {
    const digests = [];
    for (const subset of ['train', 'test'] as const) {
      const data = await openDataset('glyphs', { subset });
      digests.push([data.length, data.digest]);
      expect(Array.from(data.labels ?? []).slice(0, 3)).toEqual(
        [0, 1, 2].map((index) => glyphLabel(1, subset, index)),
      );
    }
    expect(digests).toEqual([
      [60_000, '37e97b8982522145ceb775fcdad3d08752c07e65516e46e22f1ed015e94329eb'],
      [10_000, 'bf1ec14345634eca7132561a2eb584153a815b1fbbd3520ca6e6ceda9ca7501f'],
    ]);
  });

  test('an image is a pure function of seed, subset and index: order and repetition change nothing', () => {
    fc.assert(
      fc.property(
        seeds,
        subsets,
        fc.array(indices, { minLength: 1, maxLength: 5 }),
        (seed, subset, order) => {
          const forth = order.map((index) => glyphBytes(seed, subset, index));
          const back = order.toReversed().map((index) => glyphBytes(seed, subset, index));
          expect(back.toReversed()).toEqual(forth);
        },
      ),
      { seed: 3, numRuns: 50 },
    );
  });

  test('another seed, subset or index is another picture', () => {
    fc.assert(
      fc.property(seeds, indices, (seed, index) => {
        const pictures = [
          glyphBytes(seed, 'test', index),
          glyphBytes(seed ^ 1, 'test', index),
          glyphBytes(seed, 'train', index),
          glyphBytes(seed, 'test', index + 1),
        ].map((bytes) => Buffer.from(bytes).toString('latin1'));
        expect(new Set(pictures).size).toBe(4);
      }),
      { seed: 4, numRuns: 200 },
    );
  });

  test('every picture has bright ink on black, and little of it touches the border', () => {
    let border = 0;
    fc.assert(
      fc.property(seeds, subsets, indices, (seed, subset, index) => {
        const bytes = glyphBytes(seed, subset, index);
        const inked = bytes.filter((byte) => byte > 0).length;
        expect(bytes.length).toBe(784);
        expect(inked).toBeGreaterThan(20);
        expect(inked).toBeLessThan(400);
        expect(Math.max(...bytes)).toBeGreaterThanOrEqual(0.7 * 255);
        border += bytes.filter(
          (byte, i) => byte > 0 && (i < 28 || i >= 756 || i % 28 === 0 || i % 28 === 27),
        ).length;
      }),
      { seed: 6, numRuns: 500 },
    );
    expect(border / 500).toBeLessThan(1.5);
  });

  test('the ten digits are equally frequent, in the whole and in every tenth image', async () => {
    const labels = Array.from((await openDataset('glyphs:7', { subset: 'train' })).labels ?? []);
    for (const chosen of [labels, labels.filter((_, i) => i % 10 === 0)]) {
      const expected = chosen.length / 10;
      const chiSquared = Array.from(
        { length: 10 },
        (_, digit) => chosen.filter((label) => label === digit).length,
      )
        .map((count) => (count - expected) ** 2 / expected)
        .reduce((sum, term) => sum + term, 0);
      // 99.9 % quantile of chi-squared with 9 degrees of freedom.
      expect(chiSquared).toBeLessThan(27.88);
    }
  });

  test('pixels are the bytes over 255', async () => {
    const data = await openDataset('glyphs:9', { subset: 'test' });
    expect(await data.image(42)).toEqual(Float32Array.from(glyphBytes(9, 'test', 42), (byte) => byte / 255));
  });

  test.each(['x', '-1', '1.5', '4294967296', '1e3'])('the seed %s is refused', async (seed) => {
    expect(await refusal(() => openDataset(`glyphs:${seed}`, { subset: 'test' }))).toMatch(
      /not a seed.*0 to 4294967295/,
    );
  });
});
