/**
 * The noise of certificates is rounded Gaussian noise, independent between all counters. On fixed seeds: these tests pass or
 * fail for good. Each statistic is standard normal to good accuracy if the noise is what it claims, and is refused beyond 5.5:
 * P[|Z| > 5.5] = 3.8e-8, so at most 1.5e-6 for the 37 statistics below together, had the seeds been drawn anew.
 * tools/bench/noise-distribution.mjs does the first of them on 10^9 draws.
 */
import { describe, expect, it } from 'vitest';
import { createNoiseKernel } from '../../src/smoothing/noise/noise-kernel.ts';
import { gridOf } from '../../src/smoothing/noise/rounded-noise.ts';
import { normalCdf } from '../../src/smoothing/votes/normal-quantile.ts';
import { itIsIndependent } from './independence.ts';

const REFUSED_BEYOND = 5.5;
const D = 20_000;
const SAMPLES = 100;
const N = D * SAMPLES;
/** A latent that is not on the grid. */
const SIGMA = 0.3;
const Q = gridOf(SIGMA);
const U = 0.37 * Q;

const kernel = createNoiseKernel(2 * D, D);
kernel.centre.fill(U / Q);
function draw(at: 0 | 1, stage: number, image: number, sample: number): Float32Array {
  const out = kernel.base + 4 * D * at;
  kernel.exports.perturb(out, kernel.centreBase, D, SIGMA / Q, Q, stage, image, sample, 0x1234, 0x5678);
  return kernel.floats.subarray(D * at, D * (at + 1));
}
/** In units of sigma, around 0. */
const standard = (value: number): number => (value - U) / SIGMA;

describe('the distribution of rounded noise', () => {
  it('is that of exact bin probabilities (chi-squared over all bins that expect ten draws)', () => {
    const counts = new Map<number, number>();
    for (let sample = 0; sample < SAMPLES; sample++)
      for (const value of draw(0, 1, 0, sample)) counts.set(value, (counts.get(value) ?? 0) + 1);
    let statistic = 0;
    let bins = 0;
    let rest = 1;
    let restCount = N;
    for (let k = -2000; k <= 2000; k++) {
      const p = normalCdf(standard((k + 0.5) * Q)) - normalCdf(standard((k - 0.5) * Q));
      if (N * p < 10) continue;
      const found = counts.get(k * Q) ?? 0;
      statistic += (found - N * p) ** 2 / (N * p);
      bins++;
      rest -= p;
      restCount -= found;
    }
    expect(bins).toBeGreaterThan(2000);
    expect(Math.abs(restCount - N * rest) / Math.sqrt(N * rest)).toBeLessThan(REFUSED_BEYOND);
    // Wilson and Hilferty: the cube root of chi-squared per degree is nearly normal.
    const z = (Math.cbrt(statistic / bins) - (1 - 2 / (9 * bins))) / Math.sqrt(2 / (9 * bins));
    expect(Math.abs(z)).toBeLessThan(REFUSED_BEYOND);
  });

  it('would be noticed if the centre were off by a tenth of the grid, or sigma by 0.2 %', () => {
    const bins = (offset: number, scale: number): number => {
      let statistic = 0;
      let count = 0;
      for (let k = -900; k <= 900; k++) {
        const at = (edge: number) => normalCdf(((edge * Q - U) / SIGMA) * scale + offset);
        const wrong = at(k + 0.5) - at(k - 0.5);
        const right = normalCdf(standard((k + 0.5) * Q)) - normalCdf(standard((k - 0.5) * Q));
        statistic += (N * (wrong - right) ** 2) / right;
        count++;
      }
      // Expected shift of the statistic in standard deviations.
      return statistic / Math.sqrt(2 * count);
    };
    expect(bins(0, 1.01)).toBeGreaterThan(REFUSED_BEYOND);
    expect(bins(0.02, 1)).toBeGreaterThan(REFUSED_BEYOND);
  });

  it('has the moments of the normal: E x^j for j = 1..6, rounding allowed for', () => {
    const sums = new Float64Array(7);
    for (let sample = 0; sample < SAMPLES; sample++)
      for (const value of draw(0, 1, 1, sample)) {
        const x = standard(value);
        let power = 1;
        for (let j = 1; j <= 6; j++) {
          power *= x;
          sums[j] = (sums[j] ?? 0) + power;
        }
      }
    const moment = [1, 0, 1, 0, 3, 0, 15, 0, 105, 0, 945, 0, 10395];
    // Rounding to a grid of width w adds w^2 / 12 to the variance (Sheppard).
    const w2 = (Q / SIGMA) ** 2 / 12;
    const shift = [0, 0, w2, 0, 6 * w2, 0, 45 * w2];
    for (let j = 1; j <= 6; j++) {
      const mean = (moment[j] ?? 0) + (shift[j] ?? 0);
      const variance = (moment[2 * j] ?? 0) - (moment[j] ?? 0) ** 2;
      const z = ((sums[j] ?? 0) / N - mean) / Math.sqrt(variance / N);
      expect(Math.abs(z), `moment ${j}`).toBeLessThan(REFUSED_BEYOND);
    }
  });

  it('has the tails of the normal: shares beyond 1, 2, 3 and 4 sigma, on both sides', () => {
    const beyond = [1, 2, 3, 4].map((limit) => Math.round((limit * SIGMA) / Q) + 0.5);
    const counts = new Map<number, number>();
    for (let sample = 0; sample < SAMPLES; sample++)
      for (const value of draw(0, 2, 1, sample))
        for (const edge of beyond) {
          if (value / Q > edge) counts.set(edge, (counts.get(edge) ?? 0) + 1);
          if (value / Q < -edge) counts.set(-edge, (counts.get(-edge) ?? 0) + 1);
        }
    for (const edge of beyond)
      for (const [key, p] of [
        [edge, normalCdf(-standard(edge * Q))],
        [-edge, normalCdf(standard(-edge * Q))],
      ] as const) {
        const z = ((counts.get(key) ?? 0) - N * p) / Math.sqrt(N * p * (1 - p));
        expect(Math.abs(z), `beyond ${key}`).toBeLessThan(REFUSED_BEYOND);
      }
  });
});

