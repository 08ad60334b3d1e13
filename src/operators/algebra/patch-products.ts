/**
 * A kernel's products with the patches of an image, in WebAssembly (`patch-kernel/assembly.ts`): what takes nearly all the time of a
 * bound on a large convolution. The planes of one group of channels are kept there; output positions are taken a block at a time.
 */
import { ToolError } from '../../ground/errors.ts';
import { compiledKernel, instanceOf, kernelMemory, PAGE_BYTES } from '../../ground/wasm-kernel.ts';

/** The exports of the kernel: addresses and counts in the order in which it declares them. */
interface PatchKernel {
  heapBase(): number;
  respond(...args: readonly number[]): void;
  spreadBack(...args: readonly number[]): void;
  gram(...args: readonly number[]): void;
}

export interface PatchShape {
  /** Input channels of a group, and output channels of a group. */
  readonly perGroup: number;
  readonly perOut: number;
  /** Cells of an input plane, and of a patch of one. */
  readonly plane: number;
  readonly taps: number;
}

/** One kernel's weights, with room for one group of planes and one block of positions. */
export interface PatchProducts {
  /** [perGroup, plane]: what patches are taken from. */
  readonly image: Float64Array;
  /** [perGroup, plane]: what patches are added to. */
  readonly back: Float64Array;
  /** [BLOCK, taps]: the cell of each tap in a plane, -1 in the padding. */
  readonly cells: Int32Array;
  /** [BLOCK, perOut]. */
  readonly values: Float64Array;
  /** values = W patch for this many positions, W the weights of the output channels from `first` on, as many as a group has. */
  respond(first: number, positions: number): void;
  /** back += W^T values, patch by patch. A value of 0 costs nothing. */
  spread(first: number, positions: number): void;
  /** back += W^T diag(values) W patch. A value of 0 costs nothing. */
  gram(first: number, positions: number): void;
}

/** Output positions that are taken at a time: so few that their values stay in the cache. */
export const BLOCK = 128;

const ALIGNMENT = 64;
/** Values, and channels, that the kernel takes at a time. */
const STEP = 4;

const upTo = (multiple: number, length: number): number => Math.ceil(length / multiple) * multiple;

/**
 * @param weights [channels, perGroup, taps], row-major
 * @throws ToolError when the kernel is missing, or there is no memory for weights and planes
 */
export function patchProducts(
  weights: Float64Array,
  { perGroup, perOut, plane, taps }: PatchShape,
): PatchProducts {
  const width = perGroup * taps;
  const channels = weights.length / width;
  const n = upTo(STEP, width);
  const most = upTo(STEP, perOut);
  const planes = perGroup * plane;
  // In float64: weights, patch, scales, answers, live rows, image, back, cells and values.
  const lengths = [
    (channels + 1) * n,
    n,
    most,
    most,
    most / 2,
    planes,
    planes,
    (BLOCK * taps) / 2,
    BLOCK * perOut,
  ];
  const sizes = lengths.map((length) => upTo(ALIGNMENT, length * 8));
  const bytes = sizes.reduce((sum, size) => sum + size, 2 * ALIGNMENT);
  const memory = kernelMemory(1 + Math.ceil(bytes / PAGE_BYTES), 'a convolution of the left half', tooLarge);
  const module = compiledKernel('#patch-kernel', 'the kernel of convolutions');
  const kernel = instanceOf(module, memory) as PatchKernel;
  let end = upTo(ALIGNMENT, kernel.heapBase());
  const [
    rowsAt = 0,
    patchAt = 0,
    scalesAt = 0,
    zAt = 0,
    liveAt = 0,
    imageAt = 0,
    backAt = 0,
    cellsAt = 0,
    valuesAt = 0,
  ] = sizes.map((size) => {
    end += size;
    return end - size;
  });
  // The last row is one of zeros, which fills up blocks of channels.
  const rows = new Float64Array(memory.buffer, rowsAt, (channels + 1) * n);
  for (let c = 0; c < channels; c++) rows.set(weights.subarray(c * width, (c + 1) * width), c * n);
  /** The rows of a group, where a row of zeros is from there, and their number and length. */
  const rowsFrom = (first: number) =>
    [rowsAt + first * n * 8, (channels - first) * n * 8, perOut, n] as const;
  const room = [patchAt, liveAt, scalesAt, zAt] as const;
  return {
    image: new Float64Array(memory.buffer, imageAt, planes),
    back: new Float64Array(memory.buffer, backAt, planes),
    cells: new Int32Array(memory.buffer, cellsAt, BLOCK * taps),
    values: new Float64Array(memory.buffer, valuesAt, BLOCK * perOut),
    respond(first, positions) {
      const planes = [imageAt, perGroup, plane] as const;
      kernel.respond(...rowsFrom(first), cellsAt, taps, ...planes, valuesAt, positions, ...room);
    },
    spread(first, positions) {
      const planes = [backAt, perGroup, plane] as const;
      kernel.spreadBack(
        ...[...rowsFrom(first), cellsAt, taps, ...planes, valuesAt, positions, patchAt, liveAt, zAt],
      );
    },
    gram(first, positions) {
      const planes = [imageAt, backAt, perGroup, plane] as const;
      kernel.gram(...rowsFrom(first), cellsAt, taps, ...planes, valuesAt, positions, ...room);
    },
  };
}

const tooLarge = (why: string): ToolError =>
  new ToolError({
    what: 'the weights of a convolution of the left half do not fit into memory',
    why,
    remedy: 'Cut earlier (--split input needs no bound), or free memory.',
  });
