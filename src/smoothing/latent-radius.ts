/**
 * From vote counts to a certified radius at the cut (Cohen, Rosenfeld, Kolter, "Certified adversarial robustness via
 * randomized smoothing", ICML 2019, theorem 1 and section 3.2). With probability at least 1 - α over the draws, the
 * smoothed right half gives the same class everywhere within the radius, in l2 at the cut.
 *
 *   clopper-pearson   p_A at level 1 - α,                                R_u = σ Φ⁻¹(p_A)
 *   runner-up         p_A and p_B at level 1 - α/2 each,                 R_u = σ/2 (Φ⁻¹(p_A) - Φ⁻¹(p_B))
 *
 * p_B bounds the largest count among the other outcomes: it is at least the count of the true runner-up, so no
 * correction for the number of classes is due. Draws with a non-finite logit are an outcome of their own: they count for
 * no class, and in the runner-up form they are a possible runner-up.
 *
 * The class must have been chosen on other draws (`selectedClass`). Every step is rounded down.
 */
import { UsageError } from '../errors.ts';
import { clopperPearsonLower, clopperPearsonUpper } from './clopper-pearson.ts';
import { normalQuantileLower, normalQuantileUpper } from './normal-quantile.ts';

/** An l2 radius in units of the cut tensor. Not an input radius: between the two lies the displacement bound. */
export type LatentRadius = number & { readonly __unit?: 'cut tensor, l2' };

/** Votes of the draws of one stage. */
export interface VoteCounts {
  /** Draws whose largest logit is that class's; ties go to the first class. */
  readonly counts: readonly number[];
  /** Draws with a NaN or infinite logit; in no class's count. */
  readonly nonFinite: number;
}

export type BoundKind = 'clopper-pearson' | 'runner-up';

export interface LatentCertificate {
  /** Lower bound on the probability of the class; may be below 1/2. */
  readonly pA: number;
  /** Upper bound on the probability of every other outcome; null when the bound does not use it. */
  readonly pB: number | null;
  /** Certified radius at the cut, rounded down; 0 when abstaining. */
  readonly radius: LatentRadius;
  /** The draws do not show that the class wins at all. */
  readonly abstained: boolean;
}

/** Number of draws behind the counts. */
export function drawsOf(votes: VoteCounts): number {
  return votes.counts.reduce((sum, count) => sum + count, votes.nonFinite);
}

/** The class with most votes, the first of equals; null when no draw gave finite logits. */
export function selectedClass(votes: VoteCounts): number | null {
  const most = Math.max(...votes.counts);
  return most > 0 ? votes.counts.indexOf(most) : null;
}

/**
 * The radius at the cut within which the smoothed right half certainly answers `top`, except with probability alpha.
 * @param sigma standard deviation of the noise, in units of the cut tensor, > 0
 * @throws UsageError unless sigma > 0 and 0 < alpha < 0.5; RangeError when `top` is no class.
 */
export function latentRadius(
  votes: VoteCounts,
  top: number,
  { sigma, alpha, bound }: { readonly sigma: number; readonly alpha: number; readonly bound: BoundKind },
): LatentCertificate {
  const scale = drawnSigma(sigma);
  const votesForTop = votes.counts[top];
  if (votesForTop === undefined) throw new RangeError(`class ${top} of ${votes.counts.length}`);
  const draws = drawsOf(votes);
  if (bound === 'clopper-pearson') {
    const pA = clopperPearsonLower(votesForTop, draws, alpha);
    return certificate(pA, null, scale * normalQuantileLower(pA));
  }
  const others = votes.counts.filter((_, index) => index !== top);
  const pA = clopperPearsonLower(votesForTop, draws, alpha / 2);
  const pB = clopperPearsonUpper(Math.max(votes.nonFinite, ...others), draws, alpha / 2);
  return certificate(pA, pB, (scale / 2) * (normalQuantileLower(pA) - normalQuantileUpper(pB)));
}

/** The radius for a bound p_A come by otherwise, the sequential one for instance: σ Φ⁻¹(p_A), rounded down. */
export function radiusAtProbability(pA: number, sigma: number): LatentRadius {
  return certificate(pA, null, drawnSigma(sigma) * normalQuantileLower(pA)).radius;
}

/**
 * The σ that may be claimed. Noise is drawn in float32 with σ rounded to it; the radius uses the smaller of the two, as
 * a classifier smoothed with more noise than claimed only has a larger radius.
 */
function drawnSigma(sigma: number): number {
  const drawn = Math.fround(sigma);
  if (!(sigma > 0 && drawn > 0 && Number.isFinite(drawn)))
    throw new UsageError({
      what: `sigma is ${sigma}`,
      why: 'the standard deviation of the noise is a positive number that float32 can hold',
      remedy: 'give --sigma 0.25 or similar, in units of the cut tensor',
    });
  return Math.min(sigma, drawn);
}

/**
 * Takes the last two roundings (difference, product) off the radius; abstains where none is left, that is where
 * p_A <= 1/2, or p_A <= p_B in the runner-up form.
 */
function certificate(pA: number, pB: number | null, radius: number): LatentCertificate {
  const down = radius * (1 - 2 ** -51);
  return down > 0 ? { pA, pB, radius: down, abstained: false } : { pA, pB, radius: 0, abstained: true };
}
