/** The scores of the network behind a cut under noise: selection, fresh draws, comparison, and the radius where the noise is added. */
import { totalVariation } from '../../smoothing/noise/noise-error.ts';
import { seriesStages } from '../../smoothing/noise/philox.ts';
import { fineGridOf } from '../../smoothing/noise/rounded-noise.ts';
import type { Sampler } from '../../smoothing/sampler.ts';
import { scoresOf } from '../../smoothing/scores/score-map.ts';
import { ownAndOthers } from '../../smoothing/scores/score-statistic.ts';
import { deal, noWeights, type ScoreSums } from '../../smoothing/scores/score-sums.ts';
import type { SeriesNoise } from '../method.ts';
import { type Losses, radiiOf, scoreBounds, shares } from './certificate.ts';
import { chosenFor } from './choice.ts';
import { type Draws, deviationOf, largestDifference, rowsOf } from './comparison.ts';
import { roundingLoss } from './rounding.ts';
import type { LipschitzEvidence, LipschitzSettings } from './schema.ts';
import type { ScoredNetwork } from './scored-network.ts';

/** What is scored. */
export interface Scored {
  readonly sampler: Sampler;
  readonly classes: number;
  readonly settings: LipschitzSettings;
  /** Null for votes. */
  readonly network: ScoredNetwork | null;
  /** L of a score; null for votes. */
  readonly lipschitz: number | null;
}

/** Where draws are made, and what for. */
export interface Place {
  readonly latent: Float64Array;
  readonly image: number;
  readonly seed: bigint;
}

export type ScoreEvidence = Omit<
  LipschitzEvidence,
  'displacement' | 'localLipschitz' | 'forwardError' | 'forwardErrorNearby'
>;

const drawsAt = (
  { latent, image, seed }: Place,
  sigma: number,
  [stage, from, to]: readonly [stage: number, from: number, to: number],
): Draws => ({ latent, sigma, grid: fineGridOf(sigma), seed, stage, image, from, to });

/** Logits of draws. */
async function logitsOf({ sampler }: Scored, draws: Draws, signal: AbortSignal): Promise<Float32Array[]> {
  const parts: Float32Array[] = [];
  for await (const { logits } of rowsOf(sampler, draws, signal)) parts.push(logits);
  return parts;
}

/** The class with the largest mean score, and the sums of its scores; null where no draw is finite. */
export function selectionFrom(
  logits: readonly Float32Array[],
  classes: number,
  { scores: map, temperature }: Pick<LipschitzSettings, 'scores' | 'temperature'>,
): { readonly top: number; readonly sums: ScoreSums } | null {
  const rows: Float64Array[] = [];
  let nonFinite = 0;
  for (const part of logits) {
    for (let start = 0; start < part.length; start += classes) {
      const scores = new Float64Array(classes);
      if (scoresOf(map, temperature ?? 1, part, start, scores)) rows.push(scores);
      else nonFinite++;
    }
  }
  if (rows.length === 0) return null;
  const means = Array.from({ length: classes }, (_, c) => rows.reduce((sum, row) => sum + (row[c] ?? 0), 0));
  const top = means.indexOf(Math.max(...means));
  const sums = { own: noWeights(), others: noWeights() };
  for (const row of rows) {
    const [own, others] = ownAndOthers(row, top);
    deal(sums.own, own);
    deal(sums.others, others);
  }
  for (let k = 0; k < nonFinite; k++) {
    deal(sums.own, 0);
    deal(sums.others, 1);
  }
  return { top, sums: { ...sums, nonFinite } };
}

/** τ and ρ around a point: what does not depend on the draws. */
export function noiseLosses(
  latent: Float64Array,
  sigma: number,
  lipschitz: number | null,
): { readonly tau: number; readonly rounding: number } {
  const grid = fineGridOf(sigma);
  return {
    tau: totalVariation(latent, sigma, grid),
    rounding: lipschitz === null ? 0 : Math.min(1, roundingLoss(lipschitz, latent, sigma, grid)),
  };
}

/** The largest difference over the first draws of a stage, and ε. */
async function comparison(
  scored: Scored,
  top: number,
  draws: Draws,
  alpha: number,
  signal: AbortSignal,
): Promise<{ readonly difference: number; readonly deviation: number }> {
  const { network, settings, sampler, classes } = scored;
  const { scores: map, temperature } = settings;
  if (network === null || map === 'votes' || temperature === null) return { difference: 0, deviation: 0 };
  const scoring = { map, temperature, top };
  const difference = await largestDifference(sampler, network, classes, scoring, draws, signal);
  return { difference, deviation: deviationOf(difference, draws.to - draws.from, alpha) };
}

