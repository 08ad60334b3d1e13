/**
 * Votes of the smoothed right half: a pool of worker threads, one ONNX Runtime session each, that draw noise around a
 * latent and count classes.
 *
 * The noise of a draw is a function of (seed, stage, image, sample index) alone and a row's logits do not depend on its
 * batch, so the counts of samples [from, to) are the same for every number of workers, batch size, order and partition.
 * The samples are handed out batch by batch as workers become free.
 */
import { ModelRefused, ToolError } from '../ground/errors.ts';
import { Stage } from './noise/philox.ts';
import { LARGEST_SIGMA, roundedNoise, SMALLEST_SIGMA } from './noise/rounded-noise.ts';
import { agree, type Provider, requireAgreement, requireProvider } from './providers.ts';
import {
  CONTROL_BYTES,
  ControlWord,
  type DrawnSamples,
  type Request,
  type RowComparison,
  type WorkerSettings,
} from './sampling-protocol.ts';
import { sumOfVotes, type VoteCounts } from './votes/vote-counts.ts';
import { startWorker, type WorkerSeat } from './worker-seat.ts';

export interface SamplerSettings {
  /** ONNX model bytes of the right half: one float32 input [B, ...latentDims], one float32 output [B, classes]. */
  readonly model: Uint8Array;
  /** Shape of the cut tensor without its batch axis. */
  readonly latentDims: readonly number[];
  readonly classes: number;
  /** Threads, each with its own session; GPU providers use one whatever this says. */
  readonly workers: number;
  /** Rows per run. */
  readonly batch: number;
  readonly provider: Provider;
  /** Whether the model takes any number of rows; if not it is run one row at a time. */
  readonly batchable: boolean;
}

export interface DrawRequest extends DrawnSamples {
  /** Aborting ends the batches in flight and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told the number of samples done, a few times a second. */
  readonly onProgress?: (done: number) => void;
}

export interface Sampler {
  /** Threads in use. */
  readonly workers: number;
  /** Rows per run in use. */
  readonly batch: number;
  /** Id of the noise drawn (`NoiseSource`). */
  readonly noise: string;
  /** Largest difference from the CPU's logits on one batch, relative to the largest logit; null on the CPU. */
  readonly providerDifference: number | null;
  /**
   * Votes of `to - from` draws. Calls are answered one after the other. Some rows of the first batch are also run alone.
   * @throws the signal's reason when aborted; ToolError when a worker fails or dies; ModelRefused when a row's logits
   *         depend on the rows beside it.
   */
  count(request: DrawRequest): Promise<VoteCounts>;
  /**
   * Logits [rows, classes] of rows without noise, [rows, ...latentDims], both flat.
   * @throws ToolError when a worker fails or dies.
   */
  logits(rows: Float32Array): Promise<Float32Array>;
  /** Ends the workers, after what is running. */
  close(): Promise<void>;
}

/** The shared counter is a 32-bit word; workers may run past the end by a batch each. */
const LARGEST_COUNT = 2 ** 30;

/**
 * Starts the workers. A provider other than the CPU is probed first, and one batch is compared with the CPU. On the CPU
 * the rows of one batch are compared, to the bit, with the same rows run alone: where they differ (kernels that depend on
 * the batch), rows are run one at a time, so that the right half is one fixed function of its input.
 * @throws ToolError when the provider is absent or disagrees with the CPU, or a worker cannot start;
 *         ModelRefused when the model does not give [batch, classes] for a batch of rows.
 */
