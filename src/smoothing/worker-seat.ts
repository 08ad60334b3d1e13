/** A sampling worker as the main thread sees it: one request at a time, one reply each, and death is an error. */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { ToolError } from '../ground/errors.ts';
import type { Progress, Reply, Request, WorkerSettings } from './sampling-protocol.ts';

export interface WorkerSeat {
  /** Id of the noise it draws. */
  readonly noise: string;
  /**
   * Sends a request and waits for its reply.
   * @throws ToolError when the worker reports a failure or dies.
   */
  ask(request: Request, onProgress?: (done: number) => void): Promise<Reply>;
  /** Lets the worker end by itself. Safe on a dead worker. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
  onProgress?: ((done: number) => void) | undefined;
}

/**
 * Starts a worker and waits until its session is ready. `file` is the worker's script.
 * @throws ToolError when the worker's file is missing or ONNX Runtime does not take the model.
 */
export async function startWorker(
  settings: WorkerSettings,
  file: string = samplingWorker(),
): Promise<WorkerSeat> {
  const worker = new Worker(file, { workerData: settings });
  let waiting: Waiting | undefined;
  let dead: ToolError | undefined;
  let closing = false;

  const exited = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      if (!closing) die(`it ended with code ${code}`);
      resolve();
    });
  });
  worker.once('error', (error) => die(error.message, error));
  worker.on('message', (message: Reply | Progress) => {
    const current = waiting;
    if (message.kind === 'progress') {
      current?.onProgress?.(message.done);
      return;
    }
    waiting = undefined;
    if (message.kind === 'failed') current?.reject(new ToolError(message));
    else current?.resolve(message);
  });

  function die(why: string, cause?: unknown): void {
    dead ??= new ToolError({
      what: 'a sampling worker died',
      why,
      remedy:
        'run the same command again: finished images are kept; if memory ran out, give fewer --workers or a smaller --batch',
      cause,
    });
    waiting?.reject(dead);
    waiting = undefined;
  }

  function reply(onProgress?: (done: number) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      waiting = { resolve, reject, onProgress };
    });
  }

  const seat: Omit<WorkerSeat, 'noise'> = {
    ask(request, onProgress) {
      if (dead !== undefined) return Promise.reject(dead);
      if (waiting !== undefined) return Promise.reject(new Error('the worker is still at its last request'));
      const answer = reply(onProgress);
      worker.postMessage(request);
      return answer;
    },
    async close() {
      closing = true;
      if (dead === undefined) worker.postMessage({ kind: 'close' } satisfies Request);
      await exited;
    },
  };

  try {
    const ready = await reply();
    if (ready.kind !== 'ready') throw new Error(`a worker started with ${ready.kind}`);
    return { ...seat, noise: ready.noise };
  } catch (error) {
    // It never got to listening, so it ends by itself.
    closing = true;
    await exited;
    throw error;
  }
}

/** Package imports resolve alike from src/ (tests) and from dist/; a thread can only run the built file. */
function samplingWorker(): string {
  try {
    return createRequire(import.meta.url).resolve('#sampling-worker');
  } catch (cause) {
    throw new ToolError({
      what: 'the sampling worker is missing',
      why: cause instanceof Error ? cause.message : String(cause),
      remedy: 'Reinstall splitz-onnx. In a checkout, run `npm run build`.',
      cause,
    });
  }
}
