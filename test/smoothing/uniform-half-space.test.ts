/**
 * The whole way from uniform noise to an l1 radius on a case with a closed form. For f(x) = argmax(T, x_1) the probability of class 1
 * under noise of half-width λ is (λ + x_1 - T) / 2λ, whatever the other pixels do, and the l1 distance to the boundary is x_1 - T:
 * exactly 2λ (p - 1/2). So nothing hides an error: a radius above the distance is false, and in at most a share α of runs may
 * one be. T lies halfway between two steps of the grid, so that rounding moves nothing across it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { gridOf } from '../../src/smoothing/noise/rounded-noise.ts';
import { uniformVariation } from '../../src/smoothing/noise/uniform-error.ts';
import type { Sampler } from '../../src/smoothing/sampler.ts';
import { createSampler } from '../../src/smoothing/sampler-pool.ts';
import { binomialUpperTail } from '../../src/smoothing/votes/binomial-tail.ts';
import { VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { uniformRadius } from '../../src/smoothing/votes/uniform-radius.ts';
import { linearModel } from './tiny-models.ts';

const SEEDS = 1000;
const N = 200;
const ALPHA = 0.05;
const LAMBDA = 0.5;
const Q = gridOf(LAMBDA);
const X = Float64Array.of(0.25, -0.5, 1);
const X1 = 0.25;

/** The most failures a sound certificate makes among SEEDS runs, but for one time in a million. */
function mostFailures(): number {
  let failures = Math.round(SEEDS * ALPHA);
  while (binomialUpperTail(failures + 1, SEEDS, ALPHA) > 1e-6) failures++;
  return failures;
}

describe.each([28, 121])('a half-space at distance %d.5 steps of the grid', (steps) => {
  const distance = (steps + 0.5) * Q;
  const pA = (LAMBDA + distance) / (2 * LAMBDA);
  let sampler: Sampler;
  const runs: (readonly number[])[] = [];

  beforeAll(async () => {
    sampler = await createSampler({
      model: linearModel(
        [
          [0, 0, 0],
          [1, 0, 0],
        ],
        [X1 - distance, 0],
      ),
      ...{ latentDims: [3], classes: 2, workers: 1, batch: N, provider: 'cpu', batchable: true },
      noise: 'uniform',
    });
    const draw = { latent: X, sigma: LAMBDA, image: 0, from: 0 };
    for (let run = 0; run < SEEDS; run++) {
      const seed = BigInt(run) * 0x9e3779b97f4a7c15n;
      runs.push((await sampler.count({ ...draw, seed, stage: Stage.estimation, to: N })).counts);
    }
  });
  afterAll(() => sampler.close());

  it('is voted for with the closed-form probability', () => {
    const votes = runs.reduce((sum, counts) => sum + (counts[1] ?? 0), 0);
    const z = (votes - SEEDS * N * pA) / Math.sqrt(SEEDS * N * pA * (1 - pA));
    // P[|Z| > 5] = 6e-7
    expect(Math.abs(z)).toBeLessThan(5);
  });

  it.each(Object.values(VOTE_BOUNDS))(
    `$name: the certified radius exceeds the distance in at most ${ALPHA} of ${SEEDS} seeds`,
    (bound) => {
      const radiusFor = (counts: readonly number[], top: number): number =>
        uniformRadius({ counts, nonFinite: 0 }, top, {
          ...{ sigma: LAMBDA, alpha: ALPHA, bound, tau: uniformVariation(X, LAMBDA) },
        }).radius;
      const radii = runs.map((counts) => radiusFor(counts, 1));
      expect(radii.filter((radius) => radius > distance).length).toBeLessThanOrEqual(mostFailures());
      // The other class is wrong at the centre already: any radius for it is a failure.
      expect(runs.filter((counts) => radiusFor(counts, 0) > 0).length).toBeLessThanOrEqual(mostFailures());
      // Sound because it is tight, not because it is empty.
      const mean = radii.reduce((sum, radius) => sum + radius, 0) / SEEDS;
      expect(mean).toBeGreaterThan(steps < 100 ? 0 : 0.3 * distance);
    },
  );

  it('a radius from the plain share of votes fails far more often, so the test can tell', () => {
    let failures = 0;
    for (const counts of runs) if ((counts[1] ?? 0) / N > pA) failures++;
    expect(failures).toBeGreaterThan(mostFailures() * 2);
  });
});

describe('the radius', () => {
  const settings = { sigma: 0.5, alpha: 0.001, tau: 0 };
  const votes = (top: number, other: number) => ({ counts: [top, other], nonFinite: 0 });

  it('is 2λ (p_A − 1/2), and with p_B λ (p_A − p_B), rounded down', () => {
    const alone = uniformRadius(votes(990, 10), 0, { ...settings, bound: VOTE_BOUNDS['clopper-pearson'] });
    expect(alone.radius).toBeLessThan(2 * 0.5 * (alone.pA - 0.5));
    expect(alone.radius).toBeCloseTo(2 * 0.5 * (alone.pA - 0.5), 14);
    const both = uniformRadius(votes(990, 10), 0, { ...settings, bound: VOTE_BOUNDS['runner-up'] });
    expect(both.radius).toBeLessThan(0.5 * (both.pA - (both.pB ?? 0)));
    expect(both.radius).toBeCloseTo(0.5 * (both.pA - (both.pB ?? 0)), 14);
  });

  it('never reaches λ, at which the noise of the two points need not tell them apart in one pixel alone', () => {
    const bound = VOTE_BOUNDS['clopper-pearson'];
    expect(uniformRadius(votes(1e6, 0), 0, { ...settings, bound }).radius).toBeLessThan(0.5);
  });

  it('has τ taken off: with as much of it as p_A has over 1/2, it abstains', () => {
    const bound = VOTE_BOUNDS['clopper-pearson'];
    const { pA } = uniformRadius(votes(900, 100), 0, { ...settings, bound });
    const tau = pA - 0.5;
    expect(uniformRadius(votes(900, 100), 0, { ...settings, tau, bound })).toMatchObject({
      ...{ radius: 0, abstained: true },
    });
    expect(uniformRadius(votes(900, 100), 0, { ...settings, tau: tau - 1e-9, bound }).abstained).toBe(false);
  });

  it('holds in many pixels at once: the overlap of the cubes is at least 1 − ‖t‖₁ / 2λ', () => {
    const random = (k: number) => ((k * 0.618_034) % 1) * 0.1;
    for (const pixels of [1, 2, 10, 100]) {
      const t = Array.from({ length: pixels }, (_, k) => random(k + pixels));
      const overlap = t.reduce((product, one) => product * Math.max(0, 1 - one / (2 * LAMBDA)), 1);
      const moved = t.reduce((sum, one) => sum + one, 0);
      expect(1 - overlap).toBeLessThanOrEqual(moved / (2 * LAMBDA) + 1e-15);
    }
  });
});