export async function createSampler(settings: SamplerSettings): Promise<Sampler> {
  const { model, latentDims, classes, provider } = settings;
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  let batch = settings.batchable ? settings.batch : 1;
  // A GPU runs one session: WebGPU allows no more, and more only queue on CUDA.
  const workers = provider === 'cpu' ? settings.workers : 1;
  for (const [name, value] of Object.entries({ workers, batch, classes, size }))
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} is ${value}`);

  await requireProvider(provider);
  const rows = firstBatch(batch, size);
  // Before the other workers start: two sessions of a large model less at a time.
  const alone = await oneByOne(settings, rows);
  let seats = await startAll(workers, { model, latentDims, classes, batch, provider });
  let providerDifference: number | null = null;
  try {
    const together = await refusingModel(() => logitsOf(seats[0], rows));
    if (provider !== 'cpu') providerDifference = requireAgreement(provider, alone, together);
    else if (together.some((value, i) => !Object.is(value, alone[i]))) {
      await closeAll(seats);
      batch = 1;
      seats = await startAll(workers, { model, latentDims, classes, batch, provider });
    }
  } catch (error) {
    await closeAll(seats);
    throw error;
  }

  let turn: Promise<unknown> = Promise.resolve();
  let closed = false;
  /** Runs `work` after everything asked before it. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new Error('the sampler is closed'));
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  }

  return {
    workers,
    batch,
    noise: seats[0].noise,
    providerDifference,
    count(request) {
      checkDraw(request, size);
      return inTurn(() => countOn(seats, request, classes, provider));
    },
    logits(rows) {
      if (rows.length % size !== 0) throw new RangeError(`${rows.length} values are not rows of ${size}`);
      return inTurn(() => logitsOf(seats[0], rows));
    },
    async close() {
      if (closed) return;
      closed = true;
      await turn;
      await closeAll(seats);
    },
  };
}

/**
 * The rows of a batch of actual draws, against the same rows alone: equal to the bit on the CPU, within rounding elsewhere.
 * What was compared before the run was noise of another place and size, which a network can tell from this.
 */
function requireIndependentRows(provider: Provider, { together, alone }: RowComparison): void {
  const at = together.findIndex((value, i) => !Object.is(value, alone[i]));
  if (at < 0 || (provider !== 'cpu' && agree(alone, together))) return;
  throw new ModelRefused({
    what: 'the rows of a batch see each other',
    where: 'right half, first batch of the draws around an image',
    why: `a logit is ${together[at]} beside other rows and ${alone[at]} alone, although the rows compared before the run agreed`,
    remedy: 'Run one row at a time with --batch 1. An honest classifier has no reason to look at its batch.',
  });
}

type Seats = readonly [WorkerSeat, ...WorkerSeat[]];

async function startAll(workers: number, settings: WorkerSettings): Promise<Seats> {
  const starts = await Promise.allSettled(Array.from({ length: workers }, () => startWorker(settings)));
  const seats = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failure = starts.find((start) => start.status === 'rejected');
  const [first, ...rest] = seats;
  if (failure === undefined && first !== undefined) return [first, ...rest];
  await closeAll(seats);
  throw failure?.reason;
}

async function closeAll(seats: readonly WorkerSeat[]): Promise<void> {
  await Promise.all(seats.map((seat) => seat.close()));
}

async function logitsOf(seat: WorkerSeat, rows: Float32Array): Promise<Float32Array> {
  const reply = await seat.ask({ kind: 'logits', rows });
  if (reply.kind !== 'logits') throw new Error(`a worker replied ${reply.kind} to logits`);
  return reply.logits;
}

/** One batch of noise, run before anything is believed. */
function firstBatch(batch: number, size: number): Float32Array {
  const rows = new Float32Array(batch * size);
  const origin = new Float64Array(size);
  for (let sample = 0; sample < batch; sample++)
    rows.set(
      roundedNoise(origin, 1, { seed: 0n, stage: Stage.providerCheck, image: 0, sample }),
      sample * size,
    );
  return rows;
}

/** The rows' logits on the CPU, one row at a time, to compare a batch with. */
async function oneByOne(
  { model, latentDims, classes }: SamplerSettings,
  rows: Float32Array,
): Promise<Float32Array> {
  const single = await startWorker({ model, latentDims, classes, batch: 1, provider: 'cpu' });
  try {
    return await refusingModel(() => logitsOf(single, rows));
  } finally {
    await single.close();
  }
}

/** A failure on the very first rows is the model's, not the tool's. */
async function refusingModel<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw new ModelRefused({
      ...error.report,
      what: 'the right half of the model cannot be sampled',
      remedy: 'Choose another --split, or check the model with `splitz-onnx inspect`.',
      cause: error,
    });
  }
}

function checkDraw({ latent, sigma, image, from, to }: DrawRequest, size: number): void {
  if (latent.length !== size) throw new RangeError(`a latent of ${latent.length} values, expected ${size}`);
  if (!(sigma >= SMALLEST_SIGMA && sigma <= LARGEST_SIGMA)) throw new RangeError(`sigma is ${sigma}`);
  if (!(Number.isSafeInteger(image) && image >= 0 && image < 2 ** 32))
    throw new RangeError(`image is ${image}`);
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to && to < 2 ** 32))
    throw new RangeError(`samples ${from} to ${to}`);
  if (to - from > LARGEST_COUNT) throw new RangeError(`more than ${LARGEST_COUNT} samples at once`);
}

async function countOn(
  seats: readonly WorkerSeat[],
  { signal, onProgress, ...draw }: DrawRequest,
  classes: number,
  provider: Provider,
): Promise<VoteCounts> {
  signal?.throwIfAborted();
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const words = new Int32Array(control);
  const stop = (): void => {
    Atomics.store(words, ControlWord.stop, 1);
  };
  const request: Request = { kind: 'count', ...draw, control };
  const done = seats.map(() => 0);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const replies = await Promise.allSettled(
      seats.map((seat, index) => {
        const report = (value: number): void => {
          done[index] = value;
          onProgress?.(done.reduce((sum, part) => sum + part, 0));
        };
        const answer = seat.ask(request, report);
        // One worker's failure stops the others too: a part of the draws is useless.
        answer.catch(stop);
        return answer;
      }),
    );
    signal?.throwIfAborted();
    const parts: VoteCounts[] = [];
    for (const reply of replies) {
      if (reply.status === 'rejected') throw reply.reason;
      if (reply.value.kind !== 'counted') throw new Error(`a worker replied ${reply.value.kind} to count`);
      if (reply.value.rows !== null) requireIndependentRows(provider, reply.value.rows);
      parts.push(reply.value.votes);
    }
    onProgress?.(draw.to - draw.from);
    return sumOfVotes(parts, classes);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
