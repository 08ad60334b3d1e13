/**
 * The wealth of the betting sequence behind the anytime bound, for checking, computed in another way than by `certify`: bet by
 * bet, without a gamma function or logarithm. Bets of the Beta(1/2, 1/2) mixture (Krichevsky & Trofimov, 1981) do not depend on
 * the order of the draws, so the successes may be taken as they come and the wealth against "the probability is p" is
 *
 *   W(p) = Π_{i=1..H} (i - 1/2)/(i p) · Π_{j=1..F} (j - 1/2)/((H + j)(1 - p)),      H successes, F failures.
 *
 * A factor and its product carry at most four roundings, so W is off by less than a relative 6 T u for T draws (unit
 * roundoff u). Powers of 2^512 are counted apart, which rounds nothing.
 */
import { UNIT_ROUNDOFF } from '../../../ground/rounding-error.ts';

const STEP = 512;
const LARGE = 2 ** STEP;

/**
 * Bounds on α W(p): at least 1 where the bets reject p at level α.
 * @param p 0 < p < 1
 * @param q 1 - p, within one rounding
 * @param alpha 0 < alpha < 1
 */
export function wealthEnclosure(
  successes: number,
  draws: number,
  p: number,
  q: number,
  alpha: number,
): { readonly lower: number; readonly upper: number } {
  let wealth = alpha;
  let steps = 0;
  const bet = (factor: number): void => {
    wealth *= factor;
    if (wealth > LARGE) {
      wealth /= LARGE;
      steps++;
    } else if (wealth < 1 / LARGE) {
      wealth *= LARGE;
      steps--;
    }
  };
  for (let i = 1; i <= successes; i++) bet((i - 0.5) / (i * p));
  for (let j = 1; j <= draws - successes; j++) bet((j - 0.5) / ((successes + j) * q));
  const relative = (6 * draws + 8) * UNIT_ROUNDOFF;
  const [down, up] = [1 - 2 * relative, 1 + 2 * relative];
  if (steps === 0) return { lower: wealth * down, upper: wealth * up };
  // 2^-512 <= wealth <= 2^512 lies on one side of 1 when it is moved by 2^512 or more: only the end towards 1 matters.
  return steps > 0
    ? { lower: Math.min(Number.MAX_VALUE, wealth * LARGE) * down, upper: Number.POSITIVE_INFINITY }
    : { lower: 0, upper: (wealth / LARGE) * up + Number.MIN_VALUE };
}
