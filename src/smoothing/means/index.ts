/** Lower confidence bounds on the mean of scores, by name: each holds with probability 1 - alpha from a number of draws fixed beforehand. */
import { drawsIn, UNITS, type Weights } from '../scores/score-sums.ts';
import { clopperPearsonLower } from '../votes/clopper-pearson.ts';
import { bernsteinLower } from './bernstein.ts';
import { bettingLower } from './betting.ts';

export const MEAN_BOUND_NAMES = ['bernstein', 'betting', 'clopper-pearson'] as const;
export type MeanBoundName = (typeof MEAN_BOUND_NAMES)[number];

export const MEAN_BOUNDS: Readonly<Record<MeanBoundName, (weights: Weights, alpha: number) => number>> = {
  bernstein: bernsteinLower,
  betting: bettingLower,
  /** Counts draws with a score of 1, for scores that are 0 otherwise; it holds for all scores in [0,1], by Markov's inequality. */
  'clopper-pearson': (weights, alpha) => {
    const draws = Math.round(drawsIn(weights));
    return clopperPearsonLower(Math.floor((weights.at(-1) ?? 0) / UNITS), draws, alpha);
  },
};
