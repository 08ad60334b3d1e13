/**
 * Votes and scores of one smoothed right half, which the workers of a pool draw.
 *
 * The noise of a draw is a function of (seed, stage, image, sample index) alone and a row's logits do not depend on its
 * batch, so the counts of samples [from, to) are the same for every number of workers, batch size, order and partition,
 * and whatever else is asked of the pool meanwhile.
 */
import type { DrawnSamples, VotesCounted } from './sampling-protocol.ts';
import type { Scoring } from './scores/score-statistic.ts';
import type { ScoreSums } from './scores/score-sums.ts';
import type { VoteCounts } from './votes/vote-counts.ts';

export interface DrawRequest extends DrawnSamples {
  /** Aborting ends the batches in flight and rejects with the signal's reason; other requests go on. */
  readonly signal?: AbortSignal;
  /** Told the number of samples done, a few times a second. */
  readonly onProgress?: (done: number) => void;
}

export interface Sampler {
  /** Threads that make noise: on the CPU they run the network too, elsewhere one more thread does. */
  readonly workers: number;
  /** Rows per run in use. */
  readonly batch: number;
  /** Id of the noise drawn (`NoiseSource`). */
  readonly noise: string;
  /** Largest difference from the CPU's logits on one batch, relative to the largest logit; null on the CPU. */
  readonly providerDifference: number | null;
  /** Where the votes are counted. The counts are the same. */
  readonly votesCounted: VotesCounted;
  /**
   * Votes of `to - from` draws. Any number of calls may be outstanding: every worker takes them in order of arrival, with
   * those of the other samplers of the pool, and leaves one for the next as soon as all its draws are handed out. Some
   * rows of the first batch are also run alone, unless the draws are `continued`.
   * @throws the signal's reason when aborted; ToolError when a worker fails or dies; ModelRefused when a row's logits
   *         depend on the rows beside it. RangeError, at once, when the request makes no sense.
   */
  count(request: DrawRequest): Promise<VoteCounts>;
  /**
   * The same around several centres, one each, whose requests ask for the same draws of the same noise: it is drawn once. Each
   * gets the votes that `count` gives it. The signal is the first one's.
   * @throws RangeError, at once, when they do not
   */
  countTogether(requests: readonly DrawRequest[]): Promise<readonly VoteCounts[]>;
  /** Sums of the scores of the same draws, the same whatever the partition; otherwise as `count`. */
  scores(request: DrawRequest, scoring: Scoring): Promise<ScoreSums>;
  /**
   * Logits [rows, classes] of rows without noise, [rows, ...latentDims], both flat. In the queue like a count.
   * @throws ToolError when a worker fails or dies. RangeError, at once, when the values are not whole rows.
   */
  logits(rows: Float32Array): Promise<Float32Array>;
  /** Unloads the right half, after what was asked of it. */
  close(): Promise<void>;
}
