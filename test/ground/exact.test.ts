/** A sum or product is given exactly or not at all. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exactProduct, exactSum } from '../../src/ground/exact.ts';

/** Whole numbers of up to 60 bits that float64 holds. */
const whole = fc
  .tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 7 }))
  .map(([mantissa, shift]) => mantissa * 2 ** shift);
const short = fc.integer({ min: -(2 ** 26), max: 2 ** 26 });

const asFloat = (exact: bigint): number | null => (BigInt(Number(exact)) === exact ? Number(exact) : null);

it('sums, against whole numbers of any length', () => {
  fc.assert(
    fc.property(fc.oneof(whole, short), fc.oneof(whole, short), (a, b) => {
      expect(exactSum(a, b)).toBe(asFloat(BigInt(a) + BigInt(b)));
    }),
    { numRuns: 2000 },
  );
});

it('products, against whole numbers of any length, and scaled by powers of two', () => {
  fc.assert(
    fc.property(
      fc.oneof(whole, short),
      fc.oneof(whole, short),
      fc.integer({ min: -90, max: 90 }),
      (a, b, scale) => {
        const exact = asFloat(BigInt(a) * BigInt(b));
        // 0 may have either sign.
        expect((exactProduct(a * 2 ** scale, b) ?? Number.NaN) + 0).toBe((exact ?? Number.NaN) * 2 ** scale);
      },
    ),
    { numRuns: 2000 },
  );
});

it('nothing where a part could leave the range of float64', () => {
  expect(exactProduct(2 ** 500, 1)).toBeNull();
  expect(exactProduct(2 ** -500, 3)).toBeNull();
  expect(exactProduct(Number.NaN, 0)).toBeNull();
  expect(exactSum(Number.POSITIVE_INFINITY, 1)).toBeNull();
});
