/**
 * One sampling thread: its own ONNX Runtime session and its own source of noise, whose rows ONNX Runtime reads in place.
 *
 * `session.run` of onnxruntime-node blocks the thread it is called on, hence a thread per session; and a thread must not
 * be terminated inside it (the process would abort), hence the stop word that is looked at between batches.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Tensor } from 'onnxruntime-node';
import { createSession } from '../ground/runtime-session.ts';
import { createKernelSource } from './noise/kernel-source.ts';
import {
  ControlWord,
  type CountRequest,
  type LogitsRequest,
  type Progress,
  type Reply,
  type Request,
  type RowComparison,
  type WorkerSettings,
} from './sampling-protocol.ts';
import { voteStatistic } from './votes/vote-statistic.ts';

if (parentPort === null) throw new Error('sampling-worker.ts runs in a worker thread only');
const port = parentPort;

const settings = workerData as WorkerSettings;
const { latentDims, classes, batch, provider } = settings;
const size = latentDims.reduce((product, dim) => product * dim, 1);
const PROGRESS_EVERY_MS = 100;
/** Rows of the first batch of a count that are also run alone: what mixes rows shows in any of them. */
const ROWS_COMPARED = 16;

const say = (message: Reply | Progress): void => port.postMessage(message);
const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

try {
  await serve();
} catch (error) {
  say({ kind: 'failed', what: 'a sampling worker could not start', why: reason(error) });
}

async function serve(): Promise<void> {
  const noise = createKernelSource(latentDims, batch);
  const session = await createSession(settings.model, provider, 3);
  // The session has its own copy, and this one may be half a gigabyte.
  Object.assign(settings, { model: null });
  const input = onlyName(session.inputNames, 'input');
  const output = onlyName(session.outputNames, 'output');

  port.on('message', (request: Request) => {
    if (request.kind === 'close') {
      void session.release().finally(() => port.close());
      return;
    }
    const answer = request.kind === 'count' ? count(request) : logits(request);
    answer.then(say, (error: unknown) =>
      say({ kind: 'failed', what: 'ONNX Runtime failed on the right half', why: reason(error) }),
    );
  });
  say({ kind: 'ready', noise: noise.id });

  /** Logits of the batch. */
  const run = (): Promise<Float32Array> => logitsOf(noise.rows, batch);

  /** The first rows of the batch that gave `together`, each run by itself as well. */
  async function comparison(together: Float32Array): Promise<RowComparison> {
    const count = Math.min(batch, ROWS_COMPARED);
    const alone = new Float32Array(count * classes);
    for (let row = 0; row < count; row++) {
      const values = noise.rows.data.subarray(row * size, (row + 1) * size);
      alone.set(await logitsOf(new Tensor('float32', values, [1, ...latentDims]), 1), row * classes);
    }
    return { together: together.slice(0, count * classes), alone };
  }

  async function logitsOf(fed: Tensor, count: number): Promise<Float32Array> {
    const result = (await session.run({ [input]: fed }))[output];
    if (result === undefined) throw new Error(`no output ${output}`);
    const values = result.data;
    if (!(values instanceof Float32Array) || values.length !== count * classes || result.dims[0] !== count)
      throw new Error(
        `expected float32 [${count}, ${classes}] from ${output}, got ${result.type} [${result.dims.join(', ')}]`,
      );
    return values;
  }

  async function count(request: CountRequest): Promise<Reply> {
    const { from, to, latent, sigma, seed, stage, image } = request;
    const control = new Int32Array(request.control);
    const votes = voteStatistic(classes);
    let done = 0;
    let reported = performance.now();
    let compared: RowComparison | null = null;
    while (Atomics.load(control, ControlWord.stop) === 0) {
      const first = from + Atomics.add(control, ControlWord.next, batch);
      if (first >= to) break;
      const drawn = Math.min(batch, to - first);
      noise.fill(latent, sigma, { seed, stage, image, sample: first }, drawn);
      const values = await run();
      if (first === from && batch > 1) compared = await comparison(values);
      votes.take(values, drawn);
      done += drawn;
      if (performance.now() - reported > PROGRESS_EVERY_MS) {
        reported = performance.now();
        say({ kind: 'progress', done });
      }
    }
    return { kind: 'counted', votes: votes.result(), rows: compared };
  }

  async function logits({ rows: asked }: LogitsRequest): Promise<Reply> {
    const total = asked.length / size;
    const all = new Float32Array(total * classes);
    for (let first = 0; first < total; first += batch) {
      const now = Math.min(batch, total - first);
      noise.rows.data.set(asked.subarray(first * size, (first + now) * size));
      all.set((await run()).subarray(0, now * classes), first * classes);
    }
    return { kind: 'logits', logits: all };
  }
}

function onlyName(names: readonly string[], role: string): string {
  const [name, ...rest] = names;
  if (name === undefined || rest.length > 0)
    throw new Error(
      `the right half has ${names.length} ${role}s, exactly one is needed: ${names.join(', ')}`,
    );
  return name;
}
