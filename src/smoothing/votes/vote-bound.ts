/**
 * From the votes of an image's draws to the probabilities behind them, and when enough has been drawn. One file per bound,
 * listed in `index.ts`.
 */
import type { VoteBoundName } from '../../ground/vote-bound-names.ts';
import { drawsOf, type VoteCounts } from './vote-counts.ts';

/** Bounds on the probabilities under the noise that was drawn: τ, by which it can differ from ideal noise, is not yet taken off. */
export interface VoteProbabilities {
  /** Lower bound on the probability of the class. */
  readonly pA: number;
  /** Upper bound on the probability of every other outcome; null when the bound does not use it. */
  readonly pB: number | null;
}

export interface VoteBound {
  readonly name: VoteBoundName;
  /**
   * Draws to add to those seen; 0 ends. Never takes the draws beyond n. Depends on the votes alone, so that a certificate drawn
   * again stops where the recorded one did.
   * @param seen votes so far; at first those of no draw
   * @param n the most that may be drawn
   */
  next(seen: VoteCounts, top: number, n: number, alpha: number): number;
  /**
   * Both bounds hold at once with probability at least 1 - alpha, for votes of independent draws added as `next` says; `top` was
   * chosen on other draws.
   * @throws UsageError unless 0 < alpha < 0.5; RangeError without a draw or when `top` is not a class.
   */
  probabilities(votes: VoteCounts, top: number, alpha: number): VoteProbabilities;
}

/** Votes for a class. @throws RangeError when there is no such class */
export function votesFor(votes: VoteCounts, top: number): number {
  const count = votes.counts[top];
  if (count === undefined) throw new RangeError(`class ${top} of ${votes.counts.length}`);
  return count;
}

/** All n draws, whatever is seen: what a bound for a number of draws fixed beforehand needs. */
export const allAtOnce: VoteBound['next'] = (seen, _top, n) => n - drawsOf(seen);
