import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { clopperPearsonLower } from '../../src/smoothing/votes/clopper-pearson.ts';
import { VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { latentRadius, radiusAtProbability } from '../../src/smoothing/votes/latent-radius.ts';
import { normalQuantileLower, normalQuantileUpper } from '../../src/smoothing/votes/normal-quantile.ts';
import { drawsOf, selectedClass } from '../../src/smoothing/votes/vote-counts.ts';
import { units } from '../lipschitz/exact.ts';

const votes = (counts: readonly number[], nonFinite = 0) => ({ counts, nonFinite });
const settings = { sigma: 1, alpha: 0.001, bound: VOTE_BOUNDS['clopper-pearson'], tau: 0 } as const;

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

  it('is, to the last digit, no larger than the product and the difference it is: both round down', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 600, max: 1000 }),
        fc.integer({ min: 0, max: 200 }),
        fc.double({ min: 1e-3, max: 4, noNaN: true }),
        (most, other, sigma) => {
          const counts = [most, Math.min(other, 1000 - most), 0];
          const scale = units(sigma);
          const one = latentRadius(votes([most, 1000 - most]), 0, { ...settings, sigma });
          expect(units(one.radius) << 1074n).toBeLessThanOrEqual(scale * units(normalQuantileLower(one.pA)));
          expect(units(radiusAtProbability(one.pA, sigma))).toBe(units(one.radius));
          const two = latentRadius(votes(counts), 0, { ...settings, sigma, bound: VOTE_BOUNDS['runner-up'] });
          const difference =
            units(normalQuantileLower(two.pA)) - units(normalQuantileUpper(two.pB as number));
          if (!two.abstained) expect(units(two.radius) << 1075n).toBeLessThanOrEqual(scale * difference);
        },
      ),
      { numRuns: 200, seed: 6 },
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
    const { radius, pA, pB } = latentRadius(plurality, 0, { ...settings, bound: VOTE_BOUNDS['runner-up'] });
    expect(pA).toBeLessThan(0.45);
    expect(pB).toBeGreaterThan(0.3);
    expect(radius).toBeGreaterThan(0.05);
  });

  it('in the runner-up form bounds the largest other count, non-finite draws included', () => {
    const runnerUp = { ...settings, bound: VOTE_BOUNDS['runner-up'] } as const;
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
    const runnerUp = { ...settings, bound: VOTE_BOUNDS['runner-up'] } as const;
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
