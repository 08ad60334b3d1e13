/**
 * From the sums of scores to a radius where the noise is added. α is spent once: for votes all of it on the count; for scores half on the
 * comparison with exact arithmetic and half on the means, of which each takes half again where there are two.
 */
import type { ScoreMapName } from '../../ground/score-map-names.ts';
import { MEAN_BOUNDS, type MeanBoundName } from '../../smoothing/means/index.ts';
import { mirrored, type ScoreSums } from '../../smoothing/scores/score-sums.ts';
import { plainRadius, publishedRadius, type ScoreBounds, scoreRadius } from './closed-form.ts';
import type { Form } from './schema.ts';

/** What is taken off a mean of drawn scores: upper bounds. */
export interface Losses {
  readonly tau: number;
  readonly rounding: number;
  readonly deviation: number;
}

/** How the means are bounded. */
export interface Choice {
  readonly mean: MeanBoundName;
  readonly form: Form;
}

export interface Radii {
  readonly latentRadius: number;
  readonly publishedRadius: number;
  readonly plainRadius: number;
}

/** Share of alpha for the comparison with exact arithmetic. */
const COMPARISON = 1 / 2;

/** α of the comparison, and of each mean. */
export function shares(map: ScoreMapName, form: Form, alpha: number) {
  const comparison = map === 'votes' ? 0 : alpha * COMPARISON;
  return { comparison, mean: (alpha - comparison) / (form === 'two' ? 2 : 1) };
}

/** Roundings of three differences in [0,1]. */
const THREE = 3 * 2 ** -53;

export function scoreBounds(
  { own, others }: Pick<ScoreSums, 'own' | 'others'>,
  { mean, form }: Choice,
  level: number,
  { tau, rounding, deviation }: Losses,
): ScoreBounds {
  const bound = MEAN_BOUNDS[mean];
  const lost = tau + rounding + deviation + THREE;
  const pA = Math.max(0, bound(own, level) - lost);
  if (form === 'one') return { pA, pB: null };
  // Scores sum to 1: none of the others exceeds what the class leaves.
  return { pA, pB: Math.min(1 - pA, 1 - bound(mirrored(others), level) + lost) };
}

/**
 * Rounded down; all 0 where the first is not positive.
 * @param lipschitz L of a score; null for none
 */
export function radiiOf(bounds: ScoreBounds, sigma: number, lipschitz: number | null): Radii {
  const lambda = lipschitz === null ? null : lipschitz * sigma * (1 + 2 ** -51);
  const certified = sigma * scoreRadius(bounds, lambda) * (1 - 2 ** -51);
  if (!(certified > 0)) return { latentRadius: 0, publishedRadius: 0, plainRadius: 0 };
  return {
    latentRadius: certified,
    publishedRadius: Math.max(0, sigma * publishedRadius(bounds, lambda)),
    plainRadius: Math.max(0, sigma * plainRadius(bounds)),
  };
}
