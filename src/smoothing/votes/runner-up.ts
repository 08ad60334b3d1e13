/**
 * `runner-up`: Clopper-Pearson bounds p_A and p_B at level 1 - α/2 each, from a number of draws fixed beforehand.
 *
 * p_B bounds the largest count among the other outcomes: it is at least the count of the true runner-up, so no correction for
 * the number of classes is due. Draws with a non-finite logit are an outcome of their own and a possible runner-up.
 */
import { clopperPearsonLower, clopperPearsonUpper } from './clopper-pearson.ts';
import { allAtOnce, type VoteBound, votesFor } from './vote-bound.ts';
import { drawsOf } from './vote-counts.ts';

export const runnerUp: VoteBound = {
  name: 'runner-up',
  next: allAtOnce,
  probabilities(votes, top, alpha) {
    const draws = drawsOf(votes);
    const others = votes.counts.filter((_, index) => index !== top);
    return {
      pA: clopperPearsonLower(votesFor(votes, top), draws, alpha / 2),
      pB: clopperPearsonUpper(Math.max(votes.nonFinite, ...others), draws, alpha / 2),
    };
  },
};
