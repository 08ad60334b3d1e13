/**
 * Two runs over the same images, image by image: two versions of a model, two cuts, two noise levels.
 *
 * Shares at a radius are compared by the exact McNemar test: of the images that only one of the two certifies, each side
 * would get half if there were no difference, so p = 2 P[Bin(m, 1/2) >= max] (at most 1), which assumes nothing but that
 * the images are independent; so of equal images only the first is tested. Over several radii the p-values are also given adjusted after Holm (1979): those at most 5 %
 * are all true at once except with probability 5 %.
 *
 * Average radii are compared by a sign-flip test of the paired differences (exact in principle, here with random flips from
 * a fixed seed: p = (1 + as extreme) / (1 + flips), never too small), and a 95 % percentile bootstrap interval, which is an
 * approximation. The same files give the same numbers.
 */
import { UsageError } from '../ground/errors.ts';
import { type Norm, normOfRun } from '../records/norm.ts';
import type { Guarantee, Outcome, RunHeader } from '../records/record.ts';
import { differences } from '../records/run-identity.ts';
import { keyWords, philox } from '../smoothing/noise/philox.ts';
import { binomialUpperTail } from '../smoothing/votes/binomial-tail.ts';
import {
  certifiedCount,
  counts,
  type Measure,
  roundRadii,
  type Score,
  scoreOf,
  verdictOf,
} from './accuracy.ts';
import { groupsOfEqual } from './equal-images.ts';
import { imagesDifference } from './same-images.ts';

/** Level of the statements "significant" and of the interval. */
export const LEVEL = 0.05;

export interface ShareComparison {
  readonly radius: number;
  /** Images that count at the radius, in the first run and in the second. */
  readonly first: number;
  readonly second: number;
  /** Distinct images that count in one of them only. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Exact McNemar p-value, for this radius taken alone; an upper bound. */
  readonly p: number;
  /** The same, adjusted after Holm for all radii of the table. */
  readonly adjusted: number;
}

export interface AverageComparison {
  readonly first: number;
  readonly second: number;
  /** second - first */
  readonly difference: number;
  /** 95 % percentile bootstrap interval of the difference; an approximation. */
  readonly interval: readonly [number, number];
  /** Sign-flip test. */
  readonly p: number;
}

/** One series of a run, as it is compared. */
export interface ComparedRun {
  readonly header: RunHeader;
  readonly outcomes: readonly Outcome[];
  /** Number of the series. */
  readonly series: number;
}

export interface Comparison {
  readonly images: number;
  /** Pictures among them; tests and intervals are over these. */
  readonly distinct: number;
  readonly measure: Measure;
  readonly norm: Norm;
  readonly guarantees: readonly [Guarantee, Guarantee];
  readonly scores: readonly [Score, Score];
  readonly abstained: readonly [number, number];
  /** Images that both runs certify, but as different classes. */
  readonly otherClass: number;
  readonly shares: readonly ShareComparison[];
  readonly average: AverageComparison;
  /** What differs between the two besides time and place; series that are not compared do not count. */
  readonly settings: readonly string[];
}

const FLIPS = 9_999;
const RESAMPLES = 2_000;
const SEED = 0x5eedn;

/** Throws UsageError unless both runs have radii in the same norm, the same data and the same images. `paths` are for messages. */
export function compareRuns(
  first: ComparedRun,
  second: ComparedRun,
  paths: readonly [string, string],
): Comparison {
  requireSameNorm(first, second, paths);
  requireSameImages(first, second, paths);
  const scores = [scoreOf(first.outcomes, first.series), scoreOf(second.outcomes, second.series)] as const;
  const [a, b] = scores;
  const largest = Math.max(a.radii.at(-1) ?? 0, b.radii.at(-1) ?? 0);
  const predictions = [first, second].map(({ outcomes, series }) =>
    outcomes.map((outcome) => verdictOf(outcome, series).prediction),
  );
  const otherClass = first.outcomes.filter((_, k) => {
    const [one, other] = predictions.map((of) => of[k] ?? null);
    return one !== null && other !== null && one !== other;
  }).length;
  const tested = firstCopies(first, second);
  return {
    images: first.outcomes.length,
    distinct: tested[0].outcomes.length,
    measure: a.measure,
    norm: normOfRun(first.header),
    guarantees: [guaranteeOf(first), guaranteeOf(second)],
    scores,
    abstained: [a.abstained, b.abstained],
    otherClass,
    shares: adjusted(roundRadii(largest).map((radius) => shareAt(radius, tested, scores))),
    average: averages(scores, tested),
    settings: differences(ofItsSeries(first), ofItsSeries(second), ['in the first', 'in the second']),
  };
}

/** The header of a run that had nothing but the series compared. */
const ofItsSeries = ({ header, series }: ComparedRun): RunHeader => ({
  ...header,
  series: header.series.slice(series, series + 1),
});

const guaranteeOf = ({ header, series }: ComparedRun): Guarantee =>
  header.series[series]?.guarantee ?? 'certificate';

function requireSameNorm(
  first: ComparedRun,
  second: ComparedRun,
  [one, other]: readonly [string, string],
): void {
  const norms = [normOfRun(first.header), normOfRun(second.header)] as const;
  if (norms[0] === norms[1]) return;
  throw new UsageError({
    what: 'the radii of the two runs are in different norms',
    where: `${one}, ${other}`,
    why: `those of the first are in ${norms[0]}, those of the second in ${norms[1]}: neither radius is larger than the other`,
    remedy: 'Compare runs whose radii are in the same norm.',
  });
}

