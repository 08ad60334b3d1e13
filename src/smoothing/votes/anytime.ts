/**
 * `anytime`: p_A from the betting sequence of `betting.ts` at level 1 - α; no p_B. It holds at all numbers of draws at once,
 * so drawing may end when the votes seen leave little to gain. When to look and when to stop is a matter of cost alone: by
 * Ville's inequality no rule can raise the failure probability, and a bound on the probability under the noise drawn, less
 * τ, is one under ideal noise whatever the number of draws.
 *
 * Looks are 1.5 times apart. Drawing ends where
 *   - a majority is rejected: the same sequence for the draws that are not votes for the class is above 1/2;
 *   - or all n draws, were the rest to come out like those seen, would give a radius at most 5 % larger.
 */
import { anytimeLower } from './betting.ts';
import { drawsToLook } from './looks.ts';
import { normalQuantileLower } from './normal-quantile.ts';
import { type VoteBound, votesFor } from './vote-bound.ts';
import { drawsOf } from './vote-counts.ts';

const LOOKS = { first: 256, apart: 1.5, step: 1, last: 1 };
/** Share of the radius that is given up for an earlier end. */
const GIVEN_UP = 0.05;

export const anytime: VoteBound = {
  name: 'anytime',
  next(seen, top, n, alpha) {
    const draws = drawsOf(seen);
    if (draws >= n || (draws > 0 && isSettled(votesFor(seen, top), draws, n, alpha))) return 0;
    return drawsToLook(draws, n, LOOKS);
  },
  probabilities: (votes, top, alpha) => ({
    pA: anytimeLower(votesFor(votes, top), drawsOf(votes), alpha),
    pB: null,
  }),
};

function isSettled(votes: number, draws: number, n: number, alpha: number): boolean {
  if (anytimeLower(draws - votes, draws, alpha) > 0.5) return true;
  const now = anytimeLower(votes, draws, alpha);
  if (now <= 0.5) return false;
  const projected = anytimeLower(Math.round((votes / draws) * n), n, alpha);
  return normalQuantileLower(projected) <= (1 + GIVEN_UP) * normalQuantileLower(now);
}
