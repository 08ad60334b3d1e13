/**
 * Rounding-error bookkeeping in float64, after Higham, "Accuracy and Stability of Numerical Algorithms" (2nd ed.):
 * unit roundoff u = 2^-53, gamma_n = n u / (1 - n u) bounds the relative error of any sum or product of n operations.
 */

/** Unit roundoff of float64. */
export const UNIT_ROUNDOFF = 2 ** -53;

/** Unit roundoff of float32. */
export const UNIT_ROUNDOFF_32 = 2 ** -24;

/** gamma_n, an upper bound: relative error of a chain of n float64 operations (Higham, Lemma 3.1). */
export function gamma(n: number): number {
  const nu = n * UNIT_ROUNDOFF;
  return (nu / (1 - nu)) * (1 + 2 ** -40);
}

/**
 * An upper bound on the exact value of a sum of `terms` non-negative products (or a root or quotient of such a sum)
 * whose float64 evaluation gave `computed`.
 */
export function inflate(computed: number, terms: number): number {
  return computed * (1 + 2 * (terms + 4) * UNIT_ROUNDOFF);
}

/** Upper bound on the l2 norm of a vector. */
export function normUp(x: Float64Array): number {
  let sum = 0;
  for (const v of x) sum += v * v;
  return sum === 0 ? 0 : inflate(Math.sqrt(sum), x.length);
}
