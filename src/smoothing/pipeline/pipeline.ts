/**
 * Threads for a provider that runs one session at a time: producers make noise, one thread runs what they made. As many batches are
 * under way as a producer has buffers (buffers.ts): one is filled while another waits and a third is run.
 */
import { MessageChannel } from 'node:worker_threads';
import { workerFile } from '../../ground/worker-file.ts';
import { requireIndependentRows } from '../count-on-workers.ts';
import { type CheckedHalf, loadChecked, unloadAll } from '../load-checked.ts';
import type { Provider } from '../providers.ts';
import type { DrawRequest } from '../sampler.ts';
import { CONTROL_BYTES, ControlWord, type HalfSettings } from '../sampling-protocol.ts';
import type { Tally, TallyResult } from '../tally.ts';
import type { Threads } from '../threads.ts';
import { startWorker, type WorkerSeat } from '../worker-seat.ts';
import { layoutOf } from './layout.ts';

/** The scripts of the two kinds of threads. */
interface Scripts {
  readonly session: string;
  readonly producer: string;
}

const built = (): Scripts => ({
  session: workerFile('#session-thread', "the session's thread"),
  producer: workerFile('#noise-producer', 'the producer of noise'),
});

/**
 * @param workers producers of noise; the session has a thread of its own beside them
 * @throws ToolError when a script is missing or a thread does not start
 */
export async function startPipeline(workers: number, scripts: Scripts = built()): Promise<Threads> {
  const session = startWorker(scripts.session);
  const producers = Array.from({ length: workers }, () => startWorker(scripts.producer));
  const all = [session, ...producers];
  const closeAll = () => Promise.all(all.map((seat) => seat.close())).then(() => {});
  try {
    await Promise.all(producers.map((producer) => connect(session, producer)));
  } catch (error) {
    await closeAll();
    throw error;
  }
  let jobs = 0;

  return {
    async load(half, settings) {
      const checked = await loadChecked([session], half, settings);
      try {
        await prepare(producers, half, settings, checked);
      } catch (error) {
        await unloadAll(all, half);
        throw error;
      }
      return checked;
    },
    // Each draws its noise for itself, though it is the same.
    tally: (half, requests, tally, provider) =>
      Promise.all(
        requests.map((request) =>
          tallyPiped({ session, producers }, { half, job: jobs++, provider }, request, tally),
        ),
      ),
    logits: async (half, rows) => (await session.ask<'logits'>({ kind: 'logits', half, rows })).logits,
    unload: (half) => unloadAll(all, half),
    close: closeAll,
  };
}

async function connect(session: WorkerSeat, producer: WorkerSeat): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  await Promise.all([
    session.ask<'connect'>({ kind: 'connect', port: port1 }, undefined, [port1]),
    producer.ask<'connect'>({ kind: 'connect', port: port2 }, undefined, [port2]),
  ]);
}

/** With the layout that the session has come to: one part where the rows have to be run one at a time. */
async function prepare(
  producers: readonly WorkerSeat[],
  half: number,
  { latentDims, pipelined, noise = 'gaussian' }: HalfSettings,
  { batch }: CheckedHalf,
): Promise<void> {
  const layout = layoutOf(batch, batch === 1 ? 1 : (pipelined?.parts ?? 1));
  await Promise.all(
    producers.map((producer) =>
      producer.ask<'prepare'>({ kind: 'prepare', half, latentDims, layout, noise }),
    ),
  );
}

interface Place {
  readonly half: number;
  readonly job: number;
  readonly provider: Provider;
}

/** As `tallyOn`. The session is asked first: what it says of a failure comes before what the producers say. */
async function tallyPiped(
  { session, producers }: { readonly session: WorkerSeat; readonly producers: readonly WorkerSeat[] },
  { half, job, provider }: Place,
  { signal, onProgress, ...draw }: DrawRequest,
  tally: Tally,
): Promise<readonly TallyResult[]> {
  signal?.throwIfAborted();
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const words = new Int32Array(control);
  const { from, to, continued = false } = draw;
  const counting = session.ask<'tally'>(
    { kind: 'tally', half, job, tally, total: to - from, continued, control },
    onProgress,
  );
  const producing = producers.map((producer) =>
    producer.ask<'produce'>({ kind: 'produce', half, job, ...draw, control }),
  );
  /** The producers stop at their next part, and the session is told that no more of them will come. */
  const stop = (): void => {
    Atomics.store(words, ControlWord.stop, 1);
    // A session that is dead fails the count itself.
    session.ask<'abandon'>({ kind: 'abandon', job }).catch(() => {});
  };
  signal?.addEventListener('abort', stop, { once: true });
  for (const each of [counting, ...producing]) each.catch(stop);
  try {
    const [counted, ...produced] = await Promise.allSettled([counting, ...producing]);
    signal?.throwIfAborted();
    for (const each of [counted, ...produced]) if (each.status === 'rejected') throw each.reason;
    const { tallied, rows } = await counting;
    for (const compared of rows) requireIndependentRows(provider, compared);
    onProgress?.(to - from);
    return tallied;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
