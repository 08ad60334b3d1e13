/** Votes of the draws: the class of each, counted. */
import type { Statistic } from '../statistic.ts';
import type { VoteCounts } from './vote-counts.ts';

export function voteStatistic(classes: number): Statistic<VoteCounts> {
  const counts = new Array<number>(classes).fill(0);
  let nonFinite = 0;

  /**
   * The class of the row at `start`: the first of the largest logits, or -1 when any logit is not finite. (ONNX Runtime's
   * ArgMax answers 0 or 3 for rows with a NaN.)
   */
  function topClass(values: Float32Array, start: number): number {
    let top = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) {
      const value = values[start + c] ?? Number.NaN;
      if (!Number.isFinite(value)) return -1;
      if (value > most) {
        most = value;
        top = c;
      }
    }
    return top;
  }

  return {
    take(logits, rows) {
      for (let row = 0; row < rows; row++) {
        const top = topClass(logits, row * classes);
        if (top === -1) nonFinite++;
        else counts[top] = (counts[top] ?? 0) + 1;
      }
    },
    result: () => ({ counts, nonFinite }),
  };
}
