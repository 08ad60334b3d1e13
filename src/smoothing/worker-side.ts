/** A worker as it sees the main thread: requests come in, and each is answered exactly once. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { type ErrorReport, ToolError } from '../ground/errors.ts';
import type { FromWorker, Reply, Request, ToWorker } from './worker-protocol.ts';

/** What a worker does. */
export interface Duties {
  /** Called for every request as it arrives, whatever is under way. */
  replyTo(request: Request, onProgress: (done: number) => void): Promise<Reply>;
  /** Lets the thread end by itself, after what was asked before; `port` is the one that requests come in by. */
  close(port: MessagePort): void;
  /** What failed, by the kind of request, where the failure does not say so itself. */
  readonly failed: Partial<Record<Request['kind'], string>>;
}

/** Answers the main thread until it says 'close'. @throws Error on the main thread */
export function serve({ replyTo, close, failed }: Duties): void {
  if (parentPort === null) throw new Error('a worker runs in a worker thread only');
  const port = parentPort;
  port.on('message', (message: ToWorker) => {
    if (message === 'close') close(port);
    else void answer(message.id, message.request);
  });

  async function answer(id: number, request: Request): Promise<void> {
    const say = (message: FromWorker['message']): void =>
      port.postMessage({ id, message } satisfies FromWorker);
    try {
      say(await replyTo(request, (done) => say({ kind: 'progress', done })));
    } catch (error) {
      say({ kind: 'failed', report: reportOf(error, failed[request.kind]) });
    }
  }
}

/** One thing after the other, in the order of the calls. */
export function queue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    // Whoever asked for it hears how it fails.
    last = result.catch(() => {});
    return result;
  };
}

export const notForThis = ({ kind }: Request): never => {
  throw new Error(`this worker does not answer '${kind}'`);
};

function reportOf(error: unknown, what = 'a sampling worker failed'): ErrorReport {
  if (error instanceof ToolError) {
    const { cause: _, ...report } = error.report;
    return report;
  }
  return {
    what,
    why: error instanceof Error ? error.message : String(error),
    remedy: 'Run the command again with fewer --workers, or a smaller --batch.',
  };
}
