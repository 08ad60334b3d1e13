/**
 * The linear part of a convolution too large to write out as a matrix: the kernel and its geometry, with at most one
 * scaled cell per row on either side (normalisation, BatchNormalization, padding, transposition), applied without ever
 * being formed. The stem of a 224 x 224 network has 10^8 entries as a matrix and 10^4 weights as a kernel.
 *
 * The map is A = after . C . before exactly, for the stored factors; only applying it rounds. `explicitConvolution`
 * writes the same C out through the same `taps`, so there is one definition of what a convolution is.
 *
 * Weights and scales are between 2^-200 and 2^200 or 0 (carried-range.ts, which linear-map.ts keeps to): no product of
 * three of them, and no square of one times that of another, leaves the normal range.
 */
import { inflate, productUp, TINY } from '../../ground/rounding-error.ts';
import {
  absoluteNorm,
  applyAbsolute,
  applyAdjoint,
  apply as applySparse,
  buildMatrix,
  checkEntries,
  longestColumn,
  type SparseMatrix,
} from './sparse-matrix.ts';
import { type Sweep, taps } from './sweep.ts';

/** A convolution's weights [outChannels, perGroup, y.kernel, x.kernel], row-major, and how they sweep. */
export interface Kernel {
  readonly batch: number;
  readonly groups: number;
  readonly outChannels: number;
  /** Input channels of one group. */
  readonly perGroup: number;
  readonly weights: Float64Array;
  readonly y: Sweep;
  readonly x: Sweep;
}

export interface ConvolutionMap {
  readonly rows: number;
  readonly cols: number;
  readonly kernel: Kernel;
  /** At most one entry per row; null is the identity. */
  readonly after: SparseMatrix | null;
  readonly before: SparseMatrix | null;
  /** Upper bound on the spectral norm of (stored - exact). */
  readonly error: number;
}

const planeOut = ({ y, x }: Kernel): number => y.output * x.output;
const planeIn = ({ y, x }: Kernel): number => y.input * x.input;
const rowsOf = (kernel: Kernel): number => kernel.batch * kernel.outChannels * planeOut(kernel);
const colsOf = (kernel: Kernel): number => kernel.batch * kernel.groups * kernel.perGroup * planeIn(kernel);
const tapsOf = ({ perGroup, y, x }: Kernel): number => perGroup * y.kernel * x.kernel;

/** Entries of the convolution written out, the taps in the padding included. */
export const entriesOf = (kernel: Kernel): number => rowsOf(kernel) * tapsOf(kernel);

/** Multiplications of one application. */
export const workOf = (map: ConvolutionMap): number => entriesOf(map.kernel);

function remembered<K extends object, T>(compute: (key: K) => T): (key: K) => T {
  const known = new WeakMap<K, T>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const value = compute(key);
    known.set(key, value);
    return value;
  };
}

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

export function convolutionMap(
  kernel: Kernel,
  after: SparseMatrix | null = null,
  before: SparseMatrix | null = null,
): ConvolutionMap {
  // (L + dL) C (R + dR) - L C R, norm by norm; C itself is copied from the file.
  const [normL, errorL] = after === null ? [1, 0] : [absoluteNorm(after), after.error];
  const [normR, errorR] = before === null ? [1, 0] : [absoluteNorm(before), before.error];
  const error =
    errorL === 0 && errorR === 0
      ? 0
      : inflate(kernelNorm(kernel) * (normL * errorR + errorL * normR + errorL * errorR) + TINY, 8);
  return {
    rows: after?.rows ?? rowsOf(kernel),
    cols: before?.cols ?? colsOf(kernel),
    kernel,
    after,
    before,
    error,
  };
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

/** z_i = weights of output channel first + i, times the patch; four channels at a time share its loads. */
function responses(weights: Float64Array, first: number, patch: Float64Array, z: Float64Array): void {
  const n = patch.length;
  let o = 0;
  for (; o + 4 <= z.length; o += 4) {
    const a = (first + o) * n;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let k = 0; k < n; k++) {
      const p = patch[k]!;
      s0 += weights[a + k]! * p;
      s1 += weights[a + n + k]! * p;
      s2 += weights[a + 2 * n + k]! * p;
      s3 += weights[a + 3 * n + k]! * p;
    }
    z[o] = s0;
    z[o + 1] = s1;
    z[o + 2] = s2;
    z[o + 3] = s3;
  }
  for (; o < z.length; o++) {
    const a = (first + o) * n;
    let sum = 0;
    for (let k = 0; k < n; k++) sum += weights[a + k]! * patch[k]!;
    z[o] = sum;
  }
}

