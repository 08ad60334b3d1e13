/**
 * What is taken off the latent radius, and what the probes of norms are: parts of the certificate that no radius of an honest
 * network shows, so they are looked at by themselves.
 */
import { afterAll, describe, expect, it } from 'vitest';
import type { LeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { latentCentre, leftHalfBoundAt, probesOf } from '../../src/methods/splitz/left-half.ts';
import { usableLatentRadius } from '../../src/methods/splitz/usable-radius.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { totalVariation } from '../../src/smoothing/noise/noise-error.ts';
import { gridOf } from '../../src/smoothing/noise/rounded-noise.ts';
import { VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { latentRadius } from '../../src/smoothing/votes/latent-radius.ts';
import { type FlatCertificate, type OpenedSmoothed, openSmoothed } from '../methods/open.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';

const SIGMA = 0.5;
const ETA = 0.07;
const NEARBY = 0.11;
const settings = {
  ...{ sigma: SIGMA, n0: 20, n: 500, alpha: 0.01, seed: 5n },
  bound: 'clopper-pearson',
} as const;
const IMAGE = Float32Array.of(0.9, 0.2);

const open: OpenedSmoothed[] = [];
afterAll(() => Promise.all(open.map((one) => one.close())));

/** Relu(x), then a half-space; the left half as it is, or as `changed` says. */
const prepared = () => {
  const model = tinyModel({
    nodes: [node('Relu', ['x'], 'u'), node('Gemm', ['u', 'w', 'b'], 'y')],
    initializers: [floatTensor('w', [2, 2], [0, 1, 0, 0]), floatTensor('b', [2], [0, -0.1])],
    input: ['N', 2],
    output: ['N', 2],
  });
  return prepareClassifier(model, undefined, null);
};

async function openedWith(changed: (left: LeftHalfBound) => LeftHalfBound): Promise<OpenedSmoothed> {
  const classifier = await prepared();
  const cut = findCut(classifier.cuts, 'u');
  const left = leftHalfBoundAt(classifier, cut, 'secant', 0);
  const smoothed = await openSmoothed(classifier, cut, changed(left), [IMAGE], { batch: 50 });
  open.push(smoothed);
  return smoothed;
}

describe('the rounding errors of the left half', () => {
  it('are both taken off the latent radius, each as it is', async () => {
    const asked: number[] = [];
    const smoothed = await openedWith((left) => ({
      ...left,
      evaluate(x) {
        const evaluation = left.evaluate(x);
        return { ...evaluation, latent: { ...evaluation.latent, error: ETA } };
      },
      inputRadius(_, usable) {
        asked.push(usable);
        return { radius: usable / 3, displacement: usable - NEARBY, forwardError: NEARBY };
      },
    }));
    const c = await smoothed.certify(IMAGE, 0, settings);
    expect(c.prediction).not.toBeNull();
    expect(asked).toHaveLength(1);
    expect(asked[0]).toBeLessThanOrEqual(c.latentRadius - ETA);
    expect(asked[0]).toBeGreaterThan(c.latentRadius - ETA - 1e-12);
    expect([c.forwardError, c.forwardErrorNearby]).toEqual([ETA, NEARBY]);
    const usable = usableLatentRadius(c as Required<FlatCertificate>);
    expect(c.displacement).toBeLessThanOrEqual(usable);
    expect(c.latentRadius - usable).toBeCloseTo(ETA + NEARBY, 12);
  });

  it('leave nothing where they are larger than it, or unknown', async () => {
    for (const error of [10, Number.POSITIVE_INFINITY, Number.NaN]) {
      const smoothed = await openedWith((left) => ({
        ...left,
        evaluate(x) {
          const evaluation = left.evaluate(x);
          return { ...evaluation, latent: { ...evaluation.latent, error } };
        },
      }));
      const c = await smoothed.certify(IMAGE, 0, settings);
      expect([c.radius, c.forwardErrorNearby]).toEqual([0, null]);
      expect(c.forwardError).toBe(error === 10 ? 10 : null);
    }
  });

  it('are those of a latent in float64: nothing is rounded on the way to the noise', async () => {
    const classifier = await prepared();
    const left = leftHalfBoundAt(classifier, findCut(classifier.cuts, 'u'), 'secant', 0);
    const { evaluation, latent, eta } = latentCentre(left, IMAGE);
    expect(latent).toBe(evaluation.latent.value);
    expect(eta).toBe(evaluation.latent.error);
    expect(latent[0]).toBe(Math.fround(0.9));
  });
});

describe('the error of the noise', () => {
  it('of this latent is taken off p_A, and is in the record with the grid', async () => {
    const smoothed = await openedWith((left) => left);
    const c = await smoothed.certify(IMAGE, 0, settings);
    const tau = totalVariation(Float64Array.from(IMAGE), SIGMA);
    expect([c.grid, c.tau]).toEqual([gridOf(SIGMA), tau]);
    const votes = { counts: c.counts, nonFinite: c.nonFinite };
    const { pA } = latentRadius(votes, 1, { ...settings, bound: VOTE_BOUNDS[settings.bound], tau });
    expect(c.pA).toBe(pA);
    expect(c.pA).toBeLessThan(
      latentRadius(votes, 1, { ...settings, bound: VOTE_BOUNDS[settings.bound], tau: 0 }).pA,
    );
    const drawn = { stage: 1, draws: 50, sigma: SIGMA, seed: 1n } as const;
    expect((await smoothed.votes(IMAGE, 0, drawn)).tau).toBe(tau);
  });

  it('leaves no certificate where the latent is so large that adding noise rounds by as much as the grid', async () => {
    const smoothed = await openedWith((left) => left);
    const c = await smoothed.certify(Float32Array.of(2 ** 40, 0), 0, settings);
    expect(c).toMatchObject({ tau: 1, pA: 0, prediction: null, radius: 0 });
    expect(c.counts[1]).toBe(500);
  });
});

describe('the probes of norms', () => {
  it('are fresh at every call, for every image and for every seed', () => {
    const drawn = [...[0, 1, 2].map(() => probesOf(7n, 3)), probesOf(7n, 4), probesOf(8n, 3)].map(
      (probes) => [probes(50), probes(50), probes(50)],
    );
    const [first, again] = drawn;
    expect(first).toEqual(again);
    const distinct = [...(first ?? []), ...(drawn[3] ?? []), ...(drawn[4] ?? [])].map((p) => p.join());
    expect(new Set(distinct).size).toBe(9);
    // Independent, not shifted copies: no correlation beyond 5.5 standard errors among 36 pairs.
    const long = probesOf(9n, 0);
    const vectors = Array.from({ length: 9 }, () => long(4000));
    for (const [i, a] of vectors.entries())
      for (const b of vectors.slice(i + 1)) {
        const product = a.reduce((sum, x, k) => sum + x * (b[k] ?? 0), 0);
        expect(Math.abs(product) / Math.sqrt(4000)).toBeLessThan(5.5);
      }
  });
});
