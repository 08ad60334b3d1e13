/** The bounds on votes, by name. A new one takes a file, a line here and its name in `ground/vote-bound-names.ts`. */
import type { VoteBoundName } from '../../ground/vote-bound-names.ts';
import { anytime } from './anytime.ts';
import { majority } from './majority.ts';
import { runnerUp } from './runner-up.ts';
import type { VoteBound } from './vote-bound.ts';

export const VOTE_BOUNDS: Readonly<Record<VoteBoundName, VoteBound>> = {
  'clopper-pearson': majority,
  'runner-up': runnerUp,
  anytime,
};

/**
 * The smallest number of draws that can certify anything at this alpha: the smallest n at which n votes of n show that the class
 * wins.
 * @throws UsageError unless 0 < alpha < 0.5
 */
export function smallestUsefulN(bound: VoteBound, alpha: number): number {
  for (let n = 1; ; n++) {
    const { pA, pB } = bound.probabilities({ counts: [n], nonFinite: 0 }, 0, alpha);
    if (pA > Math.max(0.5, pB ?? 0)) return n;
  }
}
