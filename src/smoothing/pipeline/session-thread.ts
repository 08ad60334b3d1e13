/**
 * A thread of a pipeline that holds the sessions on one device and runs them, one batch at a time. Requests come from the pool, parts of
 * batches from the producers of noise, each over a port of its own; their order among each other is not known.
 */
import { type MessagePort, workerData } from 'node:worker_threads';
import type { Reply, Request } from '../worker-protocol.ts';
import { notForThis, queue, serve } from '../worker-side.ts';
import { type ArrivedPart, type Job, openJob } from './job.ts';
import type { FilledPart, FreedBuffer, SessionThreadData, TallyRequest } from './pipeline-protocol.ts';
import { openSessionHalf, type SessionHalf } from './session-half.ts';

const { device } = workerData as SessionThreadData;
const halves = new Map<number, SessionHalf>();
const jobs = new Map<number, Job>();
/** Parts of jobs that were not asked for yet. Jobs are numbered in the order in which they are. */
const early = new Map<number, ArrivedPart[]>();
let newest = -1;
const ports: MessagePort[] = [];
/** `session.run` blocks this thread; between two runs the event loop turns, and messages arrive. */
const inTurn = queue();

serve({
  replyTo,
  close: (port) =>
    void inTurn(async () => {
      for (const each of ports) each.close();
      port.close();
    }),
  failed: {
    load: 'ONNX Runtime could not load the right half into a sampling worker',
    tally: 'ONNX Runtime failed on the right half',
    logits: 'ONNX Runtime failed on the right half',
    unload: 'ONNX Runtime could not release the right half',
  },
});

async function replyTo(request: Request, onProgress: (done: number) => void): Promise<Reply> {
  switch (request.kind) {
    case 'connect':
      connect(request.port);
      return { kind: 'connect' };
    case 'load':
      return inTurn(async () => {
        const half = await openSessionHalf(request.settings, device);
        halves.set(request.half, half);
        return { kind: 'load', noise: half.noise, votesCounted: half.votesCounted };
      });
    case 'logits':
      return inTurn(async () => ({
        kind: 'logits',
        logits: await loaded(request.half).logits(request.rows),
      }));
    case 'unload':
      return inTurn(async () => {
        const half = halves.get(request.half);
        halves.delete(request.half);
        await half?.release();
        return { kind: 'unload' };
      });
    case 'tally':
      return tally(request, onProgress);
    case 'abandon':
      jobs.get(request.job)?.abandon();
      return { kind: 'abandon' };
    default:
      return notForThis(request);
  }
}

async function tally(request: TallyRequest, onProgress: (done: number) => void): Promise<Reply> {
  newest = request.job;
  const came = early.get(request.job) ?? [];
  early.delete(request.job);
  try {
    const job = openJob(request, { half: loaded(request.half), inTurn, onProgress });
    jobs.set(request.job, job);
    for (const part of came.splice(0)) job.arrive(part);
    return { kind: 'tally', ...(await job.counted) };
  } finally {
    jobs.delete(request.job);
    for (const part of came) part.giveBack();
  }
}

function connect(port: MessagePort): void {
  ports.push(port);
  port.on('message', (part: FilledPart) => {
    const { buffer } = part;
    const giveBack = (): void => port.postMessage({ buffer } satisfies FreedBuffer, [buffer]);
    const arrived: ArrivedPart = { ...part, giveBack };
    const job = jobs.get(part.job);
    if (job !== undefined) job.arrive(arrived);
    else if (part.job > newest) early.set(part.job, [...(early.get(part.job) ?? []), arrived]);
    else giveBack();
  });
}

function loaded(number: number): SessionHalf {
  const half = halves.get(number);
  if (half === undefined) throw new Error(`the right half ${number} is not loaded`);
  return half;
}