describe('rounded noise', () => {
  itIsIndependent({ draw, standard, samples: SAMPLES, length: D, refusedBeyond: REFUSED_BEYOND });

  it('is independent of the other normal of its pair, in size as well: squares are uncorrelated', () => {
    let sum = 0;
    let pairs = 0;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const a = draw(0, 3, 0, sample);
      for (let i = 0; i + 3 < D; i += 4)
        for (const k of [0, 1]) {
          sum += (standard(a[i + k] ?? 0) ** 2 - 1) * (standard(a[i + k + 2] ?? 0) ** 2 - 1);
          pairs++;
        }
    }
    expect(Math.abs(sum / 2 / Math.sqrt(pairs))).toBeLessThan(REFUSED_BEYOND);
  });

  it('projects to a normal of the same variance in 8 directions of 784 coordinates', () => {
    const size = 784;
    for (let direction = 0; direction < 8; direction++) {
      const w = Float64Array.from({ length: size }, (_, i) => Math.sin((i + 1) * (direction + 1)));
      const norm = Math.sqrt(w.reduce((sum, x) => sum + x * x, 0));
      let squares = 0;
      const draws = 2000;
      for (let sample = 0; sample < draws; sample++) {
        const a = draw(0, 4 + direction, 3, sample);
        let sum = 0;
        for (let i = 0; i < size; i++) sum += (w[i] ?? 0) * standard(a[i] ?? 0);
        squares += (sum / norm) ** 2;
      }
      expect(Math.abs(squares - draws) / Math.sqrt(2 * draws), `direction ${direction}`).toBeLessThan(
        REFUSED_BEYOND,
      );
    }
  });
});