/** How many draws are compared, of so many made. */
export const comparedOf = (settings: Pick<LipschitzSettings, 'compared'>, draws: number): number =>
  Math.min(settings.compared, draws);

/** Selection, fresh draws and what follows from them. */
export async function certifyScores(
  scored: Scored,
  place: Place,
  { series }: SeriesNoise,
  signal: AbortSignal,
  heard: (share: number) => void,
): Promise<{ readonly prediction: number | null; readonly evidence: ScoreEvidence }> {
  const { settings, lipschitz, sampler, classes } = scored;
  const { sigma, n0, n, alpha, scores: map } = settings;
  const { selection, estimation } = seriesStages(series);
  const losses = noiseLosses(place.latent, sigma, lipschitz);
  const first = await logitsOf(scored, drawsAt(place, sigma, [selection, 0, n0]), signal);
  const selected = selectionFrom(first, classes, settings);
  const fresh = (top: number): Promise<ScoreSums> =>
    sampler.scores(
      {
        ...drawsAt(place, sigma, [estimation, 0, n]),
        signal,
        onProgress: (done) => heard((n0 + done) / (n0 + n)),
      },
      { map, temperature: settings.temperature ?? 1, top },
    );
  const grid = fineGridOf(sigma);
  if (selected === null) {
    // They are made all the same, so that they can be counted.
    const sums = await fresh(0);
    return { prediction: null, evidence: { selected: null, ...sums, ...UNDECIDED, grid, ...losses } };
  }
  const { top } = selected;
  const compared = comparedOf(settings, n);
  const hoped = map === 'votes' ? 0 : deviationOf(0, compared, shares(map, 'one', alpha).comparison);
  const { mean, form } = chosenFor(selected.sums, settings, lipschitz, { ...losses, deviation: hoped });
  const share = shares(map, form, alpha);
  const [sums, { difference, deviation }] = await Promise.all([
    fresh(top),
    comparison(scored, top, drawsAt(place, sigma, [estimation, 0, compared]), share.comparison, signal),
  ]);
  const bounds = scoreBounds(sums, { mean, form }, share.mean, { ...losses, deviation });
  const radii = radiiOf(bounds, sigma, lipschitz);
  const evidence = { selected: top, ...sums, mean, form, grid, ...losses, difference, deviation, ...bounds };
  return { prediction: radii.latentRadius > 0 ? top : null, evidence: { ...evidence, ...radii } };
}

/** Of an image without a class. */
const UNDECIDED = {
  ...{ mean: 'bernstein' as const, form: 'one' as const, difference: 0, deviation: 0, pA: 0, pB: null },
  ...{ latentRadius: 0, publishedRadius: 0, plainRadius: 0 },
};

/** The classifier's answer from fresh draws alone: a tenth of them select, the others decide. Null where none is finite. */
export async function answerOf(
  scored: Scored,
  place: Place,
  question: {
    readonly stage: number;
    readonly number: number;
    readonly draws: number;
    readonly alpha: number;
  },
  signal: AbortSignal,
): Promise<{ readonly top: number; readonly sums: ScoreSums; readonly decided: boolean } | null> {
  const { settings, lipschitz, sampler, classes } = scored;
  const { sigma, scores: map } = settings;
  const { stage, number, draws, alpha } = question;
  const first = number * draws;
  const middle = first + Math.max(1, Math.min(settings.n0, Math.ceil(draws / 10)));
  const end = Math.max(middle + 1, first + draws);
  const choosing = await logitsOf(scored, drawsAt(place, sigma, [stage, first, middle]), signal);
  const selected = selectionFrom(choosing, classes, settings);
  if (selected === null) return null;
  const { top } = selected;
  const share = shares(map, 'two', alpha);
  const compared = comparedOf(settings, end - middle);
  const [sums, { deviation }] = await Promise.all([
    sampler.scores(
      { ...drawsAt(place, sigma, [stage, middle, end]), signal },
      { map, temperature: settings.temperature ?? 1, top },
    ),
    comparison(
      scored,
      top,
      drawsAt(place, sigma, [stage, middle, middle + compared]),
      share.comparison,
      signal,
    ),
  ]);
  const losses: Losses = { ...noiseLosses(place.latent, sigma, lipschitz), deviation };
  const mean = map === 'votes' ? 'clopper-pearson' : 'betting';
  const { pA, pB } = scoreBounds(sums, { mean, form: 'two' }, share.mean, losses);
  return { top, sums, decided: pA > Math.min(pB ?? 1, 1 - pA) };
}