function requireSameImages(
  first: ComparedRun,
  second: ComparedRun,
  [one, other]: readonly [string, string],
): void {
  const difference = imagesDifference(first, second);
  if (difference !== null) throw new UsageError({ ...difference, where: `${one}, ${other}` });
}

/** Both runs with the first of each group of equal images only. */
function firstCopies(first: ComparedRun, second: ComparedRun): readonly [ComparedRun, ComparedRun] {
  const kept = new Set(groupsOfEqual(first.outcomes).map(([image]) => image?.index));
  const within = (run: ComparedRun): ComparedRun => ({
    ...run,
    outcomes: run.outcomes.filter(({ index }) => kept.has(index)),
  });
  return [within(first), within(second)];
}

/** Whether the image counts at the radius, as `scoreOf` and `certifiedCount` count. */
function counting({ outcomes, series }: ComparedRun, radius: number, labelled: boolean): boolean[] {
  return outcomes.map(
    (outcome) => counts(outcome, series, labelled) && verdictOf(outcome, series).radius >= radius,
  );
}

function shareAt(
  radius: number,
  [first, second]: readonly [ComparedRun, ComparedRun],
  [a, b]: readonly [Score, Score],
): ShareComparison {
  const labelled = a.measure === 'certified accuracy';
  const [one, other] = [counting(first, radius, labelled), counting(second, radius, labelled)];
  const onlyFirst = one.filter((counts, k) => counts && other[k] !== true).length;
  const onlySecond = other.filter((counts, k) => counts && one[k] !== true).length;
  const p = mcNemar(onlyFirst, onlySecond);
  return {
    radius,
    first: certifiedCount(a, radius),
    second: certifiedCount(b, radius),
    ...{ onlyFirst, onlySecond, p, adjusted: p },
  };
}

/** Two-sided exact McNemar test (a sign test on the images where the two disagree). */
export function mcNemar(onlyFirst: number, onlySecond: number): number {
  const disagreeing = onlyFirst + onlySecond;
  if (disagreeing === 0) return 1;
  return Math.min(1, 2 * binomialUpperTail(Math.max(onlyFirst, onlySecond), disagreeing, 0.5));
}

/** Holm's step-down adjustment: the k-th smallest of m times m - k + 1, made nondecreasing. */
function adjusted(shares: readonly ShareComparison[]): ShareComparison[] {
  const order = shares.map((_, k) => k).sort((a, b) => (shares[a]?.p ?? 1) - (shares[b]?.p ?? 1));
  const values = new Map<number, number>();
  let largest = 0;
  for (const [rank, k] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (shares[k]?.p ?? 1) * (order.length - rank)));
    values.set(k, largest);
  }
  return shares.map((share, k) => ({ ...share, adjusted: values.get(k) ?? 1 }));
}

function averages(
  [a, b]: readonly [Score, Score],
  [first, second]: readonly [ComparedRun, ComparedRun],
): AverageComparison {
  const differencesOf = (from: Score, to: Score): number[] =>
    to.credited.map((radius, k) => radius - (from.credited[k] ?? 0));
  const paired = differencesOf(
    scoreOf(first.outcomes, first.series),
    scoreOf(second.outcomes, second.series),
  );
  const mean = (values: readonly number[]): number =>
    values.length === 0 ? 0 : values.reduce((sum, v) => sum + v, 0) / values.length;
  return {
    first: mean(a.credited),
    second: mean(b.credited),
    difference: mean(differencesOf(a, b)),
    interval: bootstrapInterval(paired),
    p: signFlipTest(paired),
  };
}

/** Random 32-bit words, the same at every call with the same stream. */
function words(stream: number): () => number {
  const [k0, k1] = keyWords(SEED);
  let block = 0;
  let buffer: readonly number[] = [];
  return () => {
    if (block % 4 === 0) buffer = philox(block >>> 2, 0, 0, stream, k0, k1);
    return (buffer[block++ % 4] ?? 0) >>> 0;
  };
}

/** Share of random sign patterns that give a mean at least as far from 0, the observed one included. */
function signFlipTest(paired: readonly number[]): number {
  const moved = paired.filter((d) => d !== 0);
  const observed = Math.abs(moved.reduce((sum, d) => sum + d, 0));
  // Sums that are equal but for rounding count as equal.
  const goal = observed - 1e-12 * moved.reduce((sum, d) => sum + Math.abs(d), 0);
  const next = words(0);
  let extreme = 1;
  for (let flip = 0; flip < FLIPS; flip++) {
    let sum = 0;
    let bits = 0;
    for (const [k, d] of moved.entries()) {
      if (k % 32 === 0) bits = next();
      sum += bits & 1 ? d : -d;
      bits >>>= 1;
    }
    if (Math.abs(sum) >= goal) extreme++;
  }
  return extreme / (FLIPS + 1);
}

function bootstrapInterval(paired: readonly number[]): [number, number] {
  const n = paired.length;
  if (n === 0) return [0, 0];
  const next = words(1);
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += paired[Math.floor((next() / 2 ** 32) * n)] ?? 0;
    return sum / n;
  }).sort();
  const at = (share: number): number => means[Math.floor(share * (RESAMPLES - 1))] ?? 0;
  return [at(LEVEL / 2), at(1 - LEVEL / 2)];
}
