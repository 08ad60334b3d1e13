/**
 * How far the noise that is drawn (`rounded-noise.ts`) can be from the noise that is analysed: an upper bound tau on the
 * total variation between Q(u + sigma G~), G~ our float64 normals, and Q(u + sigma G), G ideal ones. Every probability of
 * an answer differs by tau at most, so a lower bound on the one, less tau, is a lower bound on the other. The only
 * assumption is that the words of Philox are independent and uniform.
 *
 * Proof. Write e = 2^-53, and x = u / sigma for one coordinate of the latent.
 *
 * Coupling. Let V, V' be uniform on [0, 1), independent of the words. U = (w + V) 2^-64 and a = 2 pi (w' + V') 2^-64 are
 * exactly uniform, so R = sqrt(-2 ln U), R cos a and R sin a are exact normals. Q of the computed and of the exact sum differ
 * only where a boundary (odd multiple of q / 2) lies between them, hence within their distance of the exact sum. Total
 * variation over all coordinates is at most the sum of the probabilities of that.
 *
 * Distance, in units of sigma, for U >= 2^-64 (below: probability 2^-64) and not within e of sqrt(1/2), where k may be either
 * value (probability 2 e). Second-order terms are covered by rounding up.
 *   v = (w + 1)(1 + d), |d| <= e:         |ln v 2^-64 - ln U| <= 2^-64 / U + 1.01 e.
 *   -4 atanh d: d is off by 2 e, the polynomial by 1.8 e (tools/golden/noise.py), two more roundings; what is added to
 *   -4 is at most 1 % of it:              6 e relative.
 *   (64 - k) 2 ln 2: 2 e relative; the sum of both: e. So L~ is off from L = -2 ln U by at most
 *       U <= sqrt(1/2):  2^-63 / U + 8.1 e + 4.1 e L     (|2 ln m| <= 0.694)
 *       U >  sqrt(1/2):  2^-63 / U + 2.1 e + 7.1 e L     (k = 64: the first term is 0)
 *   |sqrt L~ - sqrt L| = |L~ - L| / (sqrt L~ + sqrt L) <= |L~ - L| / (1.9 R) where R >= 0.8326 2^-24; the root, the ratio: e R
 *   each.
 *   t: two constants, two products, a sum: 3 e |t| <= 2.37 e. Cosine: 0.71 of that, 0.8 e for the polynomial, 1.9 e for its
 *   evaluation, 4.4 e in all; sine: 2.37 e, 1.1 e. Product with r: e R. Sum: e (R + |x|). Together the distance is at most
 *       U <= sqrt(1/2), rings:  (1.06 * 2^-64 / U + 4.3 e) / R + 10.7 e R + e |x|
 *       U >  sqrt(1/2), discs:  1.2 e / R + 12.3 e R + e |x|.
 *
 * Probability of a boundary that near, for ratio = sigma / q, so that boundaries are 1 / ratio apart. Where a density is
 * unimodal with mass P and maximum f, the mass within s of the boundaries is at most 2 s (P ratio + f).
 *   Rings, U in [2^-(j+1), 2^-j), j = 0 .. 63, U <= sqrt(1/2): R lies between r_j = sqrt(2 j ln 2) (or 0.832) and r_(j+1) and
 *   has the density r exp(-r^2 / 2), independent of a. Given a, x + R cos a has 1 / |cos a| times that, at r / |cos a|:
 *   unimodal. So 2 s_j (P_j ratio + f_j / |cos a|), and E[1 / |cos a|; |cos a| >= 2^-52] <= (2 / pi) ln 2^53 < 23.5; the rest
 *   of a has probability 2^-52 at most. The same holds for the sine.
 *   Discs, rho / 2 <= R < rho, rho = 0.8326 2^-k, k = 0 .. 23: the density of (R cos a, R sin a) is at most 1 / (2 pi), and
 *   a strip of half width s cuts an area of at most 4 s rho out of the disc; 2 rho ratio + 1.01 strips meet it. So
 *   (2 / pi) s_k rho (2 rho ratio + 1.01).
 *   R < 0.8326 2^-24: probability below 2^-49.
 * The number of strips supposes e |x| ratio <= 2^-20; a latent beyond counts in full. []
 *
 * For a ratio of 256 .. 512 and a latent near 0 this is 1.6e-12 .. 3.0e-12 per coordinate.
 */
