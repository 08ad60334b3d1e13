/**
 * What the pool, the producers of noise and the thread of the session say to each other. The pool asks both for every count; the
 * parts of the batches go from a producer to the session's thread and back over a port of their own, moved and not copied.
 */
import type { MessagePort } from 'node:worker_threads';
import type { NoiseKind } from '../noise/kind.ts';
import type { Counted, DrawnSamples } from '../sampling-protocol.ts';
import type { Tally } from '../tally.ts';
import type { Layout } from './layout.ts';

/** The other end of a channel between a producer and the session's thread. */
export interface ConnectRequest {
  readonly kind: 'connect';
  readonly port: MessagePort;
}

/** To a producer: make noise for this right half from now on. */
export interface PrepareRequest {
  readonly kind: 'prepare';
  readonly half: number;
  readonly latentDims: readonly number[];
  readonly layout: Layout;
  readonly noise: NoiseKind;
}

/** To a producer: fill the parts that the control words hand out, counted in parts. */
export interface ProduceRequest extends DrawnSamples {
  readonly kind: 'produce';
  readonly half: number;
  readonly job: number;
  /** Int32 words, see ControlWord. */
  readonly control: SharedArrayBuffer;
}

/** To the session's thread: tally the parts of this job, which the producers send. */
export interface TallyRequest {
  readonly kind: 'tally';
  readonly half: number;
  readonly job: number;
  readonly tally: Tally;
  /** Samples of the job. */
  readonly total: number;
  readonly continued: boolean;
  readonly control: SharedArrayBuffer;
}

/** To the session's thread: no part of this job will come any more; it is answered with what there is. */
export interface AbandonRequest {
  readonly kind: 'abandon';
  readonly job: number;
}

export type PipelineRequest =
  | ConnectRequest
  | PrepareRequest
  | ProduceRequest
  | TallyRequest
  | AbandonRequest;

export type PipelineReply =
  | { readonly kind: 'connect' }
  | { readonly kind: 'prepare'; readonly noise: string }
  | { readonly kind: 'produce' }
  | ({ readonly kind: 'tally' } & Counted)
  | { readonly kind: 'abandon' };

/** From a producer: rows of noise, in a buffer that comes back. */
export interface FilledPart {
  readonly job: number;
  /** Number of the part in the job, see `placeOf`. */
  readonly q: number;
  /** Rows in it that are samples. The others are zeros. */
  readonly drawn: number;
  readonly buffer: ArrayBuffer;
}

/** To a producer: a buffer to be filled again. */
export interface FreedBuffer {
  readonly buffer: ArrayBuffer;
}
