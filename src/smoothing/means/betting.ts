/**
 * A lower bound on the mean of n independent values in [0,1] by betting (Waudby-Smith & Ramdas, "Estimating means of bounded random
 * variables by betting", JRSS B 86, 2024). Against the hypothesis that the mean is at most m, stake a part c of the wealth on every
 * value:
 *
 *   W_c(m) = product over draws of (1 - c + c x / m),      0 <= c <= 1.
 *
 * Under the hypothesis every factor has expectation at most 1, and is not negative; so has any fixed mixture over c, and by
 * Markov's inequality the mixture reaches 1 / alpha with probability at most alpha. It falls in m, so the m that are rejected are
 * an interval from 0, and its end is the bound. The parts are fixed beforehand, spread like the Beta(1/2, 1/2) distribution of
 * Krichevsky & Trofimov: small ones for values that vary, large ones for values near 0 and 1.
 *
 * ln(1 - c + c x / m) is concave in x, so the weights of knots give the wealth from below (score-sums.ts).
 */
import { drawsIn, KNOTS, meanOf, UNITS, type Weights } from '../scores/score-sums.ts';
import { lowerEdge } from '../votes/lower-edge.ts';

const PARTS = 40;
/** The parts staked, each with the same share of the wealth at the start. */
export const STAKES: readonly number[] = Array.from(
  { length: PARTS },
  (_, j) => Math.sin((Math.PI * (j + 0.5)) / (2 * PARTS)) ** 2,
);

/** @returns a lower bound on the mean: a value that is itself rejected, or 0 */
export function bettingLower(weights: Weights, alpha: number): number {
  const mean = meanOf(weights);
  if (!(mean > 0)) return 0;
  return lowerEdge(0, Math.min(mean, 1 - 2 ** -53), mean, (m) => m > 0 && rejects(weights, m, alpha));
}

/** Whether the bets reject a mean of at most m, 0 < m < 1. */
export function rejects(weights: Weights, m: number, alpha: number): boolean {
  const each = STAKES.map((c) => logWealth(weights, c, m));
  const most = Math.max(...each);
  const wealth = most + Math.log(each.reduce((sum, value) => sum + Math.exp(value - most), 0));
  // The last two terms cover the rounding of the logarithms and of their sum.
  return wealth > Math.log(PARTS / alpha) + 1e-9 + drawsIn(weights) * 2 ** -44;
}

/** ln W_c(m) from below. */
function logWealth(weights: Weights, c: number, m: number): number {
  const step = c / (KNOTS * m);
  let sum = 0;
  for (let k = 0; k <= KNOTS; k++) {
    const w = weights[k] ?? 0;
    if (w > 0) sum += w * Math.log(1 - c + step * k);
  }
  return sum / UNITS;
}
