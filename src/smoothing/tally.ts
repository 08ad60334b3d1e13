/** What is made of the logits of draws where they are drawn: votes, or sums of scores. */
import { type Scoring, scoreStatistic } from './scores/score-statistic.ts';
import type { ScoreSums } from './scores/score-sums.ts';
import type { Statistic } from './statistic.ts';
import type { VoteCounts } from './votes/vote-counts.ts';
import { voteStatistic } from './votes/vote-statistic.ts';

export type Tally = { readonly kind: 'votes' } | ({ readonly kind: 'scores' } & Scoring);
export type TallyResult = VoteCounts | ScoreSums;

export const statisticOf = (tally: Tally, classes: number): Statistic<TallyResult> =>
  tally.kind === 'votes' ? voteStatistic(classes) : scoreStatistic(classes, tally);

export const isVotes = (result: TallyResult): result is VoteCounts => 'counts' in result;
export const isScores = (result: TallyResult): result is ScoreSums => 'own' in result;
