/**
 * What the pool, the producers of noise and the threads of the sessions say to each other. The pool asks all for every count; the
 * parts of the batches go from a producer to a session's thread and back over a port of their own, moved and not copied.
 */
import type { MessagePort } from 'node:worker_threads';
import type { NoiseKind } from '../noise/kind.ts';
import type { Counted, DrawnSamples } from '../sampling-protocol.ts';
import type { Tally } from '../tally.ts';
import type { Layout, TallyShare } from './layout.ts';

/** What the thread of a session is started with. */
export interface SessionThreadData {
  /** Number of the provider's device that it runs on. */
  readonly device: number;
}

/** The other end of a channel between a producer and the thread of a session. A producer is told of the sessions in their order. */
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

/** To a producer: fill the parts that the control words hand out, counted in parts, around each of the centres. */
export interface ProduceRequest extends Omit<DrawnSamples, 'latent'> {
  readonly kind: 'produce';
  readonly half: number;
  readonly job: number;
  /** The centres that share the noise of every sample. */
  readonly latents: readonly Float64Array[];
  /** Int32 words, see ControlWord. */
  readonly control: SharedArrayBuffer;
}

/** To the thread of a session: tally the parts of this job that are its own (`sessionOf`), which the producers send. */
export interface TallyRequest extends TallyShare {
  readonly kind: 'tally';
  readonly half: number;
  readonly tally: Tally;
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
  /** Which of the job's centres it lies around. */
  readonly centre: number;
  /** Rows in it that are samples. The others are zeros. */
  readonly drawn: number;
  readonly buffer: ArrayBuffer;
}

/** To a producer: a buffer to be filled again. */
export interface FreedBuffer {
  readonly buffer: ArrayBuffer;
}
