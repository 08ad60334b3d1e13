import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { clopperPearsonLower } from '../../src/smoothing/clopper-pearson.ts';
import { drawsOf, latentRadius, selectedClass } from '../../src/smoothing/latent-radius.ts';
import { normalQuantileLower, normalQuantileUpper } from '../../src/smoothing/normal-quantile.ts';

const votes = (counts: readonly number[], nonFinite = 0) => ({ counts, nonFinite });
const settings = { sigma: 1, alpha: 0.001, bound: 'clopper-pearson', tau: 0 } as const;

describe('the radius at the cut', () => {
  it('of 100,000 unanimous draws is 3.8114 sigma', () => {
    const { pA, pB, radius, abstained } = latentRadius(votes([100_000, 0]), 0, settings);
    expect(pA).toBeCloseTo(0.99993092, 8);
    expect(pB).toBeNull();
    expect(radius).toBeCloseTo(3.81145, 4);
    expect(abstained).toBe(false);
    expect(latentRadius(votes([100_000, 0]), 0, { ...settings, sigma: 0.25 }).radius).toBe(radius / 4);
  });

  it('is never above sigma times the quantile of the exact bound', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 100_000 }),
        fc.double({ min: 0.5, max: 1, noNaN: true }),
        fc.double({ min: 1e-3, max: 4, noNaN: true }),
        (n, share, sigma) => {
          const k = Math.round(n * share);
          const { radius, pA } = latentRadius(votes([k, n - k]), 0, { ...settings, sigma });
          const above = sigma * normalQuantileUpper(pA);
          expect(radius).toBeLessThanOrEqual(Math.max(0, above));
          if (pA > 0.5) expect(radius).toBeGreaterThan(above * (1 - 1e-10));
        },
      ),
      { numRuns: 300, seed: 5 },
    );
  });

  it('abstains without a majority, and says so with radius 0', () => {
    expect(latentRadius(votes([52, 48]), 0, settings)).toMatchObject({ radius: 0, abstained: true });
    expect(latentRadius(votes([0, 100]), 0, settings)).toMatchObject({ pA: 0, radius: 0, abstained: true });
    expect(latentRadius(votes([0, 0], 100), 0, settings)).toMatchObject({ radius: 0, abstained: true });
  });

  it('in the runner-up form certifies a plurality that the other form cannot', () => {
    const plurality = votes([450, 300, 250]);
    expect(latentRadius(plurality, 0, settings).abstained).toBe(true);
    const { radius, pA, pB } = latentRadius(plurality, 0, { ...settings, bound: 'runner-up' });
    expect(pA).toBeLessThan(0.45);
    expect(pB).toBeGreaterThan(0.3);
    expect(radius).toBeGreaterThan(0.05);
  });

  it('in the runner-up form bounds the largest other count, non-finite draws included', () => {
    const runnerUp = { ...settings, bound: 'runner-up' } as const;
    const { pB } = latentRadius(votes([900, 60, 40]), 0, runnerUp);
    expect(pB).toBe(latentRadius(votes([900, 40, 0], 60), 0, runnerUp).pB);
    expect(latentRadius(votes([900, 60, 40]), 0, runnerUp).pA).toBe(clopperPearsonLower(900, 1000, 0.0005));
    expect(latentRadius(votes([100]), 0, runnerUp).abstained).toBe(false);
  });

  it('counts non-finite draws against the class', () => {
    expect(latentRadius(votes([900, 0], 100), 0, settings)).toEqual(
      latentRadius(votes([900, 100]), 0, settings),
    );
  });

  it('takes the error of the noise off p_A and adds it to p_B, rounded to the safe side', () => {
    const counts = votes([90_000, 6000, 4000]);
    const runnerUp = { ...settings, bound: 'runner-up' } as const;
    fc.assert(
      fc.property(fc.double({ min: 1e-15, max: 0.1, noNaN: true }), (tau) => {
        const exact = clopperPearsonLower(90_000, 100_000, 0.001);
        const { pA } = latentRadius(counts, 0, { ...settings, tau });
        expect(pA).toBeLessThan(exact);
        expect(exact - pA).toBeGreaterThanOrEqual(tau);
        expect(exact - pA).toBeLessThan(tau + 3e-16);
        const pair = latentRadius(counts, 0, { ...runnerUp, tau });
        const ideal = latentRadius(counts, 0, runnerUp);
        expect(ideal.pA - pair.pA).toBeGreaterThanOrEqual(tau);
        expect((pair.pB ?? 0) - (ideal.pB ?? 1)).toBeGreaterThanOrEqual(tau);
      }),
      { numRuns: 200, seed: 6 },
    );
    expect(latentRadius(counts, 0, { ...settings, tau: 1 })).toMatchObject({ pA: 0, abstained: true });
    expect(latentRadius(counts, 0, { ...runnerUp, tau: 1 })).toMatchObject({ pB: 1, abstained: true });
  });

  it('is below the exact product of sigma and quantile, roundings of both counted', () => {
    // Multiples of 2^-70 at the sizes met here, so the comparison is exact.
    const exact = (x: number): bigint => BigInt(x * 2 ** 70);
    for (let k = 600; k <= 1000; k++) {
      const sigma = 0.5 + (k - 600) / 1007;
      const { radius, pA } = latentRadius(votes([k * 100, (1000 - k) * 100]), 0, { ...settings, sigma });
      const q = normalQuantileLower(pA);
      if (radius === 0) continue;
      expect(exact(radius) << 70n <= exact(sigma) * exact(q), `k = ${k}`).toBe(true);
    }
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-60])('refuses sigma = %d', (sigma) => {
    expect(() => latentRadius(votes([100]), 0, { ...settings, sigma })).toThrow(UsageError);
  });

  it('refuses a class that does not exist', () => {
    expect(() => latentRadius(votes([1, 2]), 2, settings)).toThrow(RangeError);
  });
});

describe('the selected class', () => {
  it('is the first of the most voted, and none without votes', () => {
    expect(selectedClass(votes([3, 7, 7]))).toBe(1);
    expect(selectedClass(votes([0, 0], 10))).toBeNull();
    expect(drawsOf(votes([3, 7], 2))).toBe(12);
  });
});
