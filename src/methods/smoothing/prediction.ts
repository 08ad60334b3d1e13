/**
 * PREDICT (Cohen, Rosenfeld, Kolter 2019, section 3.2.1): the smoothed classifier's answer from one set of votes. Given
 * the two largest counts n_A >= n_B, a fair coin would give a split at least as uneven with probability
 * 2 P[Bin(n_A + n_B, 1/2) >= n_A]; when that exceeds alpha the answer is an abstention. So with probability at least
 * 1 - alpha it abstains or answers the class that really wins.
 *
 * The noise drawn is within tau of ideal noise in total variation (noise-error.ts), so a class that does not win may lead
 * under it by 2 tau. Two ways to allow for that, the better one counts. All N draws together are within N tau of ideal ones.
 * Or: with s the probability of the two outcomes together, a vote for one of them is for the first with probability
 * 1/2 + tau / s at most; and s >= T / 2N, for T votes among N draws, but for (e / 4)^(T / 2) (Chernoff).
 */
import { binomialUpperTail } from '../../smoothing/votes/binomial-tail.ts';
import { drawsOf, type VoteCounts } from '../../smoothing/votes/vote-counts.ts';

export interface PredictedClass {
  /** Null when the votes do not decide. */
  readonly prediction: number | null;
  /** Votes of the largest count. */
  readonly votes: number;
  /** Class with the second largest count; null when that is the draws with non-finite logits. */
  readonly runnerUp: number | null;
  readonly runnerUpVotes: number;
}

/**
 * Draws with a non-finite logit are an outcome of their own and may be the runner-up.
 * @param tau upper bound on the total variation between the noise drawn and ideal noise (`totalVariation`)
 */
export function predictedClass(counts: VoteCounts, alpha: number, tau: number): PredictedClass {
  const outcomes: { votes: number; outcome: number | null }[] = counts.counts.map((votes, outcome) => ({
    votes,
    outcome,
  }));
  outcomes.push({ votes: counts.nonFinite, outcome: null });
  const [first, second] = outcomes.sort((a, b) => b.votes - a.votes);
  if (first === undefined || second === undefined) throw new RangeError('no outcome was counted');
  const total = first.votes + second.votes;
  const draws = drawsOf(counts);
  const pValue =
    total === 0 || first.votes === second.votes
      ? 1
      : Math.min(
          2 * binomialUpperTail(first.votes, total, 0.5) + draws * tau,
          2 * binomialUpperTail(first.votes, total, Math.min(1 - 2 ** -53, 0.5 + (2 * draws * tau) / total)) +
            (Math.E / 4) ** (total / 2),
        );
  return {
    prediction: pValue <= alpha ? first.outcome : null,
    votes: first.votes,
    runnerUp: second.outcome,
    runnerUpVotes: second.votes,
  };
}
