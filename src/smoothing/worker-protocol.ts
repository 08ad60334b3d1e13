/**
 * Everything that the main thread asks of a worker, of whichever kind. Every request is answered exactly once; `progress` may come
 * before the answer.
 */
import type { ErrorReport } from '../ground/errors.ts';
import type { PipelineReply, PipelineRequest } from './pipeline/pipeline-protocol.ts';
import type { SamplingReply, SamplingRequest } from './sampling-protocol.ts';

export type Request = SamplingRequest | PipelineRequest;
export type Reply = SamplingReply | PipelineReply;

export type RequestOf<K extends Request['kind']> = Extract<Request, { readonly kind: K }>;
export type ReplyTo<K extends Request['kind']> = Extract<Reply, { readonly kind: K }>;

/** Instead of a reply. The report has no `cause`: not every error can be posted. */
export interface Failure {
  readonly kind: 'failed';
  readonly report: ErrorReport;
}

/** Samples that this worker has drawn so far for a count, around all centres. */
export interface Progress {
  readonly kind: 'progress';
  readonly done: number;
}

/** To a worker. 'close' comes last, and nothing answers it but the worker's end. */
export type ToWorker = { readonly id: number; readonly request: Request } | 'close';

/** From a worker, about the request of that id. */
export interface FromWorker {
  readonly id: number;
  readonly message: Reply | Failure | Progress;
}
