/**
 * p_A where drawing may end early, at almost no price where it does not. With f the rule's share, α is split into
 *
 *   fα        for the betting sequence (`votes/betting.ts`), which holds at all numbers of draws at once,
 *   (1 - f)α  for one Clopper-Pearson bound from all n draws, looked at once, and only if all n are made.
 *
 * Proof. By Ville's inequality the sequence exceeds the true probability at any number of draws with probability at most fα;
 * the Clopper-Pearson bound of the n draws, made or not, exceeds it with probability at most (1 - f)α. So with probability at
 * least 1 - α neither does, and what is reported is the sequence where drawing ended, or the larger of the two after n draws:
 * whatever the rule that ended it. []
 */
import { anytimeLower } from '../votes/betting.ts';
import { clopperPearsonLower } from '../votes/clopper-pearson.ts';
import { type VoteBound, votesFor } from '../votes/vote-bound.ts';
import { drawsOf } from '../votes/vote-counts.ts';
import type { Look } from './rule.ts';

/** The parts of alpha; they add up to no more than it. */
export function partsOf(
  alpha: number,
  sequenceShare: number,
): { readonly sequence: number; readonly atEnd: number } {
  const sequence = alpha * sequenceShare;
  // The difference may have been rounded up.
  return { sequence, atEnd: (alpha - sequence) * (1 - 2 ** -52) };
}

/** Lower bound on the probability of the class at a look, at level 1 - alpha. @param n the most that may be drawn */
export function hybridLower({ votes, draws }: Look, n: number, alpha: number, sequenceShare: number): number {
  const { sequence, atEnd } = partsOf(alpha, sequenceShare);
  const early = anytimeLower(votes, draws, sequence);
  return draws < n ? early : Math.max(early, clopperPearsonLower(votes, draws, atEnd));
}

/** The same of votes; no p_B. */
export const hybridProbabilities =
  (n: number, sequenceShare: number): VoteBound['probabilities'] =>
  (votes, top, alpha) => ({
    pA: hybridLower({ votes: votesFor(votes, top), draws: drawsOf(votes) }, n, alpha, sequenceShare),
    pB: null,
  });
