/**
 * One sampling thread. It answers requests in order of arrival, each by itself, and goes on to the next one as soon as the
 * shared counter of a count is used up, whatever the other threads are at.
 *
 * `session.run` of onnxruntime-node blocks the thread it is called on, hence a session per thread; and a thread must not
 * be terminated inside it (the process would abort), hence the stop word that is looked at between batches.
 */
import { type LoadedHalf, loadHalf } from './loaded-half.ts';
import type { Reply, Request } from './worker-protocol.ts';
import { notForThis, queue, serve } from './worker-side.ts';

const halves = new Map<number, LoadedHalf>();
// Between two batches the event loop turns, and the next requests arrive: they wait for what is running.
const inTurn = queue();

serve({
  replyTo: (request, onProgress) => inTurn(() => replyTo(request, onProgress)),
  close: (port) => void inTurn(async () => port.close()),
  failed: {
    load: 'ONNX Runtime could not load the right half into a sampling worker',
    count: 'ONNX Runtime failed on the right half',
    logits: 'ONNX Runtime failed on the right half',
    unload: 'ONNX Runtime could not release the right half',
  },
});

async function replyTo(request: Request, onProgress: (done: number) => void): Promise<Reply> {
  switch (request.kind) {
    case 'load': {
      const half = await loadHalf(request.settings);
      halves.set(request.half, half);
      return { kind: 'load', noise: half.noise, votesCounted: 'host' };
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
    default:
      return notForThis(request);
  }
}

function loaded(number: number): LoadedHalf {
  const half = halves.get(number);
  if (half === undefined) throw new Error(`the right half ${number} is not loaded`);
  return half;
}
