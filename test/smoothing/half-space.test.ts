/**
 * The whole way from noise to radius on a case with a closed form. For a linear right half
 * f_R(u) = argmax(w·u, b) the smoothed classifier is a half-space: p_A = Φ(d / (σ |w|)) with d = w·u - b, and the true
 * radius is the distance d / |w|. A certified radius may exceed it in at most a share α of runs.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { totalVariation } from '../../src/smoothing/noise/noise-error.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import type { Sampler } from '../../src/smoothing/sampler.ts';
import { createSampler } from '../../src/smoothing/sampler-pool.ts';
import { binomialUpperTail } from '../../src/smoothing/votes/binomial-tail.ts';
import { VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { latentRadius } from '../../src/smoothing/votes/latent-radius.ts';
import { normalCdf } from '../../src/smoothing/votes/normal-quantile.ts';
import { selectedClass } from '../../src/smoothing/votes/vote-counts.ts';
import { linearModel } from './tiny-models.ts';

const SEEDS = 1000;
const N0 = 20;
const N = 200;
const ALPHA = 0.05;
const SIGMA = 0.5;
const W = [0.6, -0.8, 1.5, 0.2, -1];
const U = Float64Array.of(0.25, -0.5, 0.125, 1, 0.5);
const NORM = Math.hypot(...W);
const DOT = W.reduce((sum, w, i) => sum + w * (U[i] ?? 0), 0);

/** The most failures a sound certificate makes among SEEDS runs, but for one time in a million. */
function mostFailures(): number {
  let failures = Math.round(SEEDS * ALPHA);
  while (binomialUpperTail(failures + 1, SEEDS, ALPHA) > 1e-6) failures++;
  return failures;
}

describe.each([0.15, 0.5, 0.9])('a half-space at distance %d', (distance) => {
  const pA = normalCdf(distance / SIGMA);
  let sampler: Sampler;
  const runs: { readonly selection: readonly number[]; readonly counts: readonly number[] }[] = [];

  beforeAll(async () => {
    sampler = await createSampler({
      model: linearModel([[0, 0, 0, 0, 0], W], [DOT - distance * NORM, 0]),
      latentDims: [5],
      classes: 2,
      workers: 1,
      batch: N,
      provider: 'cpu',
      batchable: true,
    });
    const draw = { latent: U, sigma: SIGMA, image: 0, from: 0 };
    for (let run = 0; run < SEEDS; run++) {
      const seed = BigInt(run) * 0x9e3779b97f4a7c15n;
      const [selection, estimation] = await Promise.all([
        sampler.count({ ...draw, seed, stage: Stage.selection, to: N0 }),
        sampler.count({ ...draw, seed, stage: Stage.estimation, to: N }),
      ]);
      runs.push({ selection: selection.counts, counts: estimation.counts });
    }
  });
  afterAll(() => sampler.close());

  it('is voted for with the closed-form probability', () => {
    const votes = runs.reduce((sum, { counts }) => sum + (counts[1] ?? 0), 0);
    const z = (votes - SEEDS * N * pA) / Math.sqrt(SEEDS * N * pA * (1 - pA));
    // P[|Z| > 5] = 6e-7
    expect(Math.abs(z)).toBeLessThan(5);
  });

  it.each(Object.values(VOTE_BOUNDS))(
    `$name: the certified radius exceeds the distance in at most ${ALPHA} of ${SEEDS} seeds`,
    (bound) => {
      let failures = 0;
      let total = 0;
      for (const { selection, counts } of runs) {
        const top = selectedClass({ counts: selection, nonFinite: 0 });
        if (top === null) continue;
        const { radius } = latentRadius({ counts, nonFinite: 0 }, top, {
          ...{ sigma: SIGMA, alpha: ALPHA, bound, tau: totalVariation(U, SIGMA) },
        });
        // The other class is wrong at the centre already: any radius for it is a failure.
        if (radius > (top === 1 ? distance : 0)) failures++;
        total += radius;
      }
      expect(failures).toBeLessThanOrEqual(mostFailures());
      // Sound because it is tight, not because it is empty.
      expect(total / SEEDS).toBeGreaterThan(distance * (bound.name === 'anytime' ? 0.05 : 0.3));
    },
  );

  it('a radius from the plain share of votes fails far more often, so the test can tell', () => {
    let failures = 0;
    for (const { counts } of runs) if ((counts[1] ?? 0) / N > pA) failures++;
    expect(failures).toBeGreaterThan(mostFailures() * 2);
  });
});
