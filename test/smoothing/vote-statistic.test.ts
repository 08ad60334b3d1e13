import { describe, expect, it } from 'vitest';
import { sumOfVotes } from '../../src/smoothing/votes/vote-counts.ts';
import { voteStatistic } from '../../src/smoothing/votes/vote-statistic.ts';

const LOGITS = Float32Array.of(...[1, 2, 2], ...[0, -1, Number.NaN], ...[3, Infinity, 1], ...[5, 4, 3]);

describe('votes of a batch', () => {
  it('go to the first of the largest logits, and to no class where a logit is not finite', () => {
    const votes = voteStatistic(3);
    votes.take(LOGITS, 4);
    expect(votes.result()).toEqual({ counts: [1, 1, 0], nonFinite: 2 });
  });

  it('leave out the rows that fill up the batch', () => {
    const votes = voteStatistic(3);
    votes.take(LOGITS, 2);
    expect(votes.result()).toEqual({ counts: [0, 1, 0], nonFinite: 1 });
  });

  it('come to the same however they are dealt', () => {
    const whole = voteStatistic(3);
    whole.take(LOGITS, 4);
    const [first, second] = [voteStatistic(3), voteStatistic(3)];
    first.take(LOGITS.subarray(9), 1);
    second.take(LOGITS, 3);
    expect(sumOfVotes([first.result(), second.result()], 3)).toEqual(whole.result());
  });
});
