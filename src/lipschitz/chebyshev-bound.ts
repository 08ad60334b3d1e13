/**
 * Probabilistic upper bound on the largest eigenvalue of a symmetric positive semidefinite G that is too large to
 * factorise, from k products and one Gaussian vector.
 *
 * Let y be a unit eigenvector of lambda = lambda_max(G), a > 0, beta = 2 lambda / a - 1, and T_k the Chebyshev polynomial.
 * For g ~ N(0, I) the number y.g is standard normal, so |y.g| >= c = delta sqrt(pi/2) with probability >= 1 - delta
 * (its density is at most 1/sqrt(2 pi)). Always |T_k(beta)| |y.g| = |y . T_k(2G/a - I) g| <= ||T_k(2G/a - I) g||. So with
 * probability >= 1 - delta: either lambda <= a, or T_k(beta) <= ||T_k(2G/a - I) g|| / c. Any a is valid; one close to
 * lambda keeps the vector short (||T_k g|| ~ sqrt(n)) and the bound tight: with n = 16384, delta = 1e-7, k = 128 it
 * exceeds the true norm by about 0.4 %.
 *
 * Rounding. The recurrence t_{j+1} = 2 (2G/a - I) t_j - t_{j-1} is computed with local errors of norm at most e_{j+1}.
 * Its component along y obeys the scalar recurrence with those errors, so for beta = cosh(theta) > 1
 *
 *   ||t_k|| >= T_k(beta) (c - sum_j R_j(theta) e_j),   R_j = U_{k-j}(beta) / T_k(beta)
 *            = sinh((k-j+1) theta) / (sinh(theta) cosh(k theta)).
 *
 * R_j falls as theta grows: d/dtheta log R_j = h(m) - h(1) - k tanh(k theta) with m = k-j+1 <= k, h(m) = m coth(m theta),
 * and dh/dm = coth x - x / sinh^2 x <= tanh x at x = m theta (which is tanh x <= x). So the right-hand side rises with
 * theta, and a theta at which it exceeds ||t_k|| is an upper bound: lambda <= a (1 + cosh theta) / 2.
 */
import { inflate, normUp, TINY } from '../ground/rounding-error.ts';
import type { SymmetricProduct } from './lanczos.ts';

/** Products spent per bound, unless the caller can afford only fewer: half as many triple the excess. */
const STEPS = 128;

/**
 * What a probe may lump together at zero: normals made from 52-bit uniforms (`smoothing/noise/probe.ts`) carry
 * no more than a probability of about 2^-51 at any one value. Taken off delta, with room to spare.
 */
const PROBE_LUMP = 2 ** -46;

/**
 * Factor by which the root of the bound usually exceeds the norm: T_k(beta) reaches ||t_k|| / c, with ||t_k|| about
 * sqrt(size), at cosh(k theta) = sqrt(size) / c.
 */
export function chebyshevExcess(size: number, delta: number, steps = STEPS): number {
  return Math.cosh(Math.acosh(Math.max(1, Math.sqrt(size) / (delta * Math.sqrt(Math.PI / 2)))) / steps / 2);
}

/** The end of the recurrence. */
interface Recurrence {
  /** ||t_k||, rounded up. */
  readonly length: number;
  /** Upper bounds on the local errors; `errors[i]` belongs to t_{i+1}. */
  readonly errors: readonly number[];
}

/** t_0 = start, ..., t_k, as computed. Parameters as for `chebyshevBound`. */
function recurrence(
  product: SymmetricProduct,
  start: Float64Array,
  a: number,
  productError: number,
  steps: number,
  underflow: number,
): Recurrence {
  const size = start.length;
  const image = new Float64Array(size);
  let previous = start;
  let current: Float64Array = new Float64Array(size);
  product(previous, image);
  for (let i = 0; i < size; i++) current[i] = (2 / a) * image[i]! - previous[i]!;

  // One step's error: the product's, and the roundings of sums of vectors no longer than these.
  const localError = (next: number, now: number, before: number): number =>
    inflate((4 / a) * (productError * now + underflow) + 2 ** -50 * (next + 4 * now + before) + TINY, 8);
  let before = normUp(previous);
  let now = normUp(current);
  const errors = [localError(now, before, 0)];
  for (let j = 2; j <= steps; j++) {
    product(current, image);
    const next: Float64Array = previous === start ? new Float64Array(size) : previous;
    for (let i = 0; i < size; i++) next[i] = 2 * ((2 / a) * image[i]! - current[i]!) - previous[i]!;
    previous = current;
    current = next;
    const length = normUp(current);
    errors.push(localError(length, now, before));
    before = now;
    now = length;
  }
  return { length: now, errors };
}

/** A theta at which the right-hand side above exceeds ||t_k||; null when cosh(k theta) would overflow first. */
function contradiction({ length, errors }: Recurrence, steps: number, c: number): number | null {
  const contradicts = (theta: number): boolean => {
    const growth = Math.cosh(steps * theta);
    let lost = 0;
    // R_{i+1} has m = k - i.
    errors.forEach((error, i) => {
      lost += (Math.sinh((steps - i) * theta) / (Math.sinh(theta) * growth)) * error;
    });
    return growth * (c - lost * (1 + 1e-9)) > length * (1 + 1e-9);
  };
  // cosh(k theta) overflows past k theta = 700; no probe needs that much.
  let high = 1 / steps;
  while (!contradicts(high)) {
    high *= 1.5;
    if (high * steps > 600) return null;
  }
  let low = high / 1.5;
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (contradicts(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * @param start g, drawn independently of G
 * @param a scale, an estimate of lambda_max(G)
 * @param productError upper bound on ||computed G x - G x|| / ||x||
 * @param steps k
 * @param underflow upper bound on what a computed G x may lose in addition, for any x
 * @returns an upper bound on lambda_max(G), false with probability at most delta; null when rounding swamps it
 */
export function chebyshevBound(
  product: SymmetricProduct,
  start: Float64Array,
  a: number,
  delta: number,
  productError: number,
  steps = STEPS,
  underflow = TINY,
): number | null {
  // Scales at which 2/a and its products with vectors are in the normal range.
  if (!(a > 2 ** -900 && a < 2 ** 900)) return null;
  const ended = recurrence(product, start, a, productError, steps, underflow);
  if (!Number.isFinite(ended.length)) return null;
  const c = (delta - PROBE_LUMP) * Math.sqrt(Math.PI / 2) * (1 - 2 ** -40);
  if (!(c > 0)) return null;
  const theta = contradiction(ended, steps, c);
  return theta === null ? null : (a / 2) * (1 + Math.cosh(theta)) * (1 + 2 ** -30);
}
