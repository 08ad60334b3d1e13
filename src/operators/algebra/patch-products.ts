/**
 * A kernel's products with one patch of an image at a time, in WebAssembly (`patch-kernel/assembly.ts`): what takes nearly all the
 * time of a bound on a large convolution.
 */
import { ToolError } from '../../ground/errors.ts';
import { compiledKernel, instanceOf, kernelMemory, PAGE_BYTES } from '../../ground/wasm-kernel.ts';

interface PatchKernel {
  heapBase(): number;
  respond(
    weights: number,
    live: number,
    scales: number,
    count: number,
    patch: number,
    n: number,
    z: number,
  ): void;
  spread(weights: number, live: number, count: number, patch: number, n: number, z: number): void;
}

/** One kernel's weights, and room for one patch. Nothing that is in the room between two calls matters. */
export interface PatchProducts {
  /** One value per tap. */
  readonly patch: Float64Array;
  /** One per output channel of a group, to be set before `gram`: 0 leaves the channel out, at no cost. */
  readonly scales: Float64Array;
  /** What the output channels from `first` on, as many as a group has, answer to the patch. */
  responses(first: number): Float64Array;
  /** patch = sum of scales[o] (w . patch) w over these channels, w their weights. */
  gram(first: number): void;
}

const ALIGNMENT = 64;
/** Values, and channels, that the kernel takes at a time. */
const STEP = 4;

const upTo = (multiple: number, length: number): number => Math.ceil(length / multiple) * multiple;

/**
 * @param weights [channels, taps], row-major
 * @param perGroup channels that see the same patch
 * @throws ToolError when the kernel is missing, or there is no memory for the weights
 */
export function patchProducts(weights: Float64Array, taps: number, perGroup: number): PatchProducts {
  const channels = weights.length / taps;
  const n = upTo(STEP, taps);
  const most = upTo(STEP, perGroup);
  const lengths = [(channels + 1) * n, n, most, most, most / 2];
  const sizes = lengths.map((length) => upTo(ALIGNMENT, length * 8));
  const bytes = sizes.reduce((sum, size) => sum + size, 2 * ALIGNMENT);
  const memory = kernelMemory(1 + Math.ceil(bytes / PAGE_BYTES), 'a convolution of the left half', tooLarge);
  const module = compiledKernel('#patch-kernel', 'the kernel of convolutions');
  const kernel = instanceOf(module, memory) as PatchKernel;
  let end = upTo(ALIGNMENT, kernel.heapBase());
  const [rowsAt = 0, patchAt = 0, scalesAt = 0, zAt = 0, liveAt = 0] = sizes.map((size) => {
    end += size;
    return end - size;
  });
  // The last row is one of zeros, which fills up blocks of channels.
  const rows = new Float64Array(memory.buffer, rowsAt, (channels + 1) * n);
  for (let c = 0; c < channels; c++) rows.set(weights.subarray(c * taps, (c + 1) * taps), c * n);
  const live = new Uint32Array(memory.buffer, liveAt, most);
  const liveScales = new Float64Array(memory.buffer, scalesAt, most);
  const scales = new Float64Array(perGroup).fill(1);
  const ones = scales.slice();

  /** z = the responses of the channels whose scale is not 0, times it; gives their number. */
  function respond(first: number, scales: Float64Array): number {
    let count = 0;
    for (let o = 0; o < perGroup; o++) {
      const scale = scales[o] as number;
      if (scale === 0) continue;
      live[count] = (first + o) * n * 8;
      liveScales[count++] = scale;
    }
    for (; count % STEP !== 0; count++) {
      live[count] = channels * n * 8;
      liveScales[count] = 0;
    }
    kernel.respond(rowsAt, liveAt, scalesAt, count, patchAt, n, zAt);
    return count;
  }

  const z = new Float64Array(memory.buffer, zAt, perGroup);
  return {
    patch: new Float64Array(memory.buffer, patchAt, taps),
    scales,
    responses(first) {
      respond(first, ones);
      return z;
    },
    gram(first) {
      kernel.spread(rowsAt, liveAt, respond(first, scales), patchAt, n, zAt);
    },
  };
}

const tooLarge = (why: string): ToolError =>
  new ToolError({
    what: 'the weights of a convolution of the left half do not fit into memory',
    why,
    remedy: 'Cut earlier (--split input needs no bound), or free memory.',
  });
