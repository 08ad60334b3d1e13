/** Scores of the draws, dealt to knots: of one class, and of the best of the others. */
import type { ScoreMapName } from '../../ground/score-map-names.ts';
import type { Statistic } from '../statistic.ts';
import { scoresOf } from './score-map.ts';
import { deal, noWeights, type ScoreSums } from './score-sums.ts';

export interface Scoring {
  readonly map: ScoreMapName;
  /** > 0; not looked at for votes. */
  readonly temperature: number;
  /** The class whose scores are the own ones. */
  readonly top: number;
}

/** The score of `top` and the largest other one. */
export function ownAndOthers(scores: Float64Array, top: number): readonly [own: number, others: number] {
  let others = 0;
  for (let c = 0; c < scores.length; c++) if (c !== top) others = Math.max(others, scores[c] ?? 0);
  return [Math.min(1, scores[top] ?? 0), Math.min(1, others)];
}

export function scoreStatistic(classes: number, { map, temperature, top }: Scoring): Statistic<ScoreSums> {
  const sums = { own: noWeights(), others: noWeights() };
  const scores = new Float64Array(classes);
  let nonFinite = 0;
  return {
    take(logits, rows) {
      for (let row = 0; row < rows; row++) {
        const finite = scoresOf(map, temperature, logits, row * classes, scores);
        const [own, others] = finite ? ownAndOthers(scores, top) : [0, 1];
        if (!finite) nonFinite++;
        deal(sums.own, own);
        deal(sums.others, others);
      }
    },
    result: () => ({ ...sums, nonFinite }),
  };
}
