/**
 * Clopper-Pearson bounds on a binomial probability (C. Clopper, E. Pearson, Biometrika 26, 1934), made safe.
 *
 * The lower bound at level 1 - α from k successes among n is the largest p with P[Bin(n, p) >= k] <= α, the α-quantile
 * of Beta(k, n - k + 1); it exceeds the true probability in at most a share α of experiments. jStat's quantile has a
 * relative error up to 2e-9 of either sign, so it serves as the first guess only: the value returned has P <= α by our
 * own tail, which errs upwards. It is never above the exact bound, and within 1e-10 of it.
 */
import jstat from 'jstat';
import { UsageError } from '../../ground/errors.ts';
import { binomialUpperTail } from './binomial-tail.ts';
import { lowerEdge } from './lower-edge.ts';

/** Significance levels a one-sided bound accepts. */
export function checkAlpha(alpha: number): void {
  if (alpha > 0 && alpha < 0.5) return;
  throw new UsageError({
    what: `alpha is ${alpha}`,
    why: 'the failure probability of a certificate lies strictly between 0 and 0.5',
    remedy: 'Give --alpha 0.001, the usual value.',
  });
}

/** Counts come from our own code: a bad one is a bug, not a user's mistake. */
export function checkCounts(successes: number, draws: number): void {
  if (
    Number.isSafeInteger(draws) &&
    Number.isSafeInteger(successes) &&
    draws > 0 &&
    successes >= 0 &&
    successes <= draws
  )
    return;
  throw new RangeError(`${successes} of ${draws} is not a count of successes`);
}

/**
 * Lower confidence bound on a probability, at level 1 - alpha, from `successes` among `draws`.
 * @returns a value in [0, 1) that is <= the exact Clopper-Pearson bound; 0 when nothing succeeded.
 * @throws UsageError unless 0 < alpha < 0.5; RangeError unless 0 <= successes <= draws, draws >= 1.
 */
export function clopperPearsonLower(successes: number, draws: number, alpha: number): number {
  checkAlpha(alpha);
  checkCounts(successes, draws);
  if (successes === 0) return 0;
  // α < 1/2 keeps the bound below the median of the Beta, itself below k/n or, for k = n, below 1.
  const guess =
    successes === draws
      ? alpha ** (1 / draws)
      : jstat.jStat.beta.inv(alpha, successes, draws - successes + 1);
  const top = successes === draws ? 1 - 2 ** -53 : successes / draws;
  return lowerEdge(0, top, guess, (p) => p > 0 && binomialUpperTail(successes, draws, p) <= alpha);
}

/**
 * Upper confidence bound on a probability, at level 1 - alpha: one minus the lower bound on the failures, rounded up.
 * @returns a value in (0, 1] that is >= the exact Clopper-Pearson bound; 1 when everything succeeded.
 */
export function clopperPearsonUpper(successes: number, draws: number, alpha: number): number {
  if (successes === draws) {
    checkAlpha(alpha);
    checkCounts(successes, draws);
    return 1;
  }
  // The difference lies in (0, 1] and is rounded by at most 2^-54: this much more is above it.
  return Math.min(1, 1 - clopperPearsonLower(draws - successes, draws, alpha) + 2 ** -53);
}

/**
 * Two-sided confidence interval at level 1 - alpha (alpha / 2 on each side), for statements about a whole data set.
 */
export function clopperPearsonInterval(
  successes: number,
  draws: number,
  alpha: number,
): { readonly lower: number; readonly upper: number } {
  checkAlpha(alpha);
  return {
    lower: clopperPearsonLower(successes, draws, alpha / 2),
    upper: clopperPearsonUpper(successes, draws, alpha / 2),
  };
}
