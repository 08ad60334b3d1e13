/**
 * A convolution C as its kernel and the way it sweeps: applied patch by patch without ever being formed, or written out.
 * Both go through the same `taps`, so there is one definition of what a convolution is.
 */
import { BLOCK, type PatchProducts, patchProducts } from './patch-products.ts';
import { remembered } from './remembered.ts';
import { buildMatrix, checkEntries, type SparseMatrix } from './sparse-matrix.ts';
import { type Sweep, taps } from './sweep.ts';

/** How a convolution sweeps. */
export interface KernelShape {
  readonly batch: number;
  readonly groups: number;
  readonly outChannels: number;
  /** Input channels of one group. */
  readonly perGroup: number;
  readonly y: Sweep;
  readonly x: Sweep;
}

/** A convolution's weights [outChannels, perGroup, y.kernel, x.kernel], row-major, and how they sweep. */
export interface Kernel extends KernelShape {
  readonly weights: Float64Array;
}

const planeOut = ({ y, x }: KernelShape): number => y.output * x.output;
const planeIn = ({ y, x }: Kernel): number => y.input * x.input;
export const rowsOf = (kernel: KernelShape): number => kernel.batch * kernel.outChannels * planeOut(kernel);
export const colsOf = (kernel: Kernel): number =>
  kernel.batch * kernel.groups * kernel.perGroup * planeIn(kernel);
export const tapsOf = ({ perGroup, y, x }: KernelShape): number => perGroup * y.kernel * x.kernel;

/** Entries of the convolution written out, the taps in the padding included. */
export const entriesOf = (kernel: KernelShape): number => rowsOf(kernel) * tapsOf(kernel);

/** C as a matrix. */
export function explicitConvolution(kernel: Kernel, where: string): SparseMatrix {
  const { batch, groups, outChannels, perGroup, weights, y, x } = kernel;
  const entries = entriesOf(kernel);
  checkEntries(entries, where);
  const plane = planeOut(kernel);
  const inputPlane = planeIn(kernel);
  const kernelPlane = y.kernel * x.kernel;
  const channels = groups * perGroup;
  return buildMatrix(rowsOf(kernel), batch * channels * inputPlane, entries, (row, add) => {
    const image = Math.floor(row / (outChannels * plane));
    const out = Math.floor(row / plane) % outChannels;
    const first = Math.floor(out / (outChannels / groups)) * perGroup;
    const outY = Math.floor((row % plane) / x.output);
    const outX = row % x.output;
    for (let c = 0; c < perGroup; c++) {
      const from = (image * channels + first + c) * inputPlane;
      const start = (out * perGroup + c) * kernelPlane;
      taps(y, outY, (inY, tapY) =>
        taps(x, outX, (inX, tapX) =>
          add(from + inY * x.input + inX, weights[start + tapY * x.kernel + tapX]!),
        ),
      );
    }
  });
}

/** The cell of an input plane under tap t of output position p, at p * taps + t; -1 in the padding. */
const cellsOf = remembered(({ y, x }: Kernel): Int32Array => {
  const cells = new Int32Array(y.output * x.output * y.kernel * x.kernel).fill(-1);
  for (let outY = 0; outY < y.output; outY++) {
    for (let outX = 0; outX < x.output; outX++) {
      const start = (outY * x.output + outX) * y.kernel * x.kernel;
      taps(y, outY, (inY, tapY) =>
        taps(x, outX, (inX, tapX) => {
          cells[start + tapY * x.kernel + tapX] = inY * x.input + inX;
        }),
      );
    }
  }
  return cells;
});

/** Output positions that a product takes at a time, for one group of channels of one image. */
interface Block {
  /** First cell of the group's input channels, and one behind its last. */
  readonly from: number;
  readonly to: number;
  /** Of the group's first output channel: its row at the first of the positions; the others follow `plane` apart. */
  readonly row: number;
  readonly plane: number;
  /** First output channel of the group. */
  readonly channel: number;
  readonly positions: number;
  /** Whether it is the first, or the last, of its group and image. */
  readonly opens: boolean;
  readonly ends: boolean;
}

