/** A sampling worker as the main thread sees it: a queue of requests, one reply each, and death is an error. */
import { type TransferListItem, Worker } from 'node:worker_threads';
import { ToolError } from '../ground/errors.ts';
import { workerFile } from '../ground/worker-file.ts';
import type { FromWorker, Reply, ReplyTo, Request, RequestOf, ToWorker } from './worker-protocol.ts';

export interface WorkerSeat {
  /**
   * Sends a request and waits for its reply. Any number may be outstanding; they are answered in the order of the calls.
   * @param moved what of the request goes to the worker and is gone here
   * @throws ToolError when the worker reports a failure or dies, Error after close
   */
  ask<K extends Request['kind']>(
    request: RequestOf<K>,
    onProgress?: (done: number) => void,
    moved?: readonly TransferListItem[],
  ): Promise<ReplyTo<K>>;
  /**
   * Releases a right half, after what was asked before. Safe on a dead worker, which holds nothing.
   * @throws ToolError when ONNX Runtime fails to
   */
  unload(half: number): Promise<void>;
  /** Lets the worker end by itself, after what was asked before. Safe on a dead worker. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
  readonly onProgress: ((done: number) => void) | undefined;
}

/**
 * Starts a worker, without right halves. What keeps it from starting rejects its requests. `file` is the worker's script, `data` what it
 * starts with.
 * @throws ToolError when that file is missing
 */
export function startWorker(
  file: string = workerFile('#sampling-worker', 'the sampling worker'),
  data?: unknown,
): WorkerSeat {
  const worker = new Worker(file, { workerData: data });
  const outstanding = new Map<number, Waiting>();
  let asked = 0;
  let dead: ToolError | undefined;
  let closing = false;

  const exited = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      if (!closing || outstanding.size > 0) die(`it ended with code ${code}`);
      resolve();
    });
  });
  worker.once('error', (error) => die(error.message, error));
  worker.on('message', ({ id, message }: FromWorker) => {
    const waiting = outstanding.get(id);
    if (message.kind === 'progress') {
      waiting?.onProgress?.(message.done);
      return;
    }
    outstanding.delete(id);
    if (message.kind === 'failed') waiting?.reject(new ToolError(message.report));
    else waiting?.resolve(message);
  });

  function die(why: string, cause?: unknown): void {
    dead ??= new ToolError({
      what: 'a sampling worker died',
      why,
      remedy:
        'Run the same command again: finished images are kept. If memory ran out, give fewer --workers or a smaller --batch.',
      cause,
    });
    for (const waiting of outstanding.values()) waiting.reject(dead);
    outstanding.clear();
  }

  const send = (message: ToWorker, moved: readonly TransferListItem[] = []): void =>
    worker.postMessage(message, moved);

  const seat: WorkerSeat = {
    async ask<K extends Request['kind']>(
      request: RequestOf<K>,
      onProgress?: (done: number) => void,
      moved?: readonly TransferListItem[],
    ) {
      if (dead !== undefined) throw dead;
      if (closing) throw new Error('the sampling worker is closed');
      const id = asked++;
      const reply = await new Promise<Reply>((resolve, reject) => {
        // First: what cannot be posted is not outstanding.
        send({ id, request }, moved);
        outstanding.set(id, { resolve, reject, onProgress });
      });
      if (!answers(reply, request.kind)) throw new Error(`a worker replied ${reply.kind} to ${request.kind}`);
      return reply;
    },
    async unload(half) {
      try {
        if (dead === undefined) await seat.ask<'unload'>({ kind: 'unload', half });
      } catch (error) {
        if (error !== dead) throw error;
      }
    },
    async close() {
      if (dead === undefined && !closing) send('close');
      closing = true;
      await exited;
    },
  };
  return seat;
}

function answers<K extends Request['kind']>(reply: Reply, kind: K): reply is ReplyTo<K> {
  return reply.kind === kind;
}
