/**
 * A right half in a sampling thread: its own ONNX Runtime session and its own source of noise, whose rows ONNX Runtime
 * reads in place. One call at a time: all of them fill the same rows.
 */
import { Tensor } from 'onnxruntime-node';
import { openHalf } from './half-session.ts';
import { createKernelSource } from './noise/kernel-source.ts';
import { gridOf } from './noise/rounded-noise.ts';
import {
  ControlWord,
  type Counted,
  type CountRequest,
  type HalfSettings,
  type RowComparison,
} from './sampling-protocol.ts';
import { statisticOf } from './tally.ts';

export interface LoadedHalf {
  /** Id of the noise it draws (`NoiseSource`). */
  readonly noise: string;
  /** Draws samples until the control words hand out no more; `onProgress` hears how many, a few times a second. */
  count(request: CountRequest, onProgress: (done: number) => void): Promise<Counted>;
  /** Logits [rows, classes] of rows without noise, [rows, ...latentDims], both flat. */
  logits(rows: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}

const PROGRESS_EVERY_MS = 100;
/** Rows of the first batch of a count that are also run alone: what mixes rows shows in any of them. */
const ROWS_COMPARED = 16;

/**
 * Nothing returned refers to the bytes of the model, which may be half a gigabyte: the session has its own copy.
 * @throws ONNX Runtime's error when it does not take the model, ToolError when the memory for a batch cannot be allocated;
 *         Error when the model does not have one input and one output
 */
export async function loadHalf({
  model,
  latentDims,
  classes,
  batch,
  provider,
  noise: kind,
}: HalfSettings): Promise<LoadedHalf> {
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  let noise = createKernelSource(latentDims, batch, kind);
  let shares = false;
  const session = await openHalf(model, provider, classes);

  /** Only runs whose images share noise pay for the memory. */
  function makeRoomForSharing(): void {
    if (!shares) noise = createKernelSource(latentDims, batch, kind, batch);
    shares = true;
  }

  /** Logits of the batch. */
  const run = (): Promise<Float32Array> => session.logits(noise.rows, batch);

  /** The first rows of the batch that gave `together`, each run by itself as well. */
  async function comparison(together: Float32Array): Promise<RowComparison> {
    const count = Math.min(batch, ROWS_COMPARED);
    const alone = new Float32Array(count * classes);
    for (let row = 0; row < count; row++) {
      const values = noise.rows.data.subarray(row * size, (row + 1) * size);
      alone.set(await session.logits(new Tensor('float32', values, [1, ...latentDims]), 1), row * classes);
    }
    return { together: together.slice(0, count * classes), alone };
  }

  return {
    noise: noise.id,
    async count(request, onProgress) {
      const {
        from,
        to,
        latents,
        sigma,
        grid = gridOf(sigma),
        seed,
        stage,
        image,
        tally,
        continued = false,
      } = request;
      const control = new Int32Array(request.control);
      const centres = latents.map((latent) => ({ latent, statistic: statisticOf(tally, classes) }));
      const shared = latents.length > 1;
      if (shared) makeRoomForSharing();
      let done = 0;
      let reported = performance.now();
      const rows: RowComparison[] = [];
      const stopped = (): boolean => Atomics.load(control, ControlWord.stop) !== 0;
      while (!stopped()) {
        const first = from + Atomics.add(control, ControlWord.next, batch);
        if (first >= to) break;
        const drawn = Math.min(batch, to - first);
        const counter = { seed, stage, image, sample: first };
        if (shared) noise.draw(sigma, grid, counter, drawn);
        for (const { latent, statistic } of centres) {
          if (stopped()) break;
          if (shared) noise.place(latent, 0, drawn);
          else noise.fill(latent, sigma, grid, counter, drawn);
          const values = await run();
          if (first === from && batch > 1 && !continued) rows.push(await comparison(values));
          statistic.take(values, drawn);
          done += drawn;
        }
        if (performance.now() - reported > PROGRESS_EVERY_MS) {
          reported = performance.now();
          onProgress(done);
        }
      }
      return { tallied: centres.map(({ statistic }) => statistic.result()), rows };
    },
    async logits(rows) {
      const total = rows.length / size;
      const all = new Float32Array(total * classes);
      for (let first = 0; first < total; first += batch) {
        const now = Math.min(batch, total - first);
        noise.rows.data.set(rows.subarray(first * size, (first + now) * size));
        all.set((await run()).subarray(0, now * classes), first * classes);
      }
      return all;
    },
    release: () => session.release(),
  };
}