/** Calls `visit` for all blocks, with their cells in the products' room. */
function blocks(kernel: Kernel, products: PatchProducts, visit: (block: Block) => void): void {
  const { batch, groups, outChannels, perGroup, y, x } = kernel;
  const cells = cellsOf(kernel);
  const taps = y.kernel * x.kernel;
  const plane = planeOut(kernel);
  const planes = perGroup * planeIn(kernel);
  const perOut = outChannels / groups;
  for (let image = 0; image < batch; image++) {
    for (let group = 0; group < groups; group++) {
      const channel = group * perOut;
      const from = (image * groups + group) * planes;
      for (let p = 0; p < plane; p += BLOCK) {
        const positions = Math.min(BLOCK, plane - p);
        products.cells.set(cells.subarray(p * taps, (p + positions) * taps));
        visit({
          ...{ from, to: from + planes, row: (image * outChannels + channel) * plane + p, plane },
          ...{ channel, positions, opens: p === 0, ends: p + positions === plane },
        });
      }
    }
  }
}

const made = new WeakMap<Kernel, WeakMap<Float64Array, PatchProducts>>();

/** Made once for all maps with this kernel: a WebAssembly memory takes gigabytes of addresses. */
function productsOf(kernel: Kernel, weights: Float64Array): PatchProducts {
  const ofKernel = made.get(kernel) ?? new WeakMap<Float64Array, PatchProducts>();
  made.set(kernel, ofKernel);
  const known = ofKernel.get(weights);
  if (known !== undefined) return known;
  const products = patchProducts(weights, {
    perGroup: kernel.perGroup,
    perOut: kernel.outChannels / kernel.groups,
    plane: planeIn(kernel),
    taps: kernel.y.kernel * kernel.x.kernel,
  });
  ofKernel.set(weights, products);
  return products;
}

/** C x, for the given weights in the kernel's place. */
export function forward(kernel: Kernel, weights: Float64Array, x: Float64Array): Float64Array {
  const out = new Float64Array(rowsOf(kernel));
  const products = productsOf(kernel, weights);
  const { image, values } = products;
  const perOut = kernel.outChannels / kernel.groups;
  blocks(kernel, products, ({ from, to, row, plane, channel, positions, opens }) => {
    if (opens) image.set(x.subarray(from, to));
    products.respond(channel, positions);
    for (let o = 0; o < perOut; o++)
      for (let p = 0; p < positions; p++) out[row + o * plane + p] = values[p * perOut + o]!;
  });
  return out;
}

/** C^T y, for the given weights in the kernel's place. */
export function backward(kernel: Kernel, weights: Float64Array, y: Float64Array): Float64Array {
  const out = new Float64Array(colsOf(kernel));
  const products = productsOf(kernel, weights);
  const { back, values } = products;
  const perOut = kernel.outChannels / kernel.groups;
  blocks(kernel, products, ({ from, row, plane, channel, positions, opens, ends }) => {
    if (opens) back.fill(0);
    for (let o = 0; o < perOut; o++)
      for (let p = 0; p < positions; p++) values[p * perOut + o] = y[row + o * plane + p]!;
    products.spread(channel, positions);
    if (ends) out.set(back, from);
  });
  return out;
}

export const magnitudes = remembered(({ weights }: Kernel): Float64Array => weights.map(Math.abs));

/**
 * back = C^T diag(weights) C image in one pass over the output positions, so that the image between the two halves, many
 * times as large, is never stored.
 *
 * @param weights of the rows; null means all ones
 */
export function gramOf(
  kernel: Kernel,
  weights: Float64Array | null,
): (image: Float64Array, back: Float64Array) => void {
  const products = productsOf(kernel, kernel.weights);
  const perOut = kernel.outChannels / kernel.groups;
  const scales = weights === null ? null : byPosition(kernel, weights);
  return (given, out) => {
    const { image, back, values } = products;
    if (scales === null) values.fill(1);
    let at = 0;
    blocks(kernel, products, ({ from, to, channel, positions, opens, ends }) => {
      if (opens) {
        image.set(given.subarray(from, to));
        back.fill(0);
      }
      if (scales !== null) values.set(scales.subarray(at, at + positions * perOut));
      at += positions * perOut;
      products.gram(channel, positions);
      if (ends) out.set(back, from);
    });
  };
}

/** Values of the rows [images and groups, channels of a group, positions] in the order in which blocks take them: positions first. */
function byPosition(kernel: Kernel, values: Float64Array): Float64Array {
  const plane = planeOut(kernel);
  const perOut = kernel.outChannels / kernel.groups;
  const out = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += perOut * plane)
    for (let o = 0; o < perOut; o++)
      for (let p = 0; p < plane; p++) out[start + p * perOut + o] = values[start + o * plane + p]!;
  return out;
}
