/**
 * How far uniform noise as it is drawn (`uniform-noise.ts`) can be from the noise that is analysed: an upper bound tau on the total
 * variation between Q(u + lambda U~), U~ our float64 values, and Q(u + lambda U), U exactly uniform on [-1, 1]. As in
 * `noise-error.ts` the only assumption is that the words of Philox are independent and uniform.
 *
 * Proof. Write e = 2^-53, ratio = lambda / q, and u for one coordinate of the latent.
 *
 * Coupling. Let V be uniform on [0, 1), independent of the words. U = (w + V) 2^-63 - 1 is exactly uniform on [-1, 1). Q of the
 * computed and of the exact sum differ only where a boundary (odd multiple of q / 2) lies between them, hence within their distance
 * of the exact sum.
 *
 * Distance, in units of lambda. The terms w0 2^32 - 2^63 and w1 + 1/2 are exact, and their exact sum is within 2^-64 of 2^63 U,
 * scaled by 2^-63 (|V - 1/2| <= 1/2). Rounding the sum, of at most 2^63: e. The product with ratio 2^-63: e. u / q and
 * 2^-63 ratio are exact: powers of two. The sum with u / q: e (1 + |u| / lambda). Together at most
 *
 *   s = 2^-64 + 3 e + e |u| / lambda.
 *
 * Probability of a boundary that near. The exact sum has the density 1 / (2 lambda) on [u - lambda, u + lambda], so a strip of half
 * width s lambda has probability s at most. Strips that meet the interval belong to boundaries in an interval of length
 * 2 lambda (1 + s); boundaries are q apart: at most 2 ratio (1 + s) + 1 of them. So s (2 ratio + 1.01) where s ratio <= 0.005, which
 * e (|u| / lambda) ratio <= 2^-20 implies; a coordinate beyond counts in full. Total variation over all coordinates is at most the sum. []
 *
 * For a ratio of 256 .. 512 and |u| <= lambda this is 2.3e-13 .. 4.6e-13 per coordinate.
 */
import { gridOf } from './rounded-noise.ts';

/** Unit roundoff of float64. */
const E = 2 ** -53;
/** Covers the roundings of the sums below. */
const UP = 1 + 2 ** -20;

/** The distance of the proof, in units of lambda. @param magnitude |u| / lambda */
export const uniformDistance = (magnitude: number): number => 2 ** -64 + 3 * E + E * magnitude;

/** Bound on the probability that one coordinate is rounded elsewhere; 1 where the proof has none. */
export function uniformCoordinateError(ratio: number, magnitude: number): number {
  // Written so that NaN counts in full.
  return E * magnitude * ratio <= 2 ** -20 ? uniformDistance(magnitude) * (2 * ratio + 1.01) * UP : 1;
}

/**
 * tau: an upper bound on the total variation between the noise drawn around `latent` and ideal rounded uniform noise, at most 1.
 * To be taken off every lower bound on a probability, and added to every upper one.
 * @param latent in input units
 * @param grid what is rounded to
 * @throws RangeError when lambda is out of range
 */
export function uniformVariation(
  latent: Float64Array,
  lambda: number,
  grid: number = gridOf(lambda),
): number {
  const ratio = lambda / grid;
  let total = 0;
  for (const value of latent) total += uniformCoordinateError(ratio, Math.abs(value) / lambda);
  return Math.min(1, total * UP);
}
