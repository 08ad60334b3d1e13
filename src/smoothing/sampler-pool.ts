/**
 * The threads that sample, shared by every right half of a run. They work through one queue of requests, so that one right
 * half's draws fill the time in which another's are not known yet: no thread idles as long as anything is asked.
 */
import type { Arithmetic, Devices, Precision, Provider } from './arithmetic.ts';
import { checkDraw, sharedDraws } from './count-on-workers.ts';
import type { NoiseKind } from './noise/kind.ts';
import { layoutOf } from './pipeline/layout.ts';
import { startPipeline } from './pipeline/pipeline.ts';
import type { PipelinedModel } from './pipeline/pipelined-half.ts';
import { requireProvider } from './providers.ts';
import type { DrawRequest, Sampler } from './sampler.ts';
import { startSamplers } from './sampling-threads.ts';
import { sumOfScores } from './scores/score-sums.ts';
import { isScores, isVotes, type Tally, type TallyResult } from './tally.ts';
import type { Threads } from './threads.ts';
import { sumOfVotes, type VoteCounts } from './votes/vote-counts.ts';

export interface PoolSettings {
  readonly provider: Provider;
  /** Threads that make noise. */
  readonly workers: number;
  /** Rows per run, at most. */
  readonly batch: number;
  /**
   * Whether one more thread runs the network for all of them, or each runs a session of its own. Graphics cards run one session at
   * a time, so unless given, everything but the CPU has a pipeline. No count depends on it.
   */
  readonly pipeline?: boolean;
  /** Of the provider, by number, each with a pipeline's session; its first unless given. No count depends on them. */
  readonly devices?: Devices;
  /** 'fp32' unless given. */
  readonly precision?: Precision;
}

export interface RightHalf {
  /** ONNX model bytes: one float32 input [B, ...latentDims], one float32 output [B, classes]. */
  readonly model: Uint8Array;
  /** Shape of the cut tensor without its batch axis. */
  readonly latentDims: readonly number[];
  readonly classes: number;
  /** Whether the model takes any number of rows; if not it is run one row at a time. */
  readonly batchable: boolean;
  /** Rows per run that fit into memory; the pool's batch unless given. */
  readonly largestBatch?: number;
  /** Which noise is drawn; Gaussian unless given. */
  readonly noise?: NoiseKind;
  /**
   * The model for a pipeline, its batch in so many parts; null where there is none. Without it a batch is made by one thread, and
   * votes are counted on the host.
   */
  readonly pipelined?: (parts: number) => PipelinedModel | null;
}

export interface SamplerPool extends Arithmetic {
  /** Threads that make noise. */
  readonly workers: number;
  /** Of the provider; null where none were named. */
  readonly devices: Devices | null;
  /**
   * Loads a right half into every worker, behind what was asked before. The first call probes a provider other than the CPU
   * and starts the workers.
   * @throws ToolError when the provider is absent or disagrees with the CPU, ONNX Runtime does not take the model, or a
   *         worker dies; ModelRefused when the model does not give [batch, classes] for a batch of rows.
   */
  load(rightHalf: RightHalf): Promise<Sampler>;
  /** Has `end` called, and waited for, when the pool closes: for other threads that live as long. */
  onClose(end: () => Promise<void>): void;
  /** Closes the samplers and ends the workers, after what was asked of them. */
  close(): Promise<void>;
}

