/** What the batches of one count come to, wherever their votes were counted. */
import { ToolError } from '../../ground/errors.ts';
import { statisticOf, type Tally, type TallyResult } from '../tally.ts';
import { voteStatistic } from '../votes/vote-statistic.ts';
import type { Ran } from './session-half.ts';

export interface BatchTally {
  /** Whether votes alone will do. */
  readonly votes: boolean;
  /** @throws ToolError when votes and logits of a batch are both there and do not agree */
  add(ran: Ran, drawn: number): void;
  result(): TallyResult;
}

export function batchTally(tally: Tally, classes: number): BatchTally {
  if (tally.kind === 'votes') return votesTally(classes);
  const statistic = statisticOf(tally, classes);
  return {
    votes: false,
    add: ({ logits }, drawn) => statistic.take(logits ?? new Float32Array(), drawn),
    result: () => statistic.result(),
  };
}

function votesTally(classes: number): BatchTally {
  const counts = new Array<number>(classes).fill(0);
  let nonFinite = 0;
  return {
    votes: true,
    add({ votes, logits }, drawn) {
      const counted = logits === null ? null : countedHere(logits, drawn, classes);
      if (votes !== null && counted !== null) requireSame(votes, counted);
      const batch = votes ?? counted ?? [];
      for (let c = 0; c < classes; c++) counts[c] = (counts[c] ?? 0) + (batch[c] ?? 0);
      nonFinite += batch[classes] ?? 0;
    },
    result: () => ({ counts, nonFinite }),
  };
}

function countedHere(logits: Float32Array, drawn: number, classes: number): readonly number[] {
  const statistic = voteStatistic(classes);
  statistic.take(logits, drawn);
  const { counts, nonFinite } = statistic.result();
  return [...counts, nonFinite];
}

function requireSame(votes: Int32Array, counted: readonly number[]): void {
  if (counted.every((count, c) => count === votes[c])) return;
  throw new ToolError({
    what: 'the provider counts other votes than its logits give',
    where: 'right half, first batch of the draws around an image',
    why: `it counted ${votes.join(', ')}; the logits give ${counted.join(', ')}`,
    remedy: 'Use --provider cpu: a wrong kernel of the provider would give wrong certificates.',
  });
}
