/** How an image is voted on: where its draws end, and the bounds that their votes give there. */
import type { VoteBoundName } from '../../ground/vote-bound-names.ts';
import { VOTE_BOUNDS } from '../votes/index.ts';
import { drawsToLook } from '../votes/looks.ts';
import { type VoteBound, votesFor } from '../votes/vote-bound.ts';
import { drawsOf, type VoteCounts } from '../votes/vote-counts.ts';
import { decision } from './decision.ts';
import type { Purpose, StoppingRule } from './rule.ts';
import { spentProbabilities } from './spending.ts';
import { tolerance } from './tolerance.ts';
import { type Until, untilOf } from './until.ts';

export interface Voting {
  /** Both bounds hold at once with probability at least 1 - alpha, for draws that ended as `next` says (`VoteBound`). */
  readonly probabilities: VoteBound['probabilities'];
  /** Draws to add to those seen; 0 ends. Depends on the votes and the purpose alone. */
  next(seen: VoteCounts, top: number, purpose: Purpose): number;
}

/** What of a series' settings says how it is voted. */
export interface VotingSettings {
  readonly n: number;
  readonly bound: VoteBoundName;
  /** As `--until`; all draws without it. */
  readonly until?: string | undefined;
}

/** Null where the bound itself says when draws end. */
export function ruleOf(until: Until): StoppingRule | null {
  if (until.kind === 'n') return null;
  return until.kind === 'radius' ? decision : tolerance(until.percent);
}

/** @throws UsageError for an `until` that cannot be read */
export function votingOf({ n, bound, until }: VotingSettings): Voting {
  const rule = ruleOf(untilOf(until));
  if (rule === null) {
    const { next, probabilities } = VOTE_BOUNDS[bound];
    return { probabilities, next: (seen, top, { alpha }) => next(seen, top, n, alpha) };
  }
  return {
    probabilities: spentProbabilities(n, rule.spending),
    next(seen, top, purpose) {
      const draws = drawsOf(seen);
      const done =
        draws >= n || (draws > 0 && rule.isSettled({ votes: votesFor(seen, top), draws }, purpose));
      return done ? 0 : drawsToLook(draws, n, rule.spending.looks);
    },
  };
}
