/**
 * How far noisy copies of an input are from being classified otherwise, as a number with a slope (the hard votes have
 * none): with p̄ the mean probability over the draws,
 *
 *   margin = log p̄_y − max over j allowed of log p̄_j.
 *
 * Salman et al., "Provably robust deep learning via adversarially trained smoothed classifiers", NeurIPS 2019, section
 * 2.2: the soft smoothed classifier as a surrogate of the hard one. Without noise (one draw) it is the difference of the
 * logits (Carlini & Wagner 2017).
 */

/** What is attacked: the class to leave, and the one to reach (null: any other). */
export interface Goal {
  readonly from: number;
  readonly to: number | null;
}

/** The classes an attack may end in: whether `candidate` counts as success. */
export const isAllowed = ({ from, to }: Goal, candidate: number): boolean =>
  to === null ? candidate !== from : candidate === to;

/** log p̄ of each class [rows][classes] from logits [draws·rows, classes], row q·rows + i being draw q of input i. */
export function logSoftProbabilities(
  logits: Float32Array,
  draws: number,
  rows: number,
  classes: number,
): Float64Array[] {
  return Array.from({ length: rows }, (_, i) => {
    const perDraw = Array.from({ length: draws }, (_, q) => {
      const start = (q * rows + i) * classes;
      return logSoftmax(logits.subarray(start, start + classes));
    });
    return Float64Array.from({ length: classes }, (_, c) => {
      const largest = Math.max(...perDraw.map((row) => row[c] as number));
      if (largest === Number.NEGATIVE_INFINITY) return largest;
      const sum = perDraw.reduce((total, row) => total + Math.exp((row[c] as number) - largest), 0);
      return largest + Math.log(sum / draws);
    });
  });
}

function logSoftmax(logits: Float32Array): Float64Array {
  const largest = Math.max(...logits);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  return Float64Array.from(logits, (value) => value - largest - Math.log(sum));
}

/** The margin of one input; below 0 the goal is reached. Not a number where a logit is not finite. */
export function softMargin(logProbabilities: Float64Array, goal: Goal): number {
  let best = Number.NEGATIVE_INFINITY;
  for (const [c, value] of logProbabilities.entries()) if (isAllowed(goal, c)) best = Math.max(best, value);
  return (logProbabilities[goal.from] as number) - best;
}
