/**
 * A convolution C as its kernel and the way it sweeps: applied patch by patch without ever being formed, or written out.
 * Both go through the same `taps`, so there is one definition of what a convolution is.
 */
import { type PatchProducts, patchProducts } from './patch-products.ts';
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

/** The patch of `input` under one output position: perGroup x taps values, 0 in the padding. */
function gather(
  cells: Int32Array,
  at: number,
  taps: number,
  input: Float64Array,
  from: number,
  plane: number,
  patch: Float64Array,
): void {
  for (let k = 0, channel = from; k < patch.length; channel += plane) {
    for (let t = 0; t < taps; t++) {
      const cell = cells[at + t]!;
      patch[k++] = cell < 0 ? 0 : input[channel + cell]!;
    }
  }
}

/** The adjoint of `gather`: adds the patch to the cells it came from. */
function scatter(
  cells: Int32Array,
  at: number,
  taps: number,
  out: Float64Array,
  from: number,
  plane: number,
  patch: Float64Array,
): void {
  for (let k = 0, channel = from; k < patch.length; channel += plane) {
    for (let t = 0; t < taps; t++, k++) {
      const cell = cells[at + t]!;
      if (cell >= 0) out[channel + cell] = out[channel + cell]! + patch[k]!;
    }
  }
}

/** The adjoint of what a patch is answered with: patch = sum_i z_i weights_i. Channels that are masked out cost nothing. */
function spread(
  weights: Float64Array,
  first: number,
  z: Float64Array,
  live: Int32Array,
  patch: Float64Array,
): void {
  const n = patch.length;
  let count = 0;
  for (let o = 0; o < z.length; o++) if (z[o] !== 0) live[count++] = o;
  patch.fill(0);
  let j = 0;
  for (; j + 4 <= count; j += 4) {
    const [a, b, c, d] = [live[j]!, live[j + 1]!, live[j + 2]!, live[j + 3]!];
    const [za, zb, zc, zd] = [z[a]!, z[b]!, z[c]!, z[d]!];
    const [fa, fb, fc, fd] = [(first + a) * n, (first + b) * n, (first + c) * n, (first + d) * n];
    for (let k = 0; k < n; k++) {
      patch[k] =
        patch[k]! +
        (weights[fa + k]! * za + weights[fb + k]! * zb + (weights[fc + k]! * zc + weights[fd + k]! * zd));
    }
  }
  for (; j < count; j++) {
    const o = live[j]!;
    const from = (first + o) * n;
    const zo = z[o]!;
    for (let k = 0; k < n; k++) patch[k] = patch[k]! + weights[from + k]! * zo;
  }
}

interface Position {
  /** Start in `cellsOf`. */
  readonly at: number;
  /** First cell of the group's input channels. */
  readonly from: number;
  /** Row of the group's first output channel at this position; the others follow `plane` apart. */
  readonly row: number;
  readonly plane: number;
  /** First output channel of the group. */
  readonly channel: number;
}

/** Calls `visit` for every group of channels at every output position. */
function positions(kernel: Kernel, visit: (position: Position) => void): void {
  const { batch, groups, outChannels, perGroup, y, x } = kernel;
  const plane = planeOut(kernel);
  const inputPlane = planeIn(kernel);
  const perOut = outChannels / groups;
  for (let image = 0; image < batch; image++) {
    for (let group = 0; group < groups; group++) {
      const channel = group * perOut;
      for (let p = 0; p < plane; p++) {
        visit({
          at: p * y.kernel * x.kernel,
          from: (image * groups + group) * perGroup * inputPlane,
          row: (image * outChannels + channel) * plane + p,
          plane,
          channel,
        });
      }
    }
  }
}

const made = new WeakMap<Float64Array, PatchProducts>();

/** Made once for all maps with these weights: a WebAssembly memory takes gigabytes of addresses. */
function productsOf(kernel: Kernel, weights: Float64Array): PatchProducts {
  const known = made.get(weights);
  const taps = tapsOf(kernel);
  const perGroup = kernel.outChannels / kernel.groups;
  if (known?.patch.length === taps && known.scales.length === perGroup) return known;
  const products = patchProducts(weights, taps, perGroup);
  made.set(weights, products);
  return products;
}

/** C x, for the given weights in the kernel's place. */
export function forward(kernel: Kernel, weights: Float64Array, x: Float64Array): Float64Array {
  const out = new Float64Array(rowsOf(kernel));
  const cells = cellsOf(kernel);
  const taps = kernel.y.kernel * kernel.x.kernel;
  const { patch, responses } = productsOf(kernel, weights);
  const plane = planeIn(kernel);
  positions(kernel, (position) => {
    gather(cells, position.at, taps, x, position.from, plane, patch);
    const z = responses(position.channel);
    for (let o = 0, row = position.row; o < z.length; o++, row += position.plane) out[row] = z[o]!;
  });
  return out;
}

/** C^T y, for the given weights in the kernel's place. */
export function backward(kernel: Kernel, weights: Float64Array, y: Float64Array): Float64Array {
  const out = new Float64Array(colsOf(kernel));
  const cells = cellsOf(kernel);
  const taps = kernel.y.kernel * kernel.x.kernel;
  const patch = new Float64Array(tapsOf(kernel));
  const z = new Float64Array(kernel.outChannels / kernel.groups);
  const live = new Int32Array(z.length);
  const plane = planeIn(kernel);
  positions(kernel, (position) => {
    for (let o = 0, row = position.row; o < z.length; o++, row += position.plane) z[o] = y[row]!;
    spread(weights, position.channel, z, live, patch);
    scatter(cells, position.at, taps, out, position.from, plane, patch);
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
  const cells = cellsOf(kernel);
  const taps = kernel.y.kernel * kernel.x.kernel;
  const { patch, scales, gram } = productsOf(kernel, kernel.weights);
  const plane = planeIn(kernel);
  return (image, back) => {
    back.fill(0);
    if (weights === null) scales.fill(1);
    positions(kernel, (position) => {
      gather(cells, position.at, taps, image, position.from, plane, patch);
      if (weights !== null) {
        for (let o = 0, row = position.row; o < scales.length; o++, row += position.plane)
          scales[o] = weights[row]!;
      }
      gram(position.channel);
      scatter(cells, position.at, taps, back, position.from, plane, patch);
    });
  };
}
