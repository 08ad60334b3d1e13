import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { anytimeLower } from '../../src/smoothing/votes/betting.ts';
import { binomialPoint, binomialUpperTail } from '../../src/smoothing/votes/binomial-tail.ts';
import {
  clopperPearsonInterval,
  clopperPearsonLower,
  clopperPearsonUpper,
} from '../../src/smoothing/votes/clopper-pearson.ts';
import { smallestUsefulN, VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import {
  normalCdf,
  normalQuantileLower,
  normalQuantileUpper,
} from '../../src/smoothing/votes/normal-quantile.ts';
import golden from '../fixtures/confidence.json' with { type: 'json' };

describe('the binomial tail', () => {
  it.each(golden.binomialUpperTail)('is just above the exact value for %j', ({ k, n, p, value }) => {
    const tail = binomialUpperTail(k, n, p);
    expect(tail).toBeGreaterThanOrEqual(value * (1 - 1e-15));
    expect(tail).toBeLessThanOrEqual(value * (1 + 3e-10));
  });

  it('agrees with a sum of exact point probabilities for every small n', () => {
    for (let n = 1; n <= 25; n++)
      for (const p of [0.1, 0.37, 0.5, 0.9]) {
        let choose = 1;
        const points: number[] = [];
        for (let k = 0; k <= n; k++) {
          points.push(choose * p ** k * (1 - p) ** (n - k));
          choose = (choose * (n - k)) / (k + 1);
        }
        for (let k = 0; k <= n; k++) {
          expect(binomialPoint(k, n, p) / (points[k] ?? 0)).toBeCloseTo(1, 12);
          const tail = points.slice(k).reduce((sum, x) => sum + x, 0);
          expect(binomialUpperTail(k, n, p) / tail).toBeCloseTo(1, 9);
        }
      }
  });
});

describe('Clopper-Pearson', () => {
  it.each(golden.clopperPearsonLower)('lower bound is below the exact one and within 1e-10: %j', (row) => {
    const { k, n, alpha, value } = row;
    const bound = clopperPearsonLower(k, n, alpha);
    expect(bound).toBeLessThanOrEqual(value);
    expect(value - bound).toBeLessThanOrEqual(1e-10);
    const mirror = clopperPearsonUpper(n - k, n, alpha);
    expect(mirror).toBeGreaterThanOrEqual(1 - value);
    expect(mirror - (1 - value)).toBeLessThanOrEqual(1e-10);
  });

  it('lower bound has a tail of at most alpha, for any count', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 1e-9, max: 0.499, noNaN: true }),
        (n, share, alpha) => {
          const k = Math.round(share * n);
          const bound = clopperPearsonLower(k, n, alpha);
          if (k === 0) expect(bound).toBe(0);
          else expect(binomialUpperTail(k, n, bound)).toBeLessThanOrEqual(alpha);
          expect(bound).toBeLessThanOrEqual(k / n);
        },
      ),
      { numRuns: 300, seed: 3 },
    );
  });

  it('interval spends half of alpha on each side', () => {
    const { lower, upper } = clopperPearsonInterval(80, 100, 0.05);
    expect(lower).toBe(clopperPearsonLower(80, 100, 0.025));
    expect(upper).toBe(clopperPearsonUpper(80, 100, 0.025));
    expect(clopperPearsonInterval(0, 10, 0.05).lower).toBe(0);
    expect(clopperPearsonInterval(10, 10, 0.05).upper).toBe(1);
  });

  it('names the smallest n that can certify', () => {
    for (const alpha of [0.4, 0.1, 0.05, 0.001, 1e-6, 1e-12]) {
      const n = smallestUsefulN(VOTE_BOUNDS['clopper-pearson'], alpha);
      expect(clopperPearsonLower(n, n, alpha)).toBeGreaterThan(0.5);
      if (n > 1) expect(clopperPearsonLower(n - 1, n - 1, alpha)).toBeLessThanOrEqual(0.5);
    }
    expect(smallestUsefulN(VOTE_BOUNDS['clopper-pearson'], 0.001)).toBe(10);
  });

  it.each([0, 0.5, 1, -0.1, Number.NaN])('refuses alpha = %d', (alpha) => {
    expect(() => clopperPearsonLower(5, 10, alpha)).toThrow(UsageError);
    expect(() => clopperPearsonUpper(10, 10, alpha)).toThrow(UsageError);
    expect(() => anytimeLower(5, 10, alpha)).toThrow(UsageError);
    expect(() => smallestUsefulN(VOTE_BOUNDS['clopper-pearson'], alpha)).toThrow(UsageError);
  });

  it.each([
    [-1, 10],
    [11, 10],
    [1.5, 10],
    [0, 0],
  ])('refuses %d of %d', (k, n) => {
    expect(() => clopperPearsonLower(k, n, 0.1)).toThrow(RangeError);
    expect(() => anytimeLower(k, n, 0.1)).toThrow(RangeError);
  });
});

describe('the normal quantile', () => {
  // A golden value is itself rounded: half a unit in its last place is its own.
  const ulp = (x: number): number => Math.abs(x) * 2 ** -52;

  it.each(golden.normalQuantile)('is enclosed, and tightly: %j', ({ p, value }) => {
    const lower = normalQuantileLower(p);
    const upper = normalQuantileUpper(p);
    expect(lower).toBeLessThanOrEqual(value);
    expect(upper).toBeGreaterThanOrEqual(value);
    expect(upper - lower).toBeLessThanOrEqual(Math.abs(value) * 1e-11 + ulp(value));
  });

  it('is enclosed everywhere: our distribution function orders the two ends', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1 - 1e-12, noNaN: true }), (p) => {
        const lower = normalQuantileLower(p);
        const upper = normalQuantileUpper(p);
        expect(normalCdf(lower)).toBeLessThanOrEqual(p);
        expect(normalCdf(upper)).toBeGreaterThanOrEqual(p);
        expect(upper - lower).toBeLessThanOrEqual(1e-10 * Math.max(1e-3, Math.abs(upper)));
      }),
      { numRuns: 2000, seed: 4 },
    );
  });

  it('is infinite at 0 and 1, and refuses what is not a probability', () => {
    expect(normalQuantileLower(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantileUpper(1)).toBe(Number.POSITIVE_INFINITY);
    expect(() => normalQuantileLower(-0.1)).toThrow(RangeError);
    expect(() => normalQuantileUpper(Number.NaN)).toThrow(RangeError);
  });
});

describe('the anytime lower bound', () => {
  it.each(golden.anytimeLower)('is below the exact one and within 1e-9: %j', ({ k, n, alpha, value }) => {
    const bound = anytimeLower(k, n, alpha);
    expect(bound).toBeLessThanOrEqual(value);
    expect(value - bound).toBeLessThanOrEqual(1e-9);
  });

  it('costs something against a fixed number of draws, and little', () => {
    const anytime = anytimeLower(99_000, 100_000, 0.001);
    expect(anytime).toBeCloseTo(0.98832, 5);
    expect(anytime).toBeLessThan(clopperPearsonLower(99_000, 100_000, 0.001));
  });
});
