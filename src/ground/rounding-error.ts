/**
 * Rounding-error bookkeeping in float64, after Higham, "Accuracy and Stability of Numerical Algorithms" (2nd ed.):
 * unit roundoff u = 2^-53, gamma_n = n u / (1 - n u) bounds the relative error of any sum or product of n operations.
 *
 * That model holds in the normal range. Below it a product is off by an absolute 2^-1075 that no factor mends: a square of
 * 1e-170 is 0. (Sums are exact there.) So a bound either keeps away from that range, by a power of two, or adds `TINY`.
 * Infinity stands for "no bound", and so does NaN: whatever compares a bound with a radius must fail for both.
 */

/** Unit roundoff of float64. */
export const UNIT_ROUNDOFF = 2 ** -53;

/**
 * More than what underflow can have taken from a vector, or from a matrix's norm, of any network that is not refused
 * (carried-range.ts): 2^-1075 for each of at most 2^60 products, through at most two further factors of norm below 2^250 each.
 * No movement and no inexact value is taken to be smaller either, so that the next product cannot underflow.
 */
export const TINY = 2 ** -400;

/** Sums of squares between these have lost nothing that `inflate` does not cover. */
const LEAST_SQUARES = 2 ** -900;
const MOST_SQUARES = 2 ** 900;

/** gamma_n, an upper bound: relative error of a chain of n float64 operations (Higham, Lemma 3.1). */
export function gamma(n: number): number {
  const nu = n * UNIT_ROUNDOFF;
  return (nu / (1 - nu)) * (1 + 2 ** -40);
}

/**
 * An upper bound on the exact value of a sum of `terms` non-negative products (or a root or quotient of such a sum)
 * whose float64 evaluation gave `computed`, none of whose products is below the normal range; 0 for 0. A result below
 * the normal range is covered: there the last operation rounds by at most 2^-1075.
 */
export function inflate(computed: number, terms: number): number {
  const raised = computed * (1 + 2 * (terms + 4) * UNIT_ROUNDOFF);
  return computed > 0 && computed < LEAST_SQUARES ? raised + Number.MIN_VALUE : raised;
}

/**
 * Upper bound on a b up to a relative 2^-53, for a, b >= 0: 0 only if a factor is, so that what moves is never taken to
 * stand still. 0 times Infinity is 0: what does not move does not, whatever it is multiplied by.
 */
export function productUp(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : a * b + Number.MIN_VALUE;
}

/** Upper bound on x 2^exponent for x >= 0 (x itself within its own bound); Infinity where it overflows. */
export function timesPowerUp(x: number, exponent: number): number {
  let value = x;
  let left = exponent;
  for (; left > 1000 && value !== 0; left -= 1000) value *= 2 ** 1000;
  for (; left < -1000 && value !== 0; left += 1000) value = value * 2 ** -1000 + Number.MIN_VALUE;
  return value === 0 ? 0 : value * 2 ** left + (left < 0 ? Number.MIN_VALUE : 0);
}

/** A k with 2^(k-1) <= |x| <= 2^(k+1), for finite x other than 0. */
export function exponentOf(x: number): number {
  return Math.round(Math.log2(Math.abs(x)));
}

/** Upper bound on the sum of numbers that are not negative. */
export function sumUp(x: Float64Array): number {
  let sum = 0;
  for (const v of x) sum += v;
  return inflate(sum, x.length);
}

/** Upper bound on the l2 norm of a vector; 0 only if every entry is. NaN or Infinity where an entry is. */
export function normUp(x: Float64Array): number {
  let sum = 0;
  for (const v of x) sum += v * v;
  if (sum > LEAST_SQUARES && sum < MOST_SQUARES) return inflate(Math.sqrt(sum), x.length);
  // Brought where squares neither overflow nor vanish, by a power of two, which is exact. What still vanishes is less than
  // 2^-300 of the largest entry.
  const up = sum < 1;
  const scale = up ? 2 ** 600 : 2 ** -600;
  let scaled = 0;
  for (const v of x) scaled += (v * scale) ** 2;
  return timesPowerUp(inflate(Math.sqrt(scaled), x.length), up ? -600 : 600);
}
