/**
 * Scores of draws as integers, so that their sums come out the same in any order and partition. A score is rounded to a multiple
 * of 2^-16 and dealt to the two of 65 knots 0, 1/64, ..., 1 that it lies between, in inverse proportion to its distances from them, in
 * units of 2^-10 draws.
 *
 * What a sum over draws of a function f of the score comes to can be bounded from the weights: dealing keeps the mean, so with
 * f concave, sum f(score) >= sum over knots of weight f(knot), and <= with f convex.
 */

/** Knots are k / KNOTS, k = 0 ... KNOTS. */
export const KNOTS = 64;
/** Weights of one draw. */
export const UNITS = 1024;
const LEVELS = KNOTS * UNITS;

/** One weight per knot. */
export type Weights = readonly number[];

/** Scores of a class, and of the best of the others, over the same draws. */
export interface ScoreSums {
  readonly own: Weights;
  /** Of the largest score among the other classes, draw by draw. */
  readonly others: Weights;
  /** Draws with a NaN or infinite logit: `own` has 0 of them and `others` 1. */
  readonly nonFinite: number;
}

/** The score as it is dealt: the nearest multiple of 2^-16. */
export const roundedScore = (score: number): number => Math.round(score * LEVELS) / LEVELS;

/** Deals a score in [0,1]. */
export function deal(weights: number[], score: number): void {
  const level = Math.round(score * LEVELS);
  const knot = Math.floor(level / UNITS);
  const beyond = level - knot * UNITS;
  weights[knot] = (weights[knot] ?? 0) + UNITS - beyond;
  if (beyond > 0) weights[knot + 1] = (weights[knot + 1] ?? 0) + beyond;
}

export const noWeights = (): number[] => new Array<number>(KNOTS + 1).fill(0);

/** Draws behind the weights. */
export const drawsIn = (weights: Weights): number => weights.reduce((sum, w) => sum + w, 0) / UNITS;

/** The mean score, to one rounding or two. */
export const meanOf = (weights: Weights): number =>
  weights.reduce((sum, w, k) => sum + w * k, 0) / (KNOTS * UNITS * drawsIn(weights));

/** The weights of 1 - score. */
export const mirrored = (weights: Weights): Weights => weights.toReversed();

export function sumOfScores(parts: readonly ScoreSums[]): ScoreSums {
  const own = noWeights();
  const others = noWeights();
  let nonFinite = 0;
  for (const part of parts) {
    for (const [k, w] of part.own.entries()) own[k] = (own[k] ?? 0) + w;
    for (const [k, w] of part.others.entries()) others[k] = (others[k] ?? 0) + w;
    nonFinite += part.nonFinite;
  }
  return { own, others, nonFinite };
}