import { gridOf } from './rounded-noise.ts';

/** Unit roundoff of float64. */
const E = 2 ** -53;
/** Covers the roundings of the sums below, and second-order terms. */
const UP = 1 + 2 ** -20;

/** Bound on the probability that one coordinate is rounded elsewhere: atZero + perSigma * |latent| / sigma. */
export interface CoordinateError {
  readonly atZero: number;
  readonly perSigma: number;
}

/**
 * The distance of the proof where U <= sqrt(1/2), u <= U and least <= R <= most, without e |x|, in units of sigma: an upper
 * bound on the error of r cos a and r sin a. `unit` is e, or more in tests of the counting.
 */
export const ringDistance = (u: number, least: number, most: number, unit = E): number =>
  ((1.06 * unit * 2 ** -11) / u + 4.3 * unit) / least + 10.7 * unit * most;

/** The same where U > sqrt(1/2). */
export const discDistance = (least: number, most: number, unit = E): number =>
  (1.2 * unit) / least + 12.3 * unit * most;

/** The two constants of the proof for a ratio sigma / q. Upper bounds. */
export function coordinateError(ratio: number, unit = E): CoordinateError {
  const rings = ringError(ratio, unit);
  const discs = discError(ratio, unit);
  const rare = 2 ** -64 + 2 * E + 2 ** -52 + 2 ** -49;
  return {
    atZero: (rings.atZero + discs.atZero + rare) * UP,
    perSigma: (rings.perSigma + discs.perSigma) * UP,
  };
}

/** The part of U <= sqrt(1/2). */
export function ringError(ratio: number, unit = E): CoordinateError {
  let atZero = 0;
  let perSigma = 0;
  for (let j = 0; j < 64; j++) {
    const nearest = j === 0 ? 0.8325 : Math.sqrt(2 * j * Math.LN2) * (1 - E);
    const farthest = Math.sqrt(2 * (j + 1) * Math.LN2) * UP;
    const mass = j === 0 ? Math.SQRT1_2 - 0.5 : 2 ** -(j + 1);
    // r exp(-r^2 / 2) rises up to r = 1 and falls from there.
    const density = j === 0 ? Math.exp(-0.5) : nearest * 2 ** -j;
    const near = 2 * (mass * ratio + 23.5 * density);
    atZero += ringDistance(2 ** -(j + 1), nearest, farthest, unit) * near;
    perSigma += unit * near;
  }
  return { atZero, perSigma };
}

/** The part of U > sqrt(1/2). */
export function discError(ratio: number, unit = E): CoordinateError {
  let atZero = 0;
  let perSigma = 0;
  for (let k = 0; k < 24; k++) {
    const rho = 0.8326 * 2 ** -k;
    const near = (2 / Math.PI) * rho * (2 * rho * ratio + 1.01);
    atZero += discDistance(rho / 2, rho, unit) * near;
    perSigma += unit * near;
  }
  return { atZero, perSigma };
}

/**
 * tau: an upper bound on the total variation between the noise drawn around `latent` and ideal rounded Gaussian noise of
 * standard deviation sigma, at most 1. To be taken off every lower bound on a probability, and added to every upper one.
 * @param latent in units of the cut tensor
 * @param grid what is rounded to
 * @throws RangeError when sigma is out of range
 */
export function totalVariation(latent: Float64Array, sigma: number, grid: number = gridOf(sigma)): number {
  const ratio = sigma / grid;
  const { atZero, perSigma } = coordinateError(ratio);
  const largest = 2 ** -20 / (E * ratio);
  let total = 0;
  for (const value of latent) {
    const magnitude = Math.abs(value) / sigma;
    // Written so that NaN counts in full.
    total += magnitude <= largest ? atZero + perSigma * magnitude : 1;
  }
  return Math.min(1, total * UP);
}
