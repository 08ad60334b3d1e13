/**
 * Data-set level statements from per-image verdicts: the certified accuracy curve, the average certified radius (ACR,
 * Zhai et al. 2020) and what the failure probability of single certificates costs.
 *
 * Two sources of chance are kept apart. The bands below treat the images as drawn from the population the reader cares
 * about and the printed radii as given. `failureAllowance` instead keeps the images and allows for certificates that
 * failed, each with probability at most alpha (Cohen et al. 2019, appendix).
 */

import type { Outcome, RunHeader, Verdict } from '../records/record.ts';
import { binomialUpperTail } from '../smoothing/votes/binomial-tail.ts';
import { clopperPearsonInterval } from '../smoothing/votes/clopper-pearson.ts';
import { groupsOfEqual } from './equal-images.ts';

/** Without labels nothing is accurate: the share of images with a certificate of the radius, whatever its class. */
export type Measure = 'certified accuracy' | 'certified fraction';

/** Confidence of every band and bound in this file; one minus it is rho in the formulas. */
export const CONFIDENCE = 0.95;
const RHO = 0.05;
/** Upper 2.5 % point of the standard normal, rounded up. */
const Z_TWO_SIDED = 1.96;

/** How many images there are, and what counts. */
export interface Tally {
  readonly images: number;
  readonly abstained: number;
  /** Radius per image in the run's order; 0 where the image does not count (abstained, or wrong). */
  readonly credited: readonly number[];
  /** Radii of the images that count, ascending. */
  readonly radii: readonly number[];
}

export interface Score extends Tally {
  readonly measure: Measure;
  /**
   * The same where equal images are one, with the smallest radius of its copies, and counting only if all of them do: what
   * bands rest on, since a copy is not a further draw from the population. Null when all images are distinct.
   */
  readonly distinct: Tally | null;
  /** Largest failure probability of any of the certificates. */
  readonly alpha: number;
}

/** The k-th series' verdict. @throws RangeError when the run has no such series */
export function verdictOf({ verdicts }: Outcome, k: number): Verdict {
  const verdict = verdicts[k];
  if (verdict === undefined) throw new RangeError(`no series ${k}`);
  return verdict;
}

/** Whether an image counts: it is certified and, with labels, its prediction is right. */
export function counts(outcome: Outcome, k: number, labelled: boolean): boolean {
  const { prediction } = verdictOf(outcome, k);
  return prediction !== null && (!labelled || prediction === outcome.label);
}

/** What the k-th series of a run comes to. */
export function scoreOf(outcomes: readonly Outcome[], k = 0): Score {
  const labelled = outcomes.every(({ label }) => label !== null);
  const verdicts = outcomes.map((outcome) => verdictOf(outcome, k));
  const groups = groupsOfEqual(outcomes);
  return {
    measure: labelled ? 'certified accuracy' : 'certified fraction',
    ...tallyOf(
      outcomes.map((outcome) => [outcome]),
      k,
      labelled,
    ),
    distinct: groups.length === outcomes.length ? null : tallyOf(groups, k, labelled),
    alpha: verdicts.reduce((largest, { failureProbability }) => Math.max(largest, failureProbability), 0),
  };
}

/** Each group counts once: if all its images do, with the smallest of their radii. */
function tallyOf(groups: readonly (readonly Outcome[])[], k: number, labelled: boolean): Tally {
  const found = groups.map((group) => ({
    counts: group.every((outcome) => counts(outcome, k, labelled)),
    radius: group.reduce((least, outcome) => Math.min(least, verdictOf(outcome, k).radius), Infinity),
    abstains: group.some((outcome) => verdictOf(outcome, k).prediction === null),
  }));
  return {
    images: groups.length,
    abstained: found.filter(({ abstains }) => abstains).length,
    credited: found.map(({ counts, radius }) => (counts ? radius : 0)),
    radii: found.flatMap(({ counts, radius }) => (counts ? [radius] : [])).sort((a, b) => a - b),
  };
}

/** What bands and bounds for the population rest on. */
export const independent = (score: Score): Tally => score.distinct ?? score;

/** How many of `images` count at `radius`, with a band for their share in the population. */
export interface CertifiedShare {
  readonly radius: number;
  readonly certified: number;
  readonly images: number;
  /** Ends of the two-sided 95 % Clopper-Pearson interval, valid for this radius taken alone. */
  readonly lower: number;
  readonly upper: number;
}

/** Images of `score` that count with a radius >= `radius`. */
export function certifiedCount({ radii }: Pick<Tally, 'radii'>, radius: number): number {
  let [from, to] = [0, radii.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((radii[middle] ?? Infinity) < radius) from = middle + 1;
    else to = middle;
  }
  return radii.length - from;
}

export function certifiedShare(score: Score, radius: number): CertifiedShare {
  const certified = certifiedCount(score, radius);
  const { images } = score;
  if (images === 0) return { radius, certified, images, lower: 0, upper: 1 };
  return { radius, certified, images, ...shareBand(score, radius) };
}

/** The two-sided 95 % Clopper-Pearson interval for the share of the population that counts at `radius`, over distinct images. */
export function shareBand(score: Score, radius: number): { readonly lower: number; readonly upper: number } {
  const tally = independent(score);
  return clopperPearsonInterval(certifiedCount(tally, radius), tally.images, RHO);
}

export interface AverageRadius {
  /** mean(correct · radius) over the images. */
  readonly mean: number;
  /**
   * A 95 % lower confidence bound on its population value that assumes nothing about the distribution but that images and their noise
   * are independent: 0 where images share their noise, since a bet is on one mean, and each group of them has its own.
   */
  readonly lower: number;
  /** Half-width of the usual interval mean ± z·s/√N: a normal approximation, not a bound. */
  readonly approximateHalfWidth: number;
}

