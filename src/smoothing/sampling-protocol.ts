/**
 * What a pool and its workers say to each other. A worker holds several right halves, each under a number that the pool
 * chose, and answers every request in order of arrival. Who draws which samples is not said here: the workers take them off a
 * shared counter (`ControlWord`).
 */

import type { Arithmetic } from './arithmetic.ts';
import type { NoiseKind } from './noise/kind.ts';
import type { PipelinedHalf } from './pipeline/pipelined-half.ts';
import type { Tally, TallyResult } from './tally.ts';

/** A right half as a worker loads it. */
export interface HalfSettings extends Arithmetic {
  /** ONNX model bytes of the right half: one float32 input [B, ...latentDims], one float32 output [B, classes]. */
  readonly model: Uint8Array;
  readonly latentDims: readonly number[];
  readonly classes: number;
  /**
   * Rows per run, always all of them: ONNX Runtime chooses kernels by shape, and the votes must come from one fixed
   * function. The last batch is filled up with rows that are not counted.
   */
  readonly batch: number;
  /** Which noise is drawn; Gaussian unless given. */
  readonly noise?: NoiseKind;
  /** What the thread of a pipeline's session runs in place of `model`; it runs `model`, and counts, if this is absent. */
  readonly pipelined?: PipelinedHalf;
}

/** What is drawn: the noise of samples from, ..., to - 1 around a centre. */
export interface DrawnSamples {
  /** Centre of the noise, f_L(x), row-major without the batch axis. */
  readonly latent: Float64Array;
  /** Scale of the noise, in units of the cut tensor: its standard deviation, or lambda where it is uniform. */
  readonly sigma: number;
  /** What latent + noise is rounded to, a power of two; `gridOf(sigma)` unless given. */
  readonly grid?: number;
  /** 64 bits. */
  readonly seed: bigint;
  /** What the draws are for, see Stage in philox.ts. */
  readonly stage: number;
  /** Index of the image in its data set. */
  readonly image: number;
  readonly from: number;
  readonly to: number;
  /** They go on from draws around the same centre, a batch of which was compared with its rows alone: it is not done again. */
  readonly continued?: boolean;
}

/** Open a session of the right half, and keep it under its number. */
export interface LoadRequest {
  readonly kind: 'load';
  readonly half: number;
  readonly settings: HalfSettings;
}

/** Draw the samples that the control words hand out, around each of the centres, and tally their logits. */
export interface CountRequest extends Omit<DrawnSamples, 'latent'> {
  readonly kind: 'count';
  readonly half: number;
  /** The centres that share the noise of every sample. */
  readonly latents: readonly Float64Array[];
  readonly tally: Tally;
  /** Int32 words, see ControlWord. */
  readonly control: SharedArrayBuffer;
}

/** Run the rows as they are. */
export interface LogitsRequest {
  readonly kind: 'logits';
  readonly half: number;
  /** [rows, ...latentDims], flat. */
  readonly rows: Float32Array;
}

/** Release the session of the right half, if it was loaded at all. */
export interface UnloadRequest {
  readonly kind: 'unload';
  readonly half: number;
}

export type SamplingRequest = LoadRequest | CountRequest | LogitsRequest | UnloadRequest;

/** A worker's part of a count. */
export interface Counted {
  /** One per centre. */
  readonly tallied: readonly TallyResult[];
  /** One per centre from the worker that ran the first batch, some rows of which it also ran alone; none from the others. */
  readonly rows: readonly RowComparison[];
}

/** Logits of some rows of the first batch of a count, [rows, classes] flat: run with the whole batch, and each alone. */
export interface RowComparison {
  readonly together: Float32Array;
  readonly alone: Float32Array;
}

/** Where the votes are counted: by the provider that computes the logits, or in the thread that asked for them. */
export type VotesCounted = 'graph' | 'host';

/** Answers have the kind of their request. `noise` is the id of the noise that is drawn (`NoiseSource`). */
export type SamplingReply =
  | { readonly kind: 'load'; readonly noise: string; readonly votesCounted: VotesCounted }
  | ({ readonly kind: 'count' } & Counted)
  | { readonly kind: 'logits'; readonly logits: Float32Array }
  | { readonly kind: 'unload' };

/** Words of the shared control block of one count. */
export const ControlWord = {
  /** Samples handed out so far; a worker adds its batch and owns the range it skipped. */
  next: 0,
  /** Set to 1 to make every worker stop after the batch it is running. */
  stop: 1,
} as const;

export const CONTROL_BYTES = 8;
