/**
 * What the sampler and its workers say to each other. Every request gets exactly one reply; `progress` may come before
 * it. Who draws which samples is not said here: the workers take them off a shared counter (`ControlWord`).
 */
import type { Provider } from './providers.ts';
import type { VoteCounts } from './votes/vote-counts.ts';

/** A worker's start-up data. */
export interface WorkerSettings {
  /** ONNX model bytes of the right half: one float32 input [B, ...latentDims], one float32 output [B, classes]. */
  readonly model: Uint8Array;
  readonly latentDims: readonly number[];
  readonly classes: number;
  /**
   * Rows per run, always all of them: ONNX Runtime chooses kernels by shape, and the votes must come from one fixed
   * function. The last batch is filled up with rows that are not counted.
   */
  readonly batch: number;
  readonly provider: Provider;
}

/** What is drawn: the noise of samples from, ..., to - 1 around a centre. */
export interface DrawnSamples {
  /** Centre of the noise, f_L(x), row-major without the batch axis. */
  readonly latent: Float64Array;
  /** Standard deviation of the noise, in units of the cut tensor. */
  readonly sigma: number;
  /** 64 bits. */
  readonly seed: bigint;
  /** What the draws are for, see Stage in philox.ts. */
  readonly stage: number;
  /** Index of the image in its data set. */
  readonly image: number;
  readonly from: number;
  readonly to: number;
}

/** Draw the samples the control words hand out, and count their classes. */
export interface CountRequest extends DrawnSamples {
  readonly kind: 'count';
  /** Int32 words, see ControlWord. */
  readonly control: SharedArrayBuffer;
}

/** Run the rows as they are. */
export interface LogitsRequest {
  readonly kind: 'logits';
  readonly rows: Float32Array;
}

export type Request = CountRequest | LogitsRequest | { readonly kind: 'close' };

export type Reply =
  | {
      readonly kind: 'ready';
      /** Id of the noise it draws. */
      readonly noise: string;
    }
  | {
      readonly kind: 'counted';
      readonly votes: VoteCounts;
      /** Set by the worker that ran the first batch, some rows of which it also ran alone. */
      readonly rows: RowComparison | null;
    }
  | { readonly kind: 'logits'; readonly logits: Float32Array }
  | { readonly kind: 'failed'; readonly what: string; readonly why: string };

/** Logits of some rows of the first batch of a count, [rows, classes] flat: run with the whole batch, and each alone. */
export interface RowComparison {
  readonly together: Float32Array;
  readonly alone: Float32Array;
}

/** Samples this worker has done so far in the current request. */
export interface Progress {
  readonly kind: 'progress';
  readonly done: number;
}

/** Words of the shared control block of one count. */
export const ControlWord = {
  /** Samples handed out so far; a worker adds its batch and owns the range it skipped. */
  next: 0,
  /** Set to 1 to make every worker stop after the batch it is running. */
  stop: 1,
} as const;

export const CONTROL_BYTES = 8;
