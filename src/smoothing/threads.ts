/** The threads that a pool samples on, whatever each of them does. Right halves have the numbers that the pool chose. */

import type { Arithmetic } from './arithmetic.ts';
import type { CheckedHalf } from './load-checked.ts';
import type { DrawRequest } from './sampler.ts';
import type { HalfSettings } from './sampling-protocol.ts';
import type { Tally, TallyResult } from './tally.ts';

export interface Threads {
  /** As `loadChecked`. */
  load(half: number, settings: HalfSettings): Promise<CheckedHalf>;
  /**
   * What was tallied of checked requests that share their noise, of each in parts. Everything is in the queues before it returns.
   * @throws as `Sampler.count`
   */
  tally(
    half: number,
    requests: readonly DrawRequest[],
    tally: Tally,
    arithmetic: Arithmetic,
  ): Promise<readonly (readonly TallyResult[])[]>;
  /** Logits [rows, classes] of [rows, ...latentDims], both flat. */
  logits(half: number, rows: Float32Array): Promise<Float32Array>;
  /** After what was asked of it. */
  unload(half: number): Promise<void>;
  close(): Promise<void>;
}
