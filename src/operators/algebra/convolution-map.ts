/**
 * The linear part of a convolution too large to write out as a matrix: the kernel and its geometry, with at most one
 * scaled cell per row on either side (normalisation, BatchNormalization, padding, transposition), applied without ever
 * being formed. The stem of a 224 x 224 network has 10^8 entries as a matrix and 10^4 weights as a kernel.
 *
 * The map is A = after . C . before exactly, for the stored factors; only applying it rounds.
 *
 * Weights and scales are between 2^-200 and 2^200 or 0 (carried-range.ts, which map-products.ts keeps to): no product of
 * three of them, and no square of one times that of another, leaves the normal range.
 */
import { inflate, productUp, TINY } from '../../ground/rounding-error.ts';
import { carried, checkKernel } from '../compile/carried-range.ts';
import { type FactorisationLimit, isFactorisable, PER_IMAGE, PER_RUN } from './factorisable.ts';
import {
  backward,
  colsOf,
  entriesOf,
  explicitConvolution,
  forward,
  gramOf,
  type Kernel,
  type KernelShape,
  magnitudes,
  rowsOf,
  tapsOf,
} from './kernel.ts';
import type { LinearMap } from './linear-map.ts';
import { remembered } from './remembered.ts';
import type { Scales } from './scales.ts';
import { checkEntries, type SparseMatrix } from './sparse-matrix.ts';
import { multiply } from './sparse-products.ts';
import type { Sweep } from './sweep.ts';

/** Convolutions with more entries than this are never written out (100 MB), those with fewer than this always are (12 MB). */
const LARGEST_WRITTEN = 8_000_000;
const SMALL = 1_000_000;
/** Output channels of a group below which gathering its patches costs more than the products that share them. */
const SHARED_BY = 8;

/**
 * Whether a convolution is held as a matrix. Between the two sizes it is where the norm may have a deterministic proof, which
 * takes a matrix; products with the kernel take a third of the time and no memory to speak of.
 */
export function isWrittenOut(shape: KernelShape): boolean {
  const entries = entriesOf(shape);
  if (entries <= SMALL || entries > LARGEST_WRITTEN) return entries <= SMALL;
  return shape.outChannels / shape.groups < SHARED_BY || mayBeFactorised(shape, PER_IMAGE);
}

/** By the bands that a window over a whole plane has, with channels last; strides narrow the one of the rows. */
function mayBeFactorised(
  { batch, groups, perGroup, outChannels, y, x }: KernelShape,
  limit: FactorisationLimit,
): boolean {
  const reach = ({ kernel, dilation }: Sweep): number => (kernel - 1) * dilation;
  const columns = groups * perGroup;
  const columnBand = (reach(y) * x.input + reach(x) + 1) * columns - 1;
  const apart = (sweep: Sweep): number => Math.floor(reach(sweep) / sweep.stride);
  const rowBand = (apart(y) * x.output + apart(x) + 1) * outChannels - 1;
  return (
    isFactorisable(batch * columns * y.input * x.input, columnBand, limit) ||
    isFactorisable(batch * outChannels * y.output * x.output, rowBand, limit)
  );
}

/** The convolution in the form that suits its size. @throws ModelRefused when it is too large, or leaves the range carried */
export function convolutionOf(kernel: Kernel, where: string): LinearMap {
  if (isWrittenOut(kernel)) return explicitConvolution(kernel, where);
  // Table of cells and one output image: what the structured form holds.
  checkEntries(
    kernel.y.output * kernel.x.output * Math.max(kernel.outChannels, kernel.y.kernel * kernel.x.kernel),
    where,
  );
  checkKernel(kernel.weights, where);
  return new ConvolutionMap(kernel);
}

/** The map as a matrix where a factorisation that a run shares may then prove its norm; else as it is. */
export const forSharedProof = (map: LinearMap): LinearMap =>
  map instanceof ConvolutionMap &&
  entriesOf(map.kernel) <= LARGEST_WRITTEN &&
  mayBeFactorised(map.kernel, PER_RUN)
    ? map.explicit('a convolution of the network')
    : map;

export class ConvolutionMap implements LinearMap {
  readonly rows: number;
  readonly cols: number;
  readonly kernel: Kernel;
  /** At most one entry per row; null is the identity. */
  readonly after: SparseMatrix | null;
  readonly before: SparseMatrix | null;
  readonly error: number;
  #rowNorms: Float64Array | null = null;
  #absoluteNorm: number | null = null;

  constructor(kernel: Kernel, after: SparseMatrix | null = null, before: SparseMatrix | null = null) {
    this.rows = after?.rows ?? rowsOf(kernel);
    this.cols = before?.cols ?? colsOf(kernel);
    this.kernel = kernel;
    this.after = after;
    this.before = before;
    this.error = compositionError(kernel, after, before);
  }

  apply(x: Float64Array): Float64Array {
    const { kernel, after, before } = this;
    const image = forward(kernel, kernel.weights, before === null ? x : before.apply(x));
    return after === null ? image : after.apply(image);
  }

  applyAdjoint(y: Float64Array): Float64Array {
    const { kernel, after, before } = this;
    const image = backward(kernel, kernel.weights, after === null ? y : after.applyAdjoint(y));
    return before === null ? image : before.applyAdjoint(image);
  }

