/**
 * A lower confidence bound that may be looked at after every batch (Ville 1939; with the Krichevsky-Trofimov mixture:
 * Krichevsky & Trofimov, IEEE Trans. Inf. Theory 27, 1981; as a confidence sequence: Orabona & Jun, 2021).
 *
 * Bet against the hypothesis that the success probability is p, staking by the Beta(1/2, 1/2) mixture. After T draws with
 * H successes the wealth has the closed form
 *
 *   ln W(p) = ln B(H + 1/2, T - H + 1/2) - ln B(1/2, 1/2) - [H ln p + (T - H) ln(1 - p)]
 *
 * Under the true p wealth is a nonnegative martingale from 1, so it ever exceeds 1/α with probability at most α: every p
 * with ln W(p) > ln(1/α) may be rejected, at any time, whatever made us stop. W falls in p on [0, H/T], so the rejected
 * p below H/T are an interval from 0, and its end is the bound. When stopping depends on the data this is the bound to
 * report, never Clopper-Pearson.
 */
import { checkAlpha, checkCounts } from './clopper-pearson.ts';
import { lowerEdge } from './lower-edge.ts';

/**
 * Lower bound on the success probability that holds at all times at once with probability 1 - alpha.
 * @returns a value in [0, successes/draws] that is itself rejected, hence <= the exact bound.
 * @throws UsageError unless 0 < alpha < 0.5; RangeError unless 0 <= successes <= draws, draws >= 1.
 */
export function anytimeLower(successes: number, draws: number, alpha: number): number {
  checkAlpha(alpha);
  checkCounts(successes, draws);
  if (successes === 0) return 0;
  const failures = draws - successes;
  const share = successes / draws;
  // Both ln B and the likelihood are measured from the likelihood at its maximum p = H/T: two small numbers remain where
  // two large ones would cancel.
  const mixture = logMixtureOverLikelihood(successes, failures);
  // The second term covers the rounding of the logarithms below: a few units in the last place, times the draws.
  const threshold = -Math.log(alpha) + 1e-10 + draws * 2 ** -50;
  const rejected = (p: number): boolean =>
    p > 0 && mixture + logLikelihoodRatio(successes, failures, p) > threshold;
  return lowerEdge(0, share * (1 - 2 ** -53), 0, rejected);
}

/** H ln(h/p) + (T-H) ln((1-h)/(1-p)), h = H/T: the likelihood at its maximum over that at p, in logarithms. */
function logLikelihoodRatio(successes: number, failures: number, p: number): number {
  const draws = successes + failures;
  const up = successes * Math.log(successes / draws / p);
  // 1 - p is exact for p >= 1/2, and correctly rounded below.
  return failures === 0 ? up : up + failures * Math.log(failures / draws / (1 - p));
}

/** ln B(H + 1/2, T - H + 1/2) - ln π - [H ln h + (T-H) ln(1-h)], which lies between -ln(2 sqrt(T)) and 0. */
function logMixtureOverLikelihood(successes: number, failures: number): number {
  const draws = successes + failures;
  return halfGamma(successes) + halfGamma(failures) - fullGamma(draws) - Math.log(Math.PI);
}

/** ln Γ(x + 1/2) - x ln x + x, for an integer x >= 0 (0 ln 0 = 0). */
function halfGamma(x: number): number {
  if (x < 16) {
    // Γ(x + 1/2) = sqrt(π) · 1/2 · 3/2 · … · (x - 1/2)
    let value = Math.sqrt(Math.PI);
    for (let i = 0; i < x; i++) value *= i + 0.5;
    return Math.log(value) - (x === 0 ? 0 : x * Math.log(x)) + x;
  }
  // ln Γ(x + 1/2) = x ln x - x + ln(2π)/2 - 1/(24x) + 7/(2880x³) - 31/(40320x⁵) + 127/(430080x⁷) - …
  const xx = x * x;
  return 0.5 * Math.log(2 * Math.PI) - (1 / 24 - (7 / 2880 - (31 / 40320 - 127 / 430080 / xx) / xx) / xx) / x;
}

/** ln Γ(x + 1) - x ln x + x, for an integer x >= 1. */
function fullGamma(x: number): number {
  if (x < 16) {
    let factorial = 1;
    for (let i = 2; i <= x; i++) factorial *= i;
    return Math.log(factorial) - x * Math.log(x) + x;
  }
  const xx = x * x;
  return 0.5 * Math.log(2 * Math.PI * x) + (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / xx) / xx) / xx) / x;
}
