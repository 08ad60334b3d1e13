/** What a whole run shows, as data: the summary table and the `--json` document are two renderings of it. */

import type { Guarantee, Outcome, RunHeader } from '../records/record.ts';
import {
  type AverageRadius,
  averageRadius,
  type CertifiedShare,
  CONFIDENCE,
  certifiedShare,
  failureAllowance,
  type Measure,
  roundRadii,
  type Score,
  scoreOf,
} from './accuracy.ts';
import { type EqualImages, equalImages } from './equal-images.ts';

/** One series' results over the run. */
export interface SeriesSummary {
  /** Name of the method. */
  readonly method: string;
  readonly guarantee: Guarantee;
  readonly score: Score;
  readonly shares: readonly CertifiedShare[];
  readonly averageRadius: AverageRadius;
  /** To be taken off every certified share if certificates may fail (`failureAllowance`). */
  readonly failureAllowance: number;
  /** Median of D(r)/r over the certified images; null when there is none or the method has no left half. */
  readonly medianLocalLipschitz: number | null;
  /** Mean number of draws per image, those that choose a class omitted; null where none are counted. */
  readonly averageDraws: number | null;
}

export interface RunSummary {
  readonly measure: Measure;
  readonly confidence: number;
  readonly images: number;
  /** Images whose label the network alone answers, without noise; null without labels. Not certified. */
  readonly right: number | null;
  /** Which images are the same picture; bands are over distinct ones. */
  readonly equal: EqualImages;
  /** Radii of the table, input units. */
  readonly radii: readonly number[];
  /** In the order of the header. */
  readonly series: readonly SeriesSummary[];
}

/** Summarises the outcomes of a run; they may be none. */
export function summarise(
  { series, dependence }: Pick<RunHeader, 'series' | 'dependence'>,
  outcomes: readonly Outcome[],
): RunSummary {
  const scores = series.map((_, k) => scoreOf(outcomes, k));
  const radii = roundRadii(Math.max(0, ...scores.map((score) => score.radii.at(-1) ?? 0)));
  const labelled = outcomes.every(({ label }) => label !== null);
  return {
    measure: scores[0]?.measure ?? 'certified accuracy',
    confidence: CONFIDENCE,
    images: outcomes.length,
    right: labelled ? outcomes.filter(({ answer, label }) => answer === label).length : null,
    equal: equalImages(outcomes),
    radii,
    series: scores.map((score, k) => ({
      method: series[k]?.method ?? '',
      guarantee: series[k]?.guarantee ?? 'certificate',
      score,
      shares: radii.map((radius) => certifiedShare(score, radius)),
      averageRadius: averageRadius(score, dependence),
      failureAllowance: failureAllowance(score.alpha, Math.max(1, score.images), dependence),
      medianLocalLipschitz: median(
        outcomes.flatMap(({ verdicts }) => {
          const L = verdicts[k]?.localLipschitz ?? null;
          return L === null ? [] : [L];
        }),
      ),
      averageDraws: averageDraws(outcomes.flatMap(({ verdicts }) => verdicts[k]?.draws ?? [])),
    })),
  };
}

const averageDraws = (draws: readonly number[]): number | null =>
  draws.length === 0 ? null : draws.reduce((sum, one) => sum + one, 0) / draws.length;

/** The lower median. */
function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
