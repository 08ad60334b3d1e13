/** What a whole run shows, as data: the summary table and the `--json` document are two renderings of it. */

import type { Outcome, RunHeader } from '../records/record.ts';
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

/** One method's results over the run. */
export interface SeriesSummary {
  readonly name: 'SPLITZ' | 'plain smoothing';
  /** Noise level: at the cut for SPLITZ, at the input for plain smoothing. */
  readonly sigma: number;
  readonly score: Score;
  readonly shares: readonly CertifiedShare[];
  readonly averageRadius: AverageRadius;
  /** To be taken off every certified share if certificates may fail (`failureAllowance`). */
  readonly failureAllowance: number;
}

export interface RunSummary {
  readonly guarantee: RunHeader['guarantee'];
  readonly measure: Measure;
  readonly confidence: number;
  readonly images: number;
  /** Radii of the table, input units. */
  readonly radii: readonly number[];
  /** The method run, then plain smoothing when it was run alongside. */
  readonly series: readonly SeriesSummary[];
  /** Median of D(r)/r over the certified images; null when there is none or the cut is the input. */
  readonly medianLocalLipschitz: number | null;
}

/** Summarises the outcomes of a run; they may be none. */
export function summarise(header: RunHeader, outcomes: readonly Outcome[]): RunSummary {
  const { settings, split, guarantee } = header;
  const plain = split.cut === 'input';
  const own = scoreOf(outcomes);
  const baselines = outcomes.flatMap(({ baseline }) => (baseline === null ? [] : [baseline]));
  const baselineSigma = settings.baselineSigma.value;
  // A baseline of some of the images would not be comparable, side by side, with all of them.
  const beside = baselineSigma !== null && baselines.length === outcomes.length ? scoreOf(baselines) : null;
  const largest = Math.max(own.radii.at(-1) ?? 0, beside?.radii.at(-1) ?? 0);
  const radii = roundRadii(largest);
  const first = seriesOf(plain ? 'plain smoothing' : 'SPLITZ', settings.sigma.value, own, radii);
  return {
    guarantee,
    measure: own.measure,
    confidence: CONFIDENCE,
    images: own.images,
    radii,
    series:
      beside === null || baselineSigma === null
        ? [first]
        : [first, seriesOf('plain smoothing', baselineSigma, beside, radii)],
    medianLocalLipschitz: plain
      ? null
      : median(outcomes.flatMap(({ localLipschitz: L }) => (L === null ? [] : [L]))),
  };
}

function seriesOf(
  name: SeriesSummary['name'],
  sigma: number,
  score: Score,
  radii: readonly number[],
): SeriesSummary {
  return {
    name,
    sigma,
    score,
    shares: radii.map((radius) => certifiedShare(score, radius)),
    averageRadius: averageRadius(score),
    failureAllowance: failureAllowance(score.alpha, Math.max(1, score.images)),
  };
}

/** The lower median. */
function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
