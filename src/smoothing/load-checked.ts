/**
 * Loads a right half into the workers, and believes none of its answers before they were compared on the same rows with
 * those of the CPU for one row at a time.
 */
import { ModelRefused, ToolError } from '../ground/errors.ts';
import { Stage } from './noise/philox.ts';
import { roundedNoise } from './noise/rounded-noise.ts';
import { requireAgreement } from './providers.ts';
import type { HalfSettings, VotesCounted } from './sampling-protocol.ts';
import type { WorkerSeat } from './worker-seat.ts';

/** At least one worker. */
export type Seats = readonly [WorkerSeat, ...WorkerSeat[]];

/** What was found out while loading. */
export interface CheckedHalf {
  /** Rows per run: those asked for, or 1. */
  readonly batch: number;
  /** Id of the noise drawn. */
  readonly noise: string;
  /** As `Sampler.providerDifference`. */
  readonly providerDifference: number | null;
  /** As `Sampler.votesCounted`. */
  readonly votesCounted: VotesCounted;
}

/**
 * Loads a right half under a number that no other has; after a failure nothing is left of it. On the CPU the rows of one
 * batch are compared, to the bit, with the same rows run alone: where they differ (kernels that depend on the batch), rows
 * are run one at a time, so that the right half is one fixed function of its input.
 * @throws ToolError when ONNX Runtime does not take the model or the provider disagrees with the CPU, or a worker dies;
 *         ModelRefused when the model does not give [batch, classes] for a batch of rows.
 */
export async function loadChecked(seats: Seats, half: number, settings: HalfSettings): Promise<CheckedHalf> {
  const { batch, provider } = settings;
  const rows = firstBatch(settings);
  try {
    // Before the other sessions are opened: a large model less in memory at a time.
    const alone = await oneByOne(seats[0], half, settings, rows);
    const loaded = await loadAll(seats, half, settings);
    if (provider !== 'cpu') {
      // Each may be on a device of its own.
      const differences: number[] = [];
      for (const seat of seats) {
        const together = await refusingModel(() => logitsOf(seat, half, rows));
        differences.push(requireAgreement(settings, alone, together));
      }
      return { batch, ...loaded, providerDifference: Math.max(...differences) };
    }
    const together = await refusingModel(() => logitsOf(seats[0], half, rows));
    if (together.every((value, i) => Object.is(value, alone[i])))
      return { batch, ...loaded, providerDifference: null };
    await unloadAll(seats, half);
    const single = await loadAll(seats, half, { ...plain(settings), batch: 1 });
    return { batch: 1, ...single, providerDifference: null };
  } catch (error) {
    await unloadAll(seats, half);
    throw error;
  }
}

/** @throws ToolError when ONNX Runtime fails to */
export async function unloadAll(seats: readonly WorkerSeat[], half: number): Promise<void> {
  await Promise.all(seats.map((seat) => seat.unload(half)));
}

/** Logits [rows, classes] of [rows, ...latentDims], both flat. */
export async function logitsOf(seat: WorkerSeat, half: number, rows: Float32Array): Promise<Float32Array> {
  return (await seat.ask<'logits'>({ kind: 'logits', half, rows })).logits;
}

type Loaded = Pick<CheckedHalf, 'noise' | 'votesCounted'>;

async function loadAll(seats: Seats, half: number, settings: HalfSettings): Promise<Loaded> {
  const load = (seat: WorkerSeat) => seat.ask<'load'>({ kind: 'load', half, settings });
  const [first, ...others] = seats;
  const [{ noise, votesCounted }, ...rest] = await Promise.all([load(first), ...others.map(load)]);
  const everywhere = rest.every((reply) => reply.votesCounted === votesCounted);
  return { noise, votesCounted: everywhere ? votesCounted : 'host' };
}

/** The model itself, which takes any number of rows. */
const plain = ({ pipelined: _, ...settings }: HalfSettings): HalfSettings => settings;

/** The rows' logits on the CPU, one row at a time, to compare a batch with. */
async function oneByOne(
  seat: WorkerSeat,
  half: number,
  settings: HalfSettings,
  rows: Float32Array,
): Promise<Float32Array> {
  await seat.ask<'load'>({
    kind: 'load',
    half,
    settings: { ...plain(settings), batch: 1, provider: 'cpu', precision: 'fp32' },
  });
  const logits = await refusingModel(() => logitsOf(seat, half, rows));
  await seat.unload(half);
  return logits;
}

/** One batch of noise, [batch, ...latentDims] flat. */
function firstBatch({ batch, latentDims }: HalfSettings): Float32Array {
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const rows = new Float32Array(batch * size);
  const origin = new Float64Array(size);
  for (let sample = 0; sample < batch; sample++)
    rows.set(
      roundedNoise(origin, 1, { seed: 0n, stage: Stage.providerCheck, image: 0, sample }),
      sample * size,
    );
  return rows;
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
