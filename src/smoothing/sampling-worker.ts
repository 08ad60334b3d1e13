/**
 * One sampling thread. It answers requests in order of arrival, each by itself, and goes on to the next one as soon as the
 * shared counter of a count is used up, whatever the other threads are at.
 *
 * `session.run` of onnxruntime-node blocks the thread it is called on, hence a session per thread; and a thread must not
 * be terminated inside it (the process would abort), hence the stop word that is looked at between batches.
 */
import { parentPort } from 'node:worker_threads';
import { type ErrorReport, ToolError } from '../ground/errors.ts';
import { type LoadedHalf, loadHalf } from './loaded-half.ts';
import type { FromWorker, Reply, Request, ToWorker } from './sampling-protocol.ts';

if (parentPort === null) throw new Error('sampling-worker.ts runs in a worker thread only');
const port = parentPort;

const halves = new Map<number, LoadedHalf>();

const FAILED: Record<Request['kind'], string> = {
  load: 'ONNX Runtime could not load the right half into a sampling worker',
  count: 'ONNX Runtime failed on the right half',
  logits: 'ONNX Runtime failed on the right half',
  unload: 'ONNX Runtime could not release the right half',
};

// Between two batches the event loop turns, and the next requests arrive: they wait for what is running.
let last: Promise<void> = Promise.resolve();
port.on('message', (message: ToWorker) => {
  last = last.then(() => (message === 'close' ? port.close() : answer(message.id, message.request)));
});

async function answer(id: number, request: Request): Promise<void> {
  const say = (message: FromWorker['message']): void =>
    port.postMessage({ id, message } satisfies FromWorker);
  try {
    say(await replyTo(request, (done) => say({ kind: 'progress', done })));
  } catch (error) {
    say({ kind: 'failed', report: reportOf(request, error) });
  }
}

function reportOf(request: Request, error: unknown): ErrorReport {
  if (error instanceof ToolError) {
    const { cause: _, ...report } = error.report;
    return report;
  }
  return {
    what: FAILED[request.kind],
    why: error instanceof Error ? error.message : String(error),
    remedy: 'Run the command again with fewer --workers, or a smaller --batch.',
  };
}

async function replyTo(request: Request, onProgress: (done: number) => void): Promise<Reply> {
  switch (request.kind) {
    case 'load': {
      const half = await loadHalf(request.settings);
      halves.set(request.half, half);
      return { kind: 'load', noise: half.noise };
    }
    case 'count':
      return { kind: 'count', ...(await loaded(request.half).count(request, onProgress)) };
    case 'logits':
      return { kind: 'logits', logits: await loaded(request.half).logits(request.rows) };
    case 'unload': {
      const half = halves.get(request.half);
      halves.delete(request.half);
      await half?.release();
      return { kind: 'unload' };
    }
  }
}

function loaded(number: number): LoadedHalf {
  const half = halves.get(number);
  if (half === undefined) throw new Error(`the right half ${number} is not loaded`);
  return half;
}
