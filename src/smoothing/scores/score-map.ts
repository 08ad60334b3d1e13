/**
 * Scores of a row of logits y at a temperature T: a point of the simplex, softmax(y / T) or sparsemax(y / T) (Martins &
 * Astudillo, ICML 2016: the l2 projection of y / T on the simplex), or the vertex of the largest logit (votes).
 *
 * Lipschitz constants, in l2 of the logits and of the differences of two logits. Let every y_c - y_i be Λ-Lipschitz in the point
 * that the logits are of. Then a score s_c is Λ `perPair` / T-Lipschitz in it:
 *   softmax    grad s_c = s_c sum_i s_i (grad y_c - grad y_i) / T, of norm <= s_c (1 - s_c) Λ / T <= Λ / 4T
 *   sparsemax  on a support of k classes grad s_c = (1/k) sum_i (grad y_c - grad y_i) / T over the support, or 0: at most (1 - 1/k) Λ / T,
 *              k <= classes; continuous, so the bound of the pieces is the bound of the whole
 * An error of e in l2 of the logits moves a score by `perLogits` e / T at most: |s_c (e_c - s)| <= sqrt(2) s_c (1 - s_c) <= sqrt(2) / 4,
 * and a projection on a convex set moves no further than its point.
 */
import type { ScoreMapName } from '../../ground/score-map-names.ts';

/** Scores that follow the logits continuously. */
export type SoftMapName = Exclude<ScoreMapName, 'votes'>;

const UP = 1 + 2 ** -50;

/** @param classes at least 2, for a map that has a constant */
export const perPair = (map: SoftMapName, classes: number): number =>
  map === 'softmax' ? 1 / 4 : (1 - 1 / classes) * UP;

export const perLogits = (map: SoftMapName): number => (map === 'softmax' ? (Math.SQRT2 / 4) * UP : 1);

/**
 * Writes the scores of `classes` logits, read from `start` on, to `into`; false where a logit is not finite.
 * @param temperature > 0; not looked at for votes
 */
export function scoresOf(
  map: ScoreMapName,
  temperature: number,
  logits: Float32Array | Float64Array,
  start: number,
  into: Float64Array,
): boolean {
  const classes = into.length;
  let top = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) {
    const value = logits[start + c] ?? Number.NaN;
    if (!Number.isFinite(value)) return false;
    if (value > most) {
      most = value;
      top = c;
    }
  }
  if (map === 'votes') {
    into.fill(0);
    into[top] = 1;
    return true;
  }
  for (let c = 0; c < classes; c++) into[c] = ((logits[start + c] ?? 0) - most) / temperature;
  if (map === 'softmax') softmax(into);
  else sparsemax(into);
  return true;
}

/** @param z shifted so that the largest is 0 */
function softmax(z: Float64Array): void {
  let sum = 0;
  for (let c = 0; c < z.length; c++) {
    const e = Math.exp(z[c] ?? 0);
    z[c] = e;
    sum += e;
  }
  for (let c = 0; c < z.length; c++) z[c] = (z[c] ?? 0) / sum;
}

/** @param z shifted so that the largest is 0: entries up to -1 get nothing */
function sparsemax(z: Float64Array): void {
  const descending = z.filter((value) => value > -1).sort((a, b) => b - a);
  let sum = 0;
  let threshold = 0;
  for (const [k, value] of descending.entries()) {
    sum += value;
    if (1 + (k + 1) * value > sum) threshold = (sum - 1) / (k + 1);
  }
  for (let c = 0; c < z.length; c++) z[c] = Math.max(0, (z[c] ?? 0) - threshold);
}