/** @throws RangeError unless workers and batch are positive integers */
export function openPool({
  provider,
  workers,
  batch: rows,
  // More sessions of a right half than one only queue on CUDA, and WebGPU does not allow them.
  pipeline = provider !== 'cpu',
  devices,
  precision = 'fp32',
}: PoolSettings): SamplerPool {
  requirePositive({ workers, batch: rows });
  const arithmetic: Arithmetic = { provider, precision };
  let threads: Promise<Threads> | undefined;
  let halves = 0;
  const loading = new Set<Promise<Sampler>>();
  const open = new Set<Sampler>();
  const ends: (() => Promise<void>)[] = [];
  let closing: Promise<void> | undefined;

  function started(): Promise<Threads> {
    // The CPU has no devices: sessions on it stand for some in tests.
    threads ??= requireProvider(arithmetic, provider === 'cpu' ? undefined : devices).then(() =>
      pipeline ? startPipeline(workers, devices) : startSamplers(workers),
    );
    return threads;
  }

  async function load({
    model,
    latentDims,
    classes,
    batchable,
    largestBatch = rows,
    noise = 'gaussian',
    pipelined,
  }: RightHalf): Promise<Sampler> {
    const size = latentDims.reduce((product, dim) => product * dim, 1);
    const batch = batchable ? Math.min(rows, largestBatch) : 1;
    requirePositive({ batch, classes, size });
    const threads = await started();
    const half = halves++;
    const parts = layoutOf(batch, workers).parts;
    const piped = pipeline ? pipelined?.(parts) : null;
    const checked = await threads.load(half, {
      ...{ model, latentDims, classes, batch, noise, ...arithmetic },
      ...(piped ? { pipelined: { ...piped, parts } } : {}),
    });
    const asked = new Set<Promise<unknown>>();
    let unloading: Promise<void> | undefined;
    /** Asked before the right half is unloaded, so answered before. */
    function following<T>(answer: Promise<T>): Promise<T> {
      const done = () => asked.delete(answer);
      asked.add(answer);
      answer.then(done, done);
      return answer;
    }
    function tallied(
      requests: readonly DrawRequest[],
      tally: Tally,
    ): Promise<readonly (readonly TallyResult[])[]> {
      for (const request of requests) checkDraw(request, size);
      sharedDraws(requests);
      return unloading === undefined
        ? following(threads.tally(half, requests, tally, arithmetic))
        : refused();
    }
    const votesOf = (parts: readonly TallyResult[]): VoteCounts => sumOfVotes(parts.filter(isVotes), classes);
    const sampler: Sampler = {
      workers,
      ...checked,
      count: (request) => tallied([request], { kind: 'votes' }).then(([parts = []]) => votesOf(parts)),
      countTogether: (requests) =>
        tallied(requests, { kind: 'votes' }).then((all) => all.map((parts) => votesOf(parts))),
      scores: (request, scoring) =>
        tallied([request], { kind: 'scores', ...scoring }).then(([parts = []]) =>
          sumOfScores(parts.filter(isScores)),
        ),
      logits(rows) {
        if (rows.length % size !== 0) throw new RangeError(`${rows.length} values are not rows of ${size}`);
        return unloading === undefined ? following(threads.logits(half, rows)) : refused();
      },
      close() {
        open.delete(sampler);
        unloading ??= Promise.allSettled(asked).then(() => threads.unload(half));
        return unloading;
      },
    };
    open.add(sampler);
    return sampler;
  }

  async function close(): Promise<void> {
    // Whoever asked for them hears how they fail.
    await Promise.allSettled(loading);
    try {
      await Promise.all([...open].map((sampler) => sampler.close()));
    } finally {
      const started = await threads?.catch(() => null);
      await Promise.all([started?.close(), ...ends.map((end) => end())]);
    }
  }

  return {
    ...arithmetic,
    workers,
    devices: devices ?? null,
    load(rightHalf) {
      if (closing !== undefined) return Promise.reject(new Error('the sampling pool is closed'));
      const sampler = load(rightHalf);
      const done = () => loading.delete(sampler);
      loading.add(sampler);
      sampler.then(done, done);
      return sampler;
    },
    onClose(end) {
      ends.push(end);
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function refused(): Promise<never> {
  return Promise.reject(new Error('the sampler is closed'));
}

function requirePositive(values: Record<string, number>): void {
  for (const [name, value] of Object.entries(values))
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} is ${value}`);
}

/**
 * A pool with one right half, closed with it.
 * @throws RangeError as `openPool`, and what its `load` throws
 */
export async function createSampler(settings: PoolSettings & RightHalf): Promise<Sampler> {
  const pool = openPool(settings);
  try {
    return { ...(await pool.load(settings)), close: () => pool.close() };
  } catch (error) {
    await pool.close();
    throw error;
  }
}
