/** The checker's own tails and quantiles: against 50-digit values, and against those that `certify` uses. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tailEnclosure } from '../../src/methods/smoothing/check/binomial-sum.ts';
import { distributionMinus, quantileEnclosure } from '../../src/methods/smoothing/check/normal-series.ts';
import { clopperPearsonLower } from '../../src/smoothing/votes/clopper-pearson.ts';
import { normalQuantileLower, normalQuantileUpper } from '../../src/smoothing/votes/normal-quantile.ts';

interface Fixture {
  readonly normalQuantile: readonly { p: number; value: number }[];
  readonly binomialUpperTail: readonly { k: number; n: number; p: number; value: number }[];
}
const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/confidence.json', import.meta.url), 'utf8'),
) as Fixture;

describe('the binomial tail by direct summation', () => {
  test('encloses the 50-digit values of the fixture, to ten digits', () => {
    expect(fixture.binomialUpperTail.length).toBeGreaterThan(10);
    for (const { k, n, p, value } of fixture.binomialUpperTail) {
      const { lower, upper } = tailEnclosure(k, n, p, 1 - p);
      const what = `P[Bin(${n}, ${p}) >= ${k}]`;
      // The fixture's decimal is itself rounded to a float64; a tail below 1e-280 is only bounded.
      expect(lower, what).toBeLessThanOrEqual(value * (1 + 2 ** -52));
      expect(upper, what).toBeGreaterThanOrEqual(value * (1 - 2 ** -52));
      if (value > 1e-280) expect(upper - lower, what).toBeLessThan(1e-10 * value);
    }
  });

  test('is exact on small binomials, whose terms are counted out in integers', () => {
    for (let n = 1; n <= 12; n++) {
      for (let k = 0; k <= n; k++) {
        // p = 3/4: the tail is Σ C(n,j) 3^j / 4^n.
        let [choose, sum] = [1, 0];
        for (let j = 0; j <= n; j++) {
          if (j >= k) sum += choose * 3 ** j;
          choose = (choose * (n - j)) / (j + 1);
        }
        const { lower, upper } = tailEnclosure(k, n, 0.75, 0.25);
        expect(lower).toBeLessThanOrEqual(sum / 4 ** n);
        expect(upper).toBeGreaterThanOrEqual(sum / 4 ** n);
        expect(upper - lower).toBeLessThan(1e-12);
      }
    }
  });

  test("finds the tail at certify's p_A at alpha, and above alpha a millionth further on", () => {
    const counts = fc
      .tuple(fc.integer({ min: 1, max: 3_000_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([n, share]) => ({ n, k: Math.max(1, Math.round(n * share)) }));
    fc.assert(
      fc.property(counts, fc.constantFrom(0.001, 0.0005, 0.01, 0.4), ({ k, n }, alpha) => {
        const p = clopperPearsonLower(k, n, alpha);
        expect(tailEnclosure(k, n, p, 1 - p).upper).toBeLessThanOrEqual(alpha);
        const beyond = p + Math.min(p, 1 - p) * 1e-6;
        expect(tailEnclosure(k, n, beyond, 1 - beyond).lower).toBeGreaterThan(alpha);
      }),
      { numRuns: 300, seed: 5 },
    );
  });

  test('a tail too small for float64 is bounded, not called zero', () => {
    const { lower, upper } = tailEnclosure(99_000, 100_000, 0.001, 0.999);
    expect(lower).toBe(0);
    expect(upper).toBeGreaterThan(0);
    expect(upper).toBeLessThan(1e-280);
  });
});

const BITS = 256n;

/** x · 2^256 as an integer; exact for x a multiple of 2^-256, else cut off. */
function fixed(x: number): bigint {
  if (x === 0) return 0n;
  const exponent = Math.floor(Math.log2(Math.abs(x))) - 60;
  const digits = BigInt(x * 2 ** -exponent);
  const shift = BITS + BigInt(exponent);
  return shift >= 0n ? digits << shift : digits >> -shift;
}

/** floor(2^256 / sqrt(2π)), by mpmath. */
const DENSITY = 46194360132781112550002021175736725500524138381534012844286371432913401257262n;

/** (Φ(x) - 1/2) · 2^256 by the series, in integers. */
function excessIn256Bits(x: number): bigint {
  const at = fixed(x);
  const half = (at * at) >> (BITS + 1n);
  let power = at;
  let sum = at;
  for (let k = 1n; power > 0n; k++) {
    power = ((power * half) >> BITS) / k;
    const term = power / (2n * k + 1n);
    sum += k % 2n === 0n ? term : -term;
  }
  return (sum * DENSITY) >> BITS;
}

/** A float64 near Φ(x), so that the difference cancels. */
const quantileInverse = (x: number): number => 0.5 + Number(excessIn256Bits(x) >> 200n) / 2 ** 56;

describe('the normal distribution by its Maclaurin series', () => {
  // Below 1 - 1e-11 lies every p_A that 2^30 draws can give.
  const reachable = fixture.normalQuantile.filter(({ p }) => p > 1e-11 && p < 1 - 1e-11);

  test('encloses the quantiles of the fixture, and those of certify lie just below and above', () => {
    expect(reachable.length).toBeGreaterThan(10);
    for (const { p, value } of reachable) {
      const { lower, upper } = quantileEnclosure(p);
      expect(lower, String(p)).toBeLessThanOrEqual(value + Math.abs(value) * 2 ** -52);
      expect(upper, String(p)).toBeGreaterThanOrEqual(value - Math.abs(value) * 2 ** -52);
      expect(normalQuantileLower(p)).toBeLessThanOrEqual(upper);
      expect(normalQuantileUpper(p)).toBeGreaterThanOrEqual(lower);
      if (p > 0.5) expect(upper - lower, String(p)).toBeLessThanOrEqual(1e-9 * upper);
    }
  });

  test('the enclosure of Φ(x) - p contains the value of the series in 256-bit integers, and is narrow', () => {
    const points = fc.tuple(
      fc.double({ min: 1e-9, max: 6.5, noNaN: true }),
      fc.double({ min: 0.5, max: 1, noNaN: true }),
    );
    fc.assert(
      fc.property(points, ([x, p]) => {
        for (const at of [p, Math.min(1, quantileInverse(x))]) {
          const exact = excessIn256Bits(x) - fixed(at - 0.5);
          const { lower, upper } = distributionMinus(x, at);
          // The reference itself is off by a few hundred units of 2^-256.
          expect(fixed(lower) <= exact + 1000n).toBe(true);
          expect(fixed(upper) >= exact - 1000n).toBe(true);
          const width = 2 ** -52 * (Math.abs(lower) + Math.abs(upper)) + 1e-28 * Math.exp((x * x) / 2);
          expect(upper - lower).toBeLessThan(2 * width + 1e-29);
        }
      }),
      { numRuns: 300, seed: 8 },
    );
  });

  test('the enclosures of Φ(x) - p are ordered in x', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.500001, max: 1 - 1e-11, noNaN: true }),
        fc.double({ min: 1e-9, max: 0.1, noNaN: true }),
        (p, step) => {
          const { lower, upper } = quantileEnclosure(p);
          expect(distributionMinus(lower, p).upper).toBeLessThanOrEqual(0);
          expect(distributionMinus(upper, p).lower).toBeGreaterThanOrEqual(0);
          expect(distributionMinus(lower * (1 - step), p).upper).toBeLessThanOrEqual(0);
          expect(distributionMinus(upper * (1 + step), p).lower).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 500, seed: 6 },
    );
  });
});
