/**
 * From vote counts under uniform noise on [-λ, λ] in every coordinate to a certified radius in l1 (Yang et al., "Randomized smoothing
 * of all shapes and sizes", ICML 2020; Lee et al., "Tight certificates of adversarial robustness for randomly smoothed classifiers",
 * NeurIPS 2019).
 *
 * Proof. Noise around x and around x + t is uniform on two cubes of side 2λ, which share Π_i max(0, 1 - |t_i| / 2λ) of their volume.
 * With a_i = min(1, |t_i| / 2λ), Π (1 - a_i) >= 1 - Σ a_i, so the total variation between the two is at most ||t||_1 / 2λ: no
 * probability of an answer changes by more. With p_A <= P[answer is c_A at x], c_A keeps more than 1/2 while
 * ||t||_1 < 2λ (p_A - 1/2). With an upper bound p_B on every other answer as well, c_A stays ahead of each while
 * ||t||_1 < λ (p_A - p_B). []
 *
 *   R = 2λ (p_A - 1/2)          from a bound on the class alone
 *   R = λ (p_A - p_B)           from one on every other outcome as well
 *
 * Neither depends on the number of coordinates, and both are attained by a step function of one of them. τ is taken off p_A and added to
 * p_B as in `latent-radius.ts`, which also says what else holds of votes.
 */
import { certificateOf, type LatentCertificate, lessTau, plusTau } from './latent-radius.ts';
import type { VoteBound } from './vote-bound.ts';
import type { VoteCounts } from './vote-counts.ts';

/** As `latentRadius`, for a noise of half-width `sigma` = λ. The radius is in l1. */
export function uniformRadius(
  votes: VoteCounts,
  top: number,
  {
    sigma: lambda,
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
  const drawn = bound.probabilities(votes, top, alpha);
  const pA = lessTau(drawn.pA, tau);
  if (drawn.pB === null) return certificateOf(pA, null, unroundedRadius(pA, lambda));
  const pB = plusTau(drawn.pB, tau);
  return certificateOf(pA, pB, lambda * (pA - pB));
}

/** The radius in l1 for a bound p_A obtained in another way, rounded down. */
export const uniformRadiusAt = (pA: number, lambda: number): number =>
  certificateOf(pA, null, unroundedRadius(pA, lambda)).radius;

/** Exact for p_A >= 1/4 but for one rounding: 2 λ is exact, and so is the difference. */
const unroundedRadius = (pA: number, lambda: number): number => 2 * lambda * (pA - 0.5);
