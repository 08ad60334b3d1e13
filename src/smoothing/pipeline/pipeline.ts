/**
 * Threads for a provider that runs one session at a time on each of its devices: producers make noise, one thread for each device runs
 * what they made. As many batches are under way as a producer has buffers (buffers.ts): one is filled while another waits and a third
 * is run.
 */
import { MessageChannel } from 'node:worker_threads';
import { workerFile } from '../../ground/worker-file.ts';
import type { Arithmetic, Devices } from '../arithmetic.ts';
import { requireIndependentRows, sharedDraws } from '../count-on-workers.ts';
import { type CheckedHalf, loadChecked, logitsOf, type Seats, unloadAll } from '../load-checked.ts';
import type { DrawRequest } from '../sampler.ts';
import { CONTROL_BYTES, ControlWord, type HalfSettings } from '../sampling-protocol.ts';
import type { Tally, TallyResult } from '../tally.ts';
import type { Threads } from '../threads.ts';
import { startWorker, type WorkerSeat } from '../worker-seat.ts';
import { layoutOf } from './layout.ts';
import type { SessionThreadData } from './pipeline-protocol.ts';

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
 * @param workers producers of noise; every session has a thread of its own beside them
 * @param devices of the provider, by number: a session on each
 * @throws ToolError when a script is missing or a thread does not start
 */
export async function startPipeline(
  workers: number,
  devices: Devices = [0],
  scripts: Scripts = built(),
): Promise<Threads> {
  const [device, ...others] = devices;
  const onDevice = (device: number): WorkerSeat =>
    startWorker(scripts.session, { device } satisfies SessionThreadData);
  const sessions: Seats = [onDevice(device), ...others.map(onDevice)];
  const producers = Array.from({ length: workers }, () => startWorker(scripts.producer));
  const all = [...sessions, ...producers];
  const closeAll = () => Promise.all(all.map((seat) => seat.close())).then(() => {});
  try {
    await Promise.all(producers.map((producer) => connect(sessions, producer)));
  } catch (error) {
    await closeAll();
    throw error;
  }
  let jobs = 0;

  return {
    async load(half, settings) {
      const checked = await loadChecked(sessions, half, settings);
      try {
        await prepare(producers, half, settings, checked);
      } catch (error) {
        await unloadAll(all, half);
        throw error;
      }
      return checked;
    },
    tally: (half, requests, tally, arithmetic) =>
      tallyPiped({ sessions, producers }, { half, job: jobs++, arithmetic }, requests, tally),
    logits: (half, rows) => logitsOf(sessions[0], half, rows),
    unload: (half) => unloadAll(all, half),
    close: closeAll,
  };
}

/** In the order of the sessions, by which a producer finds them. */
async function connect(sessions: Seats, producer: WorkerSeat): Promise<void> {
  await Promise.all(
    sessions.flatMap((session) => {
      const { port1, port2 } = new MessageChannel();
      return [
        session.ask<'connect'>({ kind: 'connect', port: port1 }, undefined, [port1]),
        producer.ask<'connect'>({ kind: 'connect', port: port2 }, undefined, [port2]),
      ];
    }),
  );
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
  readonly arithmetic: Arithmetic;
}

/** As `tallyOn`. The sessions are asked first: what they say of a failure comes before what the producers say. */
async function tallyPiped(
  { sessions, producers }: { readonly sessions: Seats; readonly producers: readonly WorkerSeat[] },
  { half, job, arithmetic }: Place,
  requests: readonly DrawRequest[],
  tally: Tally,
): Promise<readonly (readonly TallyResult[])[]> {
  const { signal, onProgress: _, latent: __, ...draw } = sharedDraws(requests);
  const latents = requests.map(({ latent }) => latent);
  signal?.throwIfAborted();
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const words = new Int32Array(control);
  const { from, to, continued = false } = draw;
  const done = sessions.map(() => 0);
  const heard = (all: number): void => {
    for (const { onProgress } of requests) onProgress?.(Math.floor(all / requests.length));
  };
  const counting = sessions.map((seat, session) =>
    seat.ask<'tally'>(
      {
        ...{ kind: 'tally', half, job, tally, continued, control },
        ...{ total: to - from, centres: requests.length, session, sessions: sessions.length },
      },
      (value) => {
        done[session] = value;
        heard(done.reduce((sum, part) => sum + part, 0));
      },
    ),
  );
  const producing = producers.map((producer) =>
    producer.ask<'produce'>({ kind: 'produce', half, job, ...draw, latents, control }),
  );
  /** The producers stop at their next part, and the sessions are told that no more of them will come. */
  const stop = (): void => {
    Atomics.store(words, ControlWord.stop, 1);
    // A session that is dead fails the count itself.
    for (const session of sessions) session.ask<'abandon'>({ kind: 'abandon', job }).catch(() => {});
  };
  signal?.addEventListener('abort', stop, { once: true });
  for (const each of [...counting, ...producing]) each.catch(stop);
  try {
    const settled = await Promise.allSettled([...counting, ...producing]);
    signal?.throwIfAborted();
    for (const each of settled) if (each.status === 'rejected') throw each.reason;
    const counted = await Promise.all(counting);
    for (const compared of counted.flatMap(({ rows }) => rows)) requireIndependentRows(arithmetic, compared);
    heard((to - from) * requests.length);
    return requests.map((_, k) => counted.flatMap(({ tallied }) => tallied[k] ?? []));
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