/** ACR of a score, in input units: no bound. */
export const meanRadius = ({ credited }: Score): number =>
  credited.length === 0 ? 0 : moments(credited).mean;

/** ACR of a score, in input units, with what is known of the population's. */
export function averageRadius(score: Score, dependence: RunHeader['dependence']): AverageRadius {
  if (score.images === 0) return { mean: 0, lower: 0, approximateHalfWidth: Infinity };
  const y = independent(score).credited;
  const { mean, variance } = moments(y);
  return {
    mean: moments(score.credited).mean,
    lower: dependence === 'shared' ? 0 : bettingLowerBound(y, mean, RHO),
    approximateHalfWidth: y.length < 2 ? Infinity : Z_TWO_SIDED * Math.sqrt(variance / y.length),
  };
}

/** A lower confidence bound on the population's ACR at level 1 - rho; 0 without images, or where they share their noise. */
export function averageRadiusLower(
  { credited }: Pick<Tally, 'credited'>,
  rho: number,
  dependence: RunHeader['dependence'],
): number {
  return credited.length === 0 || dependence === 'shared'
    ? 0
    : bettingLowerBound(credited, moments(credited).mean, rho);
}

function moments(y: readonly number[]): { mean: number; variance: number } {
  const mean = y.reduce((sum, v) => sum + v, 0) / y.length;
  const squares = y.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, variance: y.length < 2 ? 0 : squares / (y.length - 1) };
}

/** Share of the hypothesised mean's stake that a single bet may lose. */
const LARGEST_STAKE = 0.75;

/**
 * Lower confidence bound on the mean of Y >= 0 by betting (Waudby-Smith & Ramdas 2024). Radii have no upper bound known
 * in advance, so Hoeffding and empirical Bernstein bounds do not apply; betting upwards needs none.
 *
 * For a hypothesised mean m > 0 the wealth K_t(m) = Π_{s<=t} (1 + λ_s (Y_s - m)) with stakes
 * λ_s = min( sqrt(2 ln(1/ρ) / (N v_{s-1})), c/m ), v_{s-1} the sample variance of Y_1..Y_{s-1} (no bet before it
 * exists) and c < 1, is non-negative because Y_s >= 0 and λ_s m < 1, and a martingale if E Y = m because λ_s depends
 * on the past only. By Ville's inequality P(max_t K_t(m) >= 1/ρ) <= ρ. Every factor decreases in m, so the means
 * refuted are those below one point, which bisection finds from below.
 */
function bettingLowerBound(y: readonly number[], mean: number, rho: number): number {
  const goal = Math.log(1 / rho);
  const stakes = stakesOf(y, goal);
  const refuted = (m: number) => {
    let wealth = 0;
    return y.some((v, s) => {
      wealth += Math.log1p(Math.min(stakes[s] ?? 0, LARGEST_STAKE / m) * (v - m));
      return wealth >= goal;
    });
  };
  let [lower, upper] = [0, mean];
  for (let step = 0; step < 50; step++) {
    const middle = (lower + upper) / 2;
    if (middle > 0 && refuted(middle)) lower = middle;
    else upper = middle;
  }
  return lower;
}

/** The stake before each observation, from the ones before it (Welford's running variance). */
function stakesOf(y: readonly number[], goal: number): number[] {
  let [mean, squares] = [0, 0];
  return y.map((v, s) => {
    const stake = s < 2 ? 0 : Math.sqrt((2 * goal * (s - 1)) / (y.length * squares));
    const shift = v - mean;
    mean += shift / (s + 1);
    squares += shift * (v - mean);
    return stake;
  });
}

/**
 * What to take off a certified accuracy over N images so that, with probability 95 %, it holds although each certificate
 * may fail with probability alpha <= 1/2: k/N for the smallest k with P[Binomial(N, alpha) > k] <= 5 %, since the failures
 * are independent and each at most that likely. (Cohen et al. bound the same quantile by alpha + sqrt(alpha (1-alpha)
 * ln(1/ρ) / N) + ln(1/ρ) / (3N); Bernstein's inequality has 2 alpha (1-alpha) there, and the exact tail needs neither.)
 *
 * Failures of certificates that share their noise may come all at once. Then k is the smallest with N alpha / (k+1) <= 5 %,
 * a bound on P[failures > k] by Markov's inequality, which assumes nothing of how they depend on each other.
 */
export function failureAllowance(alpha: number, images: number, dependence: RunHeader['dependence']): number {
  if (dependence === 'shared')
    return Math.min(images, Math.max(0, Math.ceil(((images * alpha) / RHO) * (1 + 2 ** -50)) - 1)) / images;
  if (alpha >= 1) return 1;
  let failures = 0;
  while (failures < images && binomialUpperTail(failures + 1, images, alpha) > RHO) failures++;
  return failures / images;
}

const STEP_MANTISSAS = [10, 25, 50];

/** At most `atMost` round radii 0, s, 2s, … up to `largest`, with s one of 1, 2.5, 5 times a power of ten. */
export function roundRadii(largest: number, atMost = 8): number[] {
  if (!(largest > 0)) return [0];
  for (let exponent = Math.floor(Math.log10(largest / atMost)) - 1; ; exponent++) {
    for (const mantissa of STEP_MANTISSAS) {
      // k·mantissa is exact; one division (or product) by a power of ten gives the float64 nearest to the decimal.
      const power = 10 ** Math.abs(exponent - 1);
      const multiple = (k: number) => (exponent > 0 ? k * mantissa * power : (k * mantissa) / power);
      if (multiple(atMost) <= largest) continue;
      const radii = [0];
      for (let k = 1; multiple(k) <= largest; k++) radii.push(multiple(k));
      return radii;
    }
  }
}
