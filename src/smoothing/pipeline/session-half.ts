/** A right half in the thread of a pipeline's session: batches in parts come in, votes or logits go out. */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { createSession } from '../../ground/runtime-session.ts';
import { type HalfSession, openHalf, requireLogits } from '../half-session.ts';
import { noiseId } from '../noise/kernel-source.ts';
import type { HalfSettings, VotesCounted } from '../sampling-protocol.ts';
import { countsVotes, weightsOf } from './counting-check.ts';
import { type Layout, layoutOf, rowsOfPart } from './layout.ts';
import type { PipelinedHalf } from './pipelined-half.ts';

/** Of one batch. */
export interface Ran {
  /** Votes for each class, then the rows with a logit that is not finite; null unless asked for, and counted in the graph. */
  readonly votes: Int32Array | null;
  /** [batch, classes], flat; null unless asked for or the votes are not counted in the graph. */
  readonly logits: Float32Array | null;
}

export interface SessionHalf {
  readonly classes: number;
  readonly layout: Layout;
  /** Id of the noise to be drawn. */
  readonly noise: string;
  readonly votesCounted: VotesCounted;
  /**
   * One batch.
   * @param parts rows of every part, [rows, ...latentDims] flat; a missing one is zeros
   * @param drawn the first rows of the batch, which are counted
   */
  run(
    parts: readonly (Float32Array | undefined)[],
    drawn: number,
    want: { readonly votes: boolean; readonly logits: boolean },
  ): Promise<Ran>;
  /** Logits of the first rows of a part, each run by itself. */
  alone(part: Float32Array, rows: number): Promise<Float32Array>;
  /** Logits [rows, classes] of rows without noise, [rows, ...latentDims], both flat. */
  logits(rows: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

/** Runs whole batches. */
interface Batches {
  readonly votesCounted: VotesCounted;
  run(
    parts: readonly Tensor[],
    drawn: number,
    want: { readonly votes: boolean; readonly logits: boolean },
  ): Promise<Ran>;
  release(): Promise<void>;
}

/**
 * @param device of the provider, by number
 * @throws ONNX Runtime's error when it does not take the model; Error when its inputs and outputs are not as stated
 */
export async function openSessionHalf(settings: HalfSettings, device = 0): Promise<SessionHalf> {
  const { model, pipelined, latentDims, classes, batch, provider, noise = 'gaussian' } = settings;
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const layout = layoutOf(batch, pipelined?.parts ?? 1);
  const single = await openHalf(model, provider, classes, device);
  let batches: Batches;
  try {
    batches =
      pipelined === undefined
        ? onHost(single, batch)
        : await inGraph(pipelined, settings, layout.parts, device);
  } catch (error) {
    await single.release();
    throw error;
  }

  const tensor = (rows: Float32Array, count: number): Tensor =>
    new Tensor('float32', rows.subarray(0, count * size), [count, ...latentDims]);
  const zeros = new Map<number, Tensor>();
  function zerosOf(count: number): Tensor {
    const made = zeros.get(count) ?? tensor(new Float32Array(count * size), count);
    zeros.set(count, made);
    return made;
  }
  const run: SessionHalf['run'] = (parts, drawn, want) => {
    const tensors = Array.from({ length: layout.parts }, (_, k) => {
      const rows = rowsOfPart(layout, k);
      const part = parts[k];
      return part === undefined ? zerosOf(rows) : tensor(part, rows);
    });
    return batches.run(tensors, drawn, want);
  };

  return {
    classes,
    layout,
    run,
    noise: noiseId(noise),
    votesCounted: batches.votesCounted,
    async alone(part, rows) {
      const all = new Float32Array(rows * classes);
      for (let row = 0; row < rows; row++)
        all.set(await single.logits(tensor(part.subarray(row * size), 1), 1), row * classes);
      return all;
    },
    async logits(rows) {
      const total = rows.length / size;
      const all = new Float32Array(total * classes);
      for (let first = 0; first < total; first += batch) {
        const now = Math.min(batch, total - first);
        const padded = new Float32Array(batch * size);
        padded.set(rows.subarray(first * size, (first + now) * size));
        const parts = Array.from({ length: layout.parts }, (_, k) =>
          padded.subarray(k * layout.partRows * size, (k * layout.partRows + rowsOfPart(layout, k)) * size),
        );
        const { logits } = await run(parts, now, { votes: false, logits: true });
        all.set((logits ?? new Float32Array()).subarray(0, now * classes), first * classes);
      }
      return all;
    },
    async release() {
      await batches.release();
      await single.release();
    },
  };
}

/** The right half as it is: its batch comes in one part, and the votes are counted where the logits arrive. */
function onHost(single: HalfSession, batch: number): Batches {
  return {
    votesCounted: 'host',
    run: async ([rows]) => {
      if (rows === undefined) throw new Error('a batch has at least one part');
      return { votes: null, logits: await single.logits(rows, batch) };
    },
    release: async () => {},
  };
}

async function inGraph(
  { model, counting, parts: expected }: PipelinedHalf,
  { provider, classes, batch }: HalfSettings,
  parts: number,
  device: number,
): Promise<Batches> {
  if (expected !== parts) throw new Error(`a model of ${expected} parts for ${parts}`);
  const counted = await countsVotes(counting, provider, { batch, classes }, device);
  const session = await createSession(model, provider, 3, device);
  const [logitsName = '', votesName = ''] = session.outputNames;
  let weights = weightsOf(batch, batch);
  let weighted = batch;
  function feedsOf(tensors: readonly Tensor[], drawn: number): InferenceSession.FeedsType {
    if (drawn !== weighted) [weights, weighted] = [weightsOf(batch, drawn), drawn];
    return Object.fromEntries(session.inputNames.map((name, k) => [name, tensors[k] ?? weights]));
  }
  return {
    votesCounted: counted ? 'graph' : 'host',
    async run(tensors, drawn, want) {
      const votes = want.votes && counted;
      const logits = want.logits || !votes;
      const fetched = [...(logits ? [logitsName] : []), ...(votes ? [votesName] : [])];
      const results = await session.run(feedsOf(tensors, drawn), fetched);
      return {
        votes: votes ? requireVotes(results[votesName]?.data, classes, drawn) : null,
        logits: logits ? requireLogits(results, logitsName, batch, classes) : null,
      };
    },
    release: () => session.release(),
  };
}

/** @throws Error when the votes are not those of `drawn` rows */
function requireVotes(votes: unknown, classes: number, drawn: number): Int32Array {
  if (!(votes instanceof Int32Array) || votes.length !== classes + 1)
    throw new Error(`expected int32 [${classes + 1}] votes`);
  const total = votes.reduce((sum, count) => sum + count, 0);
  if (total !== drawn || votes.some((count) => count < 0))
    throw new Error(`${drawn} rows gave ${total} votes: ${votes.join(', ')}`);
  return votes;
}
