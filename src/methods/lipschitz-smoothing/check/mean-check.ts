/**
 * Whether a number is the lower confidence bound on a mean that the weights of a certificate give: not beyond it, and not short of it by
 * more than rounding explains. Written apart from `smoothing/means`: the wealth as a product of powers, the variance around the mean.
 */
import type { MeanBoundName } from '../../../smoothing/means/index.ts';
import { tailEnclosure } from '../../smoothing/check/binomial-sum.ts';

type Weights = readonly number[];

/** As the format has them: knots k / 64, weights in 1/1024 draw, 40 stakes. */
const [KNOTS, UNITS, STAKES] = [64, 1024, 40] as const;
/** A bound that is off by more was not computed from the weights. */
const TOLERANCE = 1e-7;

/** What weights say of a mean m, at one level. */
interface Verdict {
  /** They reject m, within rounding. */
  rejects(m: number): boolean;
  /** They do not. */
  allows(m: number): boolean;
}

const total = (weights: Weights): number => weights.reduce((sum, w) => sum + w, 0) / UNITS;

function bernstein(weights: Weights, alpha: number): Verdict {
  const n = total(weights);
  const mean = weights.reduce((sum, w, k) => sum + (w / UNITS) * (k / KNOTS), 0) / n;
  const variance = weights.reduce((sum, w, k) => sum + (w / UNITS) * (k / KNOTS - mean) ** 2, 0) / (n - 1);
  const log = Math.log(2) - Math.log(alpha);
  const value = mean - Math.sqrt((variance * 2 * log) / n) - ((7 / 3) * log) / (n - 1);
  return { rejects: (m) => m <= value + 1e-10, allows: (m) => m > value - 1e-10 };
}

/** base^exponent as value 2^powers, for a base > 0, by squaring: a count of draws may be in the billions. */
function power(base: number, exponent: number): { readonly value: number; readonly powers: number } {
  const whole = Math.floor(exponent);
  let [value, powers] = [base ** (exponent - whole), 0];
  let [square, squarePowers] = [base, 0];
  for (let left = whole; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) {
      value *= square;
      powers += squarePowers;
    }
    square *= square;
    squarePowers *= 2;
    const taken = Math.floor(Math.log2(square));
    square /= 2 ** taken;
    squarePowers += taken;
  }
  return { value, powers };
}

/** The wealth times alpha: its logarithm to the base 2, with powers of two counted apart. */
function logWealth(weights: Weights, m: number, alpha: number): number {
  const each: number[] = [];
  for (let j = 0; j < STAKES; j++) {
    const stake = (1 - Math.cos((Math.PI * (2 * j + 1)) / (2 * STAKES))) / 2;
    let [wealth, powers] = [alpha / STAKES, 0];
    for (const [k, w] of weights.entries()) {
      const factor = 1 + stake * (k / KNOTS / m - 1);
      const raised = power(factor, w / UNITS);
      wealth *= raised.value;
      powers += raised.powers;
      if (wealth > 2 ** 500 || wealth < 2 ** -500) {
        const taken = Math.floor(Math.log2(wealth));
        wealth /= 2 ** taken;
        powers += taken;
      }
    }
    each.push(powers + Math.log2(wealth));
  }
  const most = Math.max(...each);
  return most + Math.log2(each.reduce((sum, one) => sum + 2 ** (one - most), 0));
}

const betting = (weights: Weights, alpha: number): Verdict => ({
  rejects: (m) => logWealth(weights, m, alpha) >= -TOLERANCE,
  allows: (m) => logWealth(weights, m, alpha) < TOLERANCE,
});

function clopperPearson(weights: Weights, alpha: number): Verdict {
  const n = Math.round(total(weights));
  const successes = Math.floor((weights.at(-1) ?? 0) / UNITS);
  return {
    rejects: (p) => tailEnclosure(successes, n, p, 1 - p).upper <= alpha * (1 + 1e-9),
    allows: (p) => tailEnclosure(successes, n, p, 1 - p).lower > alpha,
  };
}

const VERDICTS: Readonly<Record<MeanBoundName, (weights: Weights, alpha: number) => Verdict>> = {
  ...{ bernstein, betting },
  'clopper-pearson': clopperPearson,
};

/** What is wrong with a bound, or null. @param lost what was taken off it: a bound of 0 may be any that is at most this */
export function meanFault(
  bound: number,
  lost: number,
  weights: Weights,
  mean: MeanBoundName,
  alpha: number,
): string | null {
  const { rejects, allows } = VERDICTS[mean](weights, alpha);
  const from = `${mean} bound of the scores at level ${alpha}, less ${lost}`;
  const at = bound + lost;
  if (bound > 0 && !(at < 1 && rejects(at))) return `${bound} is above the ${from}`;
  const beyond = at + TOLERANCE * Math.max(1e-3, Math.min(at, 1 - at));
  return beyond >= 1 || allows(beyond) ? null : `${bound} is below the ${from}`;
}