/** The adjoint of `responses`: patch = sum_i z_i weights_i. Channels that are masked out cost nothing. */
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

/** C x, for the given weights in the kernel's place. */
function forward(kernel: Kernel, weights: Float64Array, x: Float64Array): Float64Array {
  const out = new Float64Array(rowsOf(kernel));
  const cells = cellsOf(kernel);
  const taps = kernel.y.kernel * kernel.x.kernel;
  const patch = new Float64Array(tapsOf(kernel));
  const z = new Float64Array(kernel.outChannels / kernel.groups);
  const plane = planeIn(kernel);
  positions(kernel, (position) => {
    gather(cells, position.at, taps, x, position.from, plane, patch);
    responses(weights, position.channel, patch, z);
    for (let o = 0, row = position.row; o < z.length; o++, row += position.plane) out[row] = z[o]!;
  });
  return out;
}

/** C^T y, for the given weights in the kernel's place. */
function backward(kernel: Kernel, weights: Float64Array, y: Float64Array): Float64Array {
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

const magnitudes = remembered(({ weights }: Kernel): Float64Array => weights.map(Math.abs));

const absolutely = (matrix: SparseMatrix): SparseMatrix => ({ ...matrix, value: matrix.value.map(Math.abs) });

/** A x. */
export function applyConvolution({ kernel, after, before }: ConvolutionMap, x: Float64Array): Float64Array {
  const image = forward(kernel, kernel.weights, before === null ? x : applySparse(before, x));
  return after === null ? image : applySparse(after, image);
}

/** A^T y. */
export function applyConvolutionAdjoint(
  { kernel, after, before }: ConvolutionMap,
  y: Float64Array,
): Float64Array {
  const image = backward(kernel, kernel.weights, after === null ? y : applyAdjoint(after, y));
  return before === null ? image : applyAdjoint(before, image);
}

/** Upper bound on the roundings that any path from x to an entry of A x goes through. */
export const forwardRoundings = ({ kernel }: ConvolutionMap): number => tapsOf(kernel) + 4;

/** The same for A^T y: output channels are summed within a patch, then patches over a cell, then cells over a source. */
export const backwardRoundings = remembered(
  ({ kernel, after, before }: ConvolutionMap): number =>
    kernel.outChannels / kernel.groups +
    kernel.y.kernel * kernel.x.kernel +
    (after === null ? 0 : longestColumn(after)) +
    (before === null ? 0 : longestColumn(before)) +
    8,
);

/** Upper bound on |A| b for b >= 0. What is below 2^-400 counts as that, so that no product underflows. */
export function applyConvolutionAbsolute(map: ConvolutionMap, given: Float64Array): Float64Array {
  const { kernel, after, before } = map;
  const b = given.every((v) => v === 0 || v >= TINY)
    ? given
    : given.map((v) => (v > 0 && v < TINY ? TINY : v));
  const image = forward(kernel, magnitudes(kernel), before === null ? b : applyAbsolute(before, b));
  const out = after === null ? image : applyAbsolute(after, image);
  const terms = forwardRoundings(map);
  return out.map((value) => inflate(value, terms));
}

/** Upper bound on || |A| ||_2: sqrt(||A||_1 ||A||_inf), as for a matrix. */
export const convolutionAbsoluteNorm = remembered((map: ConvolutionMap): number => {
  const { kernel, after, before, rows, cols } = map;
  const most = (values: Float64Array): number => values.reduce((a, b) => Math.max(a, b), 0);
  const rowSum = most(applyConvolutionAbsolute(map, new Float64Array(cols).fill(1)));
  const ones = new Float64Array(rows).fill(1);
  const sums = backward(
    kernel,
    magnitudes(kernel),
    after === null ? ones : applyAdjoint(absolutely(after), ones),
  );
  const columnSum = inflate(
    most(before === null ? sums : applyAdjoint(absolutely(before), sums)),
    backwardRoundings(map),
  );
  return inflate(productUp(Math.sqrt(rowSum), Math.sqrt(columnSum)), 4);
});

/** Upper bound on || |C| ||_2 of the bare convolution. */
const kernelNorm = remembered((kernel: Kernel): number =>
  convolutionAbsoluteNorm({
    rows: rowsOf(kernel),
    cols: colsOf(kernel),
    kernel,
    after: null,
    before: null,
    error: 0,
  }),
);

/**
 * Upper bounds on the l2 norm of each row of the exact map. Where `before` shows one cell mu times (mirrored padding),
 * (sum of mu weights)^2 <= mu sum of squares: exact for mu = 1, an upper bound always.
 */
export const convolutionRowNorms = remembered((map: ConvolutionMap): Float64Array => {
  const { kernel, after, before, error } = map;
  const squares = new Float64Array(colsOf(kernel)).fill(1);
  let repeats = 1;
  if (before !== null) {
    for (let i = 0; i < before.rows; i++) {
      const k = before.rowStart[i]!;
      squares[i] = k === before.rowStart[i + 1] ? 0 : before.value[k]! * before.value[k]!;
    }
    repeats = Math.max(1, longestColumn(before));
  }
  const sums = forward(
    kernel,
    kernel.weights.map((w) => w * w),
    squares,
  );
  const norms = sums.map((sum) => Math.sqrt(sum * repeats));
  const out = after === null ? norms : applyAbsolute(after, norms);
  const terms = forwardRoundings(map) + 4;
  return out.map((value) => inflate(value + error, terms));
});

/**
 * y = diag(columns) A^T diag(rows)^2 A diag(columns) x in one pass over the output positions, so that the image between
 * the two halves, many times as large as x, is never stored.
 *
 * @returns the product; it rounds at most forwardRoundings + backwardRoundings + 8 times along any path
 */
export function convolutionGram(
  { kernel, after, before }: ConvolutionMap,
  rows: Float64Array | null,
  columns: Float64Array | null,
): (x: Float64Array, y: Float64Array) => void {
  const weights = gramWeights(kernel, after, rows);
  const cells = cellsOf(kernel);
  const taps = kernel.y.kernel * kernel.x.kernel;
  const patch = new Float64Array(tapsOf(kernel));
  const z = new Float64Array(kernel.outChannels / kernel.groups);
  const live = new Int32Array(z.length);
  const plane = planeIn(kernel);
  return (x, y) => {
    const scaled = columns === null ? x : x.map((value, i) => value * columns[i]!);
    const image = before === null ? scaled : applySparse(before, scaled);
    const back = before === null ? y : new Float64Array(image.length);
    back.fill(0);
    positions(kernel, (position) => {
      gather(cells, position.at, taps, image, position.from, plane, patch);
      responses(kernel.weights, position.channel, patch, z);
      if (weights !== null) {
        for (let o = 0, row = position.row; o < z.length; o++, row += position.plane)
          z[o] = z[o]! * weights[row]!;
      }
      spread(kernel.weights, position.channel, z, live, patch);
      scatter(cells, position.at, taps, back, position.from, plane, patch);
    });
    if (before !== null) applyAdjoint(before, back, y);
    if (columns !== null) for (let i = 0; i < y.length; i++) y[i] = y[i]! * columns[i]!;
  };
}

/**
 * Upper bound on the l2 norm of what a product with that Gram matrix loses to underflow, whatever the vector: less than
 * 2^-1015 at each factor, multiplied by those that follow. Infinity where the factors are too large to say.
 *
 * @param rows largest scale of a row
 * @param columns largest scale of a column
 */
export function gramUnderflow(
  { kernel, after, before }: ConvolutionMap,
  rows: number,
  columns: number,
): number {
  const outer = [after, before].map((matrix) => (matrix === null ? 1 : absoluteNorm(matrix)));
  const growth = [kernelNorm(kernel), rows, columns, ...outer].reduce(
    (all, norm) => all * (1 + norm) ** 2,
    1,
  );
  return 2 ** -1015 * growth * (1 + 2 ** -40);
}

/** The diagonal after^T diag(rows)^2 after; null when it is the identity. */
function gramWeights(
  kernel: Kernel,
  after: SparseMatrix | null,
  rows: Float64Array | null,
): Float64Array | null {
  if (after === null) return rows === null ? null : rows.map((r) => r * r);
  const weights = new Float64Array(rowsOf(kernel));
  for (let i = 0; i < after.rows; i++) {
    const k = after.rowStart[i]!;
    if (k === after.rowStart[i + 1]) continue;
    const scale = after.value[k]! * (rows === null ? 1 : rows[i]!);
    const row = after.column[k]!;
    weights[row] = weights[row]! + scale * scale;
  }
  return weights;
}
