/** What a certificate states of itself beside its radius: how often it may fail, and whose noise it drew. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leftHalfBoundAt } from '../../src/methods/splitz/left-half.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { drawsOf } from '../../src/smoothing/votes/vote-counts.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';
import { type OpenedSmoothed, openSmoothed } from './open.ts';

const SETTINGS = { sigma: 0.5, n0: 50, n: 1000, alpha: 0.001, bound: 'clopper-pearson', seed: 5n } as const;
const IMAGE = Float32Array.of(0.4, 0.1);

const classifier = prepareClassifier(
  tinyModel({
    nodes: [node('Relu', ['x'], 'u'), node('MatMul', ['u', 'V'], 'y')],
    initializers: [floatTensor('V', [2, 2], [1, 0, 0, 1])],
    input: ['N', 2],
    output: ['N', 2],
  }),
  undefined,
  null,
);

describe('a certificate', () => {
  const opened: OpenedSmoothed[] = [];
  afterAll(() => Promise.all(opened.map((smoothed) => smoothed.close())));

  it('may fail with alpha and with what the norms of its left half may fail with', async () => {
    const prepared = await classifier;
    const cut = findCut(prepared.cuts, 'u');
    const proved = leftHalfBoundAt(prepared, cut, 'secant', 1e-6);
    if (proved === null) throw new Error('the cut is behind the input');
    expect(proved.failureProbability).toBe(0);
    for (const [failureProbability, total] of [
      [0, 0.001],
      [1e-4, 0.001 + 1e-4],
    ] as const) {
      const left = { ...proved, failureProbability };
      const smoothed = await openSmoothed(prepared, cut, left, [IMAGE]);
      opened.push(smoothed);
      expect((await smoothed.certify(IMAGE, 0, SETTINGS)).failureProbability).toBe(total);
    }
  });

  it('of the anytime bound counts every draw once, however often it looked', async () => {
    const prepared = await classifier;
    const cut = findCut(prepared.cuts, 'input');
    const smoothed = await openSmoothed(prepared, cut, null, [IMAGE]);
    opened.push(smoothed);
    const settings = { ...SETTINGS, bound: 'anytime', n: 20_000 } as const;
    const { counts, nonFinite } = await smoothed.certify(IMAGE, 0, settings);
    const n = drawsOf({ counts, nonFinite });
    // Beyond the first look, at 256 draws, and short of all.
    expect(n).toBeGreaterThan(256);
    expect(n).toBeLessThan(20_000);
    const { sigma, seed } = settings;
    const together = await smoothed.votes(IMAGE, 0, { stage: Stage.estimation, draws: n, sigma, seed });
    expect(counts).toEqual(together.counts);
  });

  describe('of another series of the run', () => {
    const at = async (series: number, index: number) => {
      const prepared = await classifier;
      const cut = findCut(prepared.cuts, 'input');
      const smoothed = await openSmoothed(prepared, cut, null, [IMAGE]);
      opened.push(smoothed);
      return smoothed.certify(IMAGE, index, SETTINGS, series);
    };
    const counts = new Map<string, readonly number[]>();
    beforeAll(async () => {
      for (const series of [0, 1, 2])
        for (const index of [0, 1]) counts.set(`${series} ${index}`, (await at(series, index)).counts);
    });

    it('draws noise of its own, though seed, image and settings are the same', () => {
      // Two independent counts of 1,000 are equal with probability 0.02 each: the seed is fixed, and these are not.
      for (const index of [0, 1])
        for (const [one, other] of [
          [0, 1],
          [0, 2],
          [1, 2],
        ])
          expect(counts.get(`${one} ${index}`)).not.toEqual(counts.get(`${other} ${index}`));
    });
  });
});