  /** What is below 2^-400 counts as that, so that no product underflows. */
  applyAbsolute(given: Float64Array): Float64Array {
    const { kernel, after, before } = this;
    const b = given.every((v) => v === 0 || v >= TINY)
      ? given
      : given.map((v) => (v > 0 && v < TINY ? TINY : v));
    const image = forward(kernel, magnitudes(kernel), before === null ? b : before.applyAbsolute(b));
    const out = after === null ? image : after.applyAbsolute(image);
    const terms = this.longestRow();
    return out.map((value) => inflate(value, terms));
  }

  rowNorms(): Float64Array {
    this.#rowNorms ??= rowNorms(this);
    return this.#rowNorms;
  }

  absoluteNorm(): number {
    this.#absoluteNorm ??= absoluteNorm(this);
    return this.#absoluteNorm;
  }

  longestRow(): number {
    return tapsOf(this.kernel) + 4;
  }

  /** Output channels are summed within a patch, then patches over a cell, then cells over a source. */
  longestColumn(): number {
    const { kernel, after, before } = this;
    return (
      kernel.outChannels / kernel.groups +
      kernel.y.kernel * kernel.x.kernel +
      (after === null ? 0 : after.longestColumn()) +
      (before === null ? 0 : before.longestColumn()) +
      8
    );
  }

  isSelection(): boolean {
    return false;
  }

  work(): number {
    return entriesOf(this.kernel);
  }

  gram(rows: Scales, columns: Scales): (x: Float64Array, y: Float64Array) => void {
    const { kernel, after, before } = this;
    const product = gramOf(kernel, gramWeights(kernel, after, rows));
    return (x, y) => {
      const scaled = columns === null ? x : x.map((value, i) => value * columns[i]!);
      if (before === null) product(scaled, y);
      else {
        const back = new Float64Array(before.rows);
        product(before.apply(scaled), back);
        y.set(before.applyAdjoint(back));
      }
      if (columns !== null) for (let i = 0; i < y.length; i++) y[i] = y[i]! * columns[i]!;
    };
  }

  /** Less than 2^-1015 is lost at each factor, multiplied by those that follow. */
  gramUnderflow(rows: number, columns: number): number {
    const outer = [this.after, this.before].map((matrix) => (matrix === null ? 1 : matrix.absoluteNorm()));
    const growth = [kernelNorm(this.kernel), rows, columns, ...outer].reduce(
      (all, norm) => all * (1 + norm) ** 2,
      1,
    );
    return 2 ** -1015 * growth * (1 + 2 ** -40);
  }

  explicit(where: string): SparseMatrix {
    const { kernel, after, before } = this;
    const bare = explicitConvolution(kernel, where);
    const right = before === null ? bare : carried(multiply(bare, before, where), where);
    return after === null ? right : carried(multiply(after, right, where), where);
  }
}

/** (L + dL) C (R + dR) - L C R, norm by norm; C itself is copied from the file. */
function compositionError(kernel: Kernel, after: SparseMatrix | null, before: SparseMatrix | null): number {
  const [normL, errorL] = after === null ? [1, 0] : [after.absoluteNorm(), after.error];
  const [normR, errorR] = before === null ? [1, 0] : [before.absoluteNorm(), before.error];
  if (errorL === 0 && errorR === 0) return 0;
  return inflate(kernelNorm(kernel) * (normL * errorR + errorL * normR + errorL * errorR) + TINY, 8);
}

/** Upper bound on || |C| ||_2 of the bare convolution. */
const kernelNorm = remembered((kernel: Kernel): number => new ConvolutionMap(kernel).absoluteNorm());

const absolutely = (matrix: SparseMatrix): SparseMatrix => matrix.withValues(matrix.value.map(Math.abs));

function absoluteNorm(map: ConvolutionMap): number {
  const { kernel, after, before, rows, cols } = map;
  const most = (values: Float64Array): number => values.reduce((a, b) => Math.max(a, b), 0);
  const rowSum = most(map.applyAbsolute(new Float64Array(cols).fill(1)));
  const ones = new Float64Array(rows).fill(1);
  const sums = backward(
    kernel,
    magnitudes(kernel),
    after === null ? ones : absolutely(after).applyAdjoint(ones),
  );
  const columnSum = inflate(
    most(before === null ? sums : absolutely(before).applyAdjoint(sums)),
    map.longestColumn(),
  );
  return inflate(productUp(Math.sqrt(rowSum), Math.sqrt(columnSum)), 4);
}

/**
 * Where `before` shows one cell mu times (mirrored padding), (sum of mu weights)^2 <= mu sum of squares: exact for mu = 1,
 * an upper bound always.
 */
function rowNorms(map: ConvolutionMap): Float64Array {
  const { kernel, after, before, error } = map;
  const squares = new Float64Array(colsOf(kernel)).fill(1);
  let repeats = 1;
  if (before !== null) {
    for (let i = 0; i < before.rows; i++) {
      const k = before.rowStart[i]!;
      squares[i] = k === before.rowStart[i + 1] ? 0 : before.value[k]! * before.value[k]!;
    }
    repeats = Math.max(1, before.longestColumn());
  }
  const sums = forward(
    kernel,
    kernel.weights.map((w) => w * w),
    squares,
  );
  const norms = sums.map((sum) => Math.sqrt(sum * repeats));
  const out = after === null ? norms : after.applyAbsolute(norms);
  const terms = map.longestRow() + 4;
  return out.map((value) => inflate(value + error, terms));
}

/** The diagonal after^T diag(rows)^2 after; null when it is the identity. */
function gramWeights(kernel: Kernel, after: SparseMatrix | null, rows: Scales): Float64Array | null {
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
