/** What a certificate states of itself beside its radius: how often it may fail, and whose noise it drew. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  leftHalfBoundAt,
  openSmoothedClassifier,
  type SmoothedClassifier,
} from '../../src/methods/smoothed-classifier.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';

const RESOURCES = { provider: 'cpu', workers: 1, batch: 64 } as const;
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
  const opened: SmoothedClassifier[] = [];
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
      const smoothed = await openSmoothedClassifier(prepared, cut, left, RESOURCES, [IMAGE], 'certified');
      opened.push(smoothed);
      expect((await smoothed.certify(IMAGE, 0, 0, SETTINGS)).alphaTotal).toBe(total);
    }
  });

  it('of the anytime bound counts every draw once, however often it looked', async () => {
    const prepared = await classifier;
    const cut = findCut(prepared.cuts, 'input');
    const smoothed = await openSmoothedClassifier(prepared, cut, null, RESOURCES, [IMAGE], 'certified');
    opened.push(smoothed);
    const settings = { ...SETTINGS, bound: 'anytime', n: 20_000 } as const;
    const { counts, n } = await smoothed.certify(IMAGE, 0, 0, settings);
    // Beyond the first look, at 256 draws, and short of all.
    expect(n).toBeGreaterThan(256);
    expect(n).toBeLessThan(20_000);
    const { sigma, seed } = settings;
    const together = await smoothed.votes(IMAGE, 0, { stage: Stage.estimation, draws: n, sigma, seed });
    expect(counts).toEqual(together.counts);
  });

  describe('under plain smoothing alongside', () => {
    const at = async (role: 'certified' | 'baseline', index: number) => {
      const prepared = await classifier;
      const cut = findCut(prepared.cuts, 'input');
      const smoothed = await openSmoothedClassifier(prepared, cut, null, RESOURCES, [IMAGE], role);
      opened.push(smoothed);
      return smoothed.certify(IMAGE, index, 0, SETTINGS);
    };
    const counts = new Map<string, readonly number[]>();
    beforeAll(async () => {
      for (const role of ['certified', 'baseline'] as const)
        for (const index of [0, 1]) counts.set(`${role} ${index}`, (await at(role, index)).counts);
    });

    it('draws noise of its own, though seed, image and settings are the same', () => {
      // Two independent counts of 1,000 are equal with probability 0.02 each: the seed is fixed, and these are not.
      expect(counts.get('baseline 0')).not.toEqual(counts.get('certified 0'));
      expect(counts.get('baseline 1')).not.toEqual(counts.get('certified 1'));
    });
  });
});
