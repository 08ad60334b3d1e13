/**
 * PREDICT (Cohen, Rosenfeld, Kolter 2019, section 3.2.1): the smoothed classifier's answer from one set of votes. Given
 * the two largest counts n_A >= n_B, a fair coin would give a split at least as uneven with probability
 * 2 P[Bin(n_A + n_B, 1/2) >= n_A]; when that exceeds alpha the answer is an abstention. So with probability at least
 * 1 - alpha it abstains or answers the class that really wins.
 */
import { binomialUpperTail } from '../smoothing/binomial-tail.ts';
import type { VoteCounts } from '../smoothing/latent-radius.ts';

export interface PredictedClass {
  /** Null when the votes do not decide. */
  readonly prediction: number | null;
  /** Votes of the largest count. */
  readonly votes: number;
  /** Class with the second largest count; null when that is the draws with non-finite logits. */
  readonly runnerUp: number | null;
  readonly runnerUpVotes: number;
}

/** Draws with a non-finite logit are an outcome of their own and may be the runner-up. */
export function predictedClass(counts: VoteCounts, alpha: number): PredictedClass {
  const outcomes: { votes: number; outcome: number | null }[] = counts.counts.map((votes, outcome) => ({
    votes,
    outcome,
  }));
  outcomes.push({ votes: counts.nonFinite, outcome: null });
  const [first, second] = outcomes.sort((a, b) => b.votes - a.votes);
  if (first === undefined || second === undefined) throw new RangeError('no outcome was counted');
  const total = first.votes + second.votes;
  const pValue =
    total === 0 || first.votes === second.votes ? 1 : 2 * binomialUpperTail(first.votes, total, 0.5);
  return {
    prediction: pValue <= alpha ? first.outcome : null,
    votes: first.votes,
    runnerUp: second.outcome,
    runnerUpVotes: second.votes,
  };
}
