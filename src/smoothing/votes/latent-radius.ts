/**
 * From vote counts to a certified radius at the cut (Cohen, Rosenfeld, Kolter, "Certified adversarial robustness via
 * randomized smoothing", ICML 2019, theorem 1 and section 3.2). With probability at least 1 - α over the draws, the
 * smoothed right half gives the same class everywhere within the radius, in l2 at the cut.
 *
 *   R_u = σ Φ⁻¹(p_A)                      from a bound on the class alone
 *   R_u = σ/2 (Φ⁻¹(p_A) - Φ⁻¹(p_B))       from one on every other outcome as well (`VoteBound`)
 *
 * Votes bound the probabilities under the noise that was drawn; those under ideal noise differ by at most its total
 * variation τ (noise-error.ts), which is taken off p_A and added to p_B. Draws with a non-finite logit are an outcome of their
 * own: they count for no class.
 *
 * The class must have been chosen on other draws (`selectedClass` of vote-counts.ts). Every step is rounded down.
 */
import { UsageError } from '../../ground/errors.ts';
import { LARGEST_SIGMA, SMALLEST_SIGMA } from '../noise/rounded-noise.ts';
import { normalQuantileLower, normalQuantileUpper } from './normal-quantile.ts';
import type { VoteBound } from './vote-bound.ts';
import type { VoteCounts } from './vote-counts.ts';

/** An l2 radius in units of the cut tensor. Not an input radius: between the two lies the displacement bound. */
export type LatentRadius = number & { readonly __unit?: 'cut tensor, l2' };

export interface LatentCertificate {
  /** Lower bound on the probability of the class under ideal noise; may be below 1/2. */
  readonly pA: number;
  /** Upper bound on the probability of every other outcome under ideal noise; null when the bound does not use it. */
  readonly pB: number | null;
  /** Certified radius at the cut, rounded down; 0 when abstaining. */
  readonly radius: LatentRadius;
  /** The draws do not show that the class wins at all. */
  readonly abstained: boolean;
}

/**
 * The radius at the cut within which the smoothed right half certainly answers `top`, except with probability alpha.
 * @param sigma standard deviation of the noise, in units of the cut tensor, > 0
 * @param tau upper bound on the total variation between the noise drawn and ideal noise (`totalVariation`)
 * @throws UsageError unless sigma is in the range of rounded noise and 0 < alpha < 0.5; RangeError when `top` is not a class.
 */
export function latentRadius(
  votes: VoteCounts,
  top: number,
  {
    sigma,
    alpha,
    bound,
    tau,
  }: {
    readonly sigma: number;
    readonly alpha: number;
    readonly bound: Pick<VoteBound, 'probabilities'>;
    readonly tau: number;
  },
): LatentCertificate {
  checkSigma(sigma);
  const drawn = bound.probabilities(votes, top, alpha);
  const pA = lessTau(drawn.pA, tau);
  if (drawn.pB === null) return certificateOf(pA, null, sigma * normalQuantileLower(pA));
  const pB = plusTau(drawn.pB, tau);
  return certificateOf(pA, pB, (sigma / 2) * (normalQuantileLower(pA) - normalQuantileUpper(pB)));
}

/** The radius for a bound p_A obtained in another way: σ Φ⁻¹(p_A), rounded down. */
export function radiusAtProbability(pA: number, sigma: number): LatentRadius {
  checkSigma(sigma);
  return certificateOf(pA, null, sigma * normalQuantileLower(pA)).radius;
}

/** p - τ, rounded down; 0 where nothing is left. */
export function lessTau(p: number, tau: number): number {
  // A difference in [0, 1] is rounded by 2^-54 at most.
  return tau === 0 ? p : Math.max(0, p - tau - 2 ** -53);
}

/** p + τ, rounded up; 1 at most. */
export function plusTau(p: number, tau: number): number {
  return Math.min(1, tau === 0 ? p : p + tau + 2 ** -52);
}

function checkSigma(sigma: number): void {
  if (sigma >= SMALLEST_SIGMA && sigma <= LARGEST_SIGMA) return;
  throw new UsageError({
    what: `sigma is ${sigma}`,
    why: 'the standard deviation of the noise is a positive number, and its grid one of float32',
    remedy: 'Give --sigma 0.25 or similar, in units of the cut tensor.',
  });
}

/**
 * Takes the last two roundings (difference, product) off the radius; abstains where none is left, that is where
 * p_A <= 1/2, or p_A <= p_B where there is one.
 */
export function certificateOf(pA: number, pB: number | null, radius: number): LatentCertificate {
  const down = radius * (1 - 2 ** -51);
  return down > 0 ? { pA, pB, radius: down, abstained: false } : { pA, pB, radius: 0, abstained: true };
}
