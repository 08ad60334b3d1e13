/**
 * The empirical Bernstein bound of Maurer & Pontil ("Empirical Bernstein bounds and sample variance penalization", COLT 2009,
 * theorem 4) on the mean of n independent values in [0,1]: with probability at least 1 - alpha it is at least
 *
 *   mean - sqrt(2 V ln(2 / alpha) / n) - 7 ln(2 / alpha) / (3 (n - 1)),      V the sample variance, over n - 1.
 *
 * The weights of knots give the mean exactly, and the squares from above, since squaring is convex: V comes out no smaller, and the
 * bound no larger.
 */
import { KNOTS, UNITS, type Weights } from '../scores/score-sums.ts';

/** Roundings of the root, the products and the differences. */
const DOWN = 2 ** -48;

/** @returns a lower bound on the mean; 0 at least */
export function bernsteinLower(weights: Weights, alpha: number): number {
  // Integers below 2^53, as long as there are no more draws than can be made; their products are exact in BigInt.
  const total = weights.reduce((sum, w) => sum + w, 0);
  const first = weights.reduce((sum, w, k) => sum + w * k, 0);
  const second = weights.reduce((sum, w, k) => sum + w * k * k, 0);
  const n = total / UNITS;
  if (n < 2) return 0;
  const squares = BigInt(total) * BigInt(second) - BigInt(first) ** 2n;
  const variance = (Number(squares) / (total * KNOTS) ** 2) * (n / (n - 1));
  const level = Math.log(2 / alpha);
  const off = Math.sqrt((2 * variance * level) / n) + (7 * level) / (3 * (n - 1));
  return Math.max(0, first / (total * KNOTS) - off - DOWN);
}
