import { describe, expect, it } from 'vitest';
import { wealthEnclosure } from '../../src/methods/smoothing/check/betting-product.ts';
import { anytimeLower } from '../../src/smoothing/votes/betting.ts';
import golden from '../fixtures/confidence.json' with { type: 'json' };

describe('the wealth of the bets', () => {
  it.each(golden.anytimeLower)(
    'reaches 1 / alpha at the bound, and not above it: %j',
    ({ k, n, alpha, value }) => {
      if (k === 0) return;
      const bound = anytimeLower(k, n, alpha);
      expect(wealthEnclosure(k, n, bound, 1 - bound, alpha).lower).toBeGreaterThan(1 - 1e-9);
      const above = value + Math.min(value, 1 - value) * 1e-6;
      expect(wealthEnclosure(k, n, above, 1 - above, alpha).upper).toBeLessThan(1);
    },
  );

  it('encloses the product in fractions of integers', () => {
    // p = 3/8: W = Π (2i-1) 8 / (2 i 3) · Π (2j-1) 8 / (2 (H+j) 5)
    for (const [successes, failures] of [
      [1, 0],
      [0, 1],
      [7, 3],
      [40, 60],
      [300, 20],
      [2000, 0],
      [0, 3000],
    ] as const) {
      let [above, below] = [1n, 1n];
      for (let i = 1; i <= successes; i++) {
        above *= BigInt(8 * (2 * i - 1));
        below *= BigInt(6 * i);
      }
      for (let j = 1; j <= failures; j++) {
        above *= BigInt(8 * (2 * j - 1));
        below *= BigInt(10 * (successes + j));
      }
      const { lower, upper } = wealthEnclosure(successes, successes + failures, 0.375, 0.625, 0.25);
      const scaled = (above << 1200n) / (4n * below);
      const units = (x: number): bigint =>
        x >= 2 ** 100 ? BigInt(x) << 1200n : BigInt(Math.floor(x * 2 ** 100)) << 1100n;
      expect(units(lower)).toBeLessThanOrEqual(scaled + 1n);
      if (Number.isFinite(upper)) expect(units(upper) + (1n << 1100n)).toBeGreaterThanOrEqual(scaled);
    }
  });
});
