/**
 * Spectral norms of masked segments, || diag(rows) A diag(columns) ||_2, as true upper bounds: proved by a factorisation
 * where the Gram matrix is small or banded, probabilistic (delta from the error budget) elsewhere. Power iteration, which
 * is a lower bound, is offered only to reproduce the published method and is labelled an estimate wherever it shows.
 *
 * The proofs square entries times scales. So that no square leaves the normal range of float64, a matrix is first brought
 * to a largest entry near 1 by a power of two, what is then below 2^-200 is counted as error, and scales below 2^-100 are
 * raised to it, which no norm falls by.
 */

import { exponentOf, gamma, inflate, productUp, TINY, timesPowerUp } from '../ground/rounding-error.ts';
import { convolutionGram, gramUnderflow, workOf } from '../operators/algebra/convolution-map.ts';
import {
  absoluteNorm,
  isConvolution,
  type LinearMap,
  longestColumn,
  longestRow,
} from '../operators/algebra/linear-map.ts';
import { type SparseMatrix, transpose } from '../operators/algebra/sparse-matrix.ts';
import {
  extentOf,
  LARGEST_CARRIED,
  SMALLEST_CARRIED,
  withoutSmall,
} from '../operators/compile/carried-range.ts';
import {
  type BandedGram,
  createBandedGram,
  halfBandwidth,
  isFactorisable,
  PROOF_EXCESS,
} from './banded-gram.ts';
import { chebyshevBound, chebyshevExcess } from './chebyshev-bound.ts';
import { dot, fixedStart, lanczosEstimate, type SymmetricProduct } from './lanczos.ts';

/** Non-negative scales of rows or columns; null means all ones. */
export type Scales = Float64Array | null;

/** Source of independent standard normal vectors, one per call, independent of every matrix they are used on. */
export type GaussianSource = (size: number) => Float64Array;

export interface SpectralNorm {
  /** Whether `bound` is deterministic. */
  readonly deterministic: boolean;
  /** Whether a product takes so long that a search has to count them. */
  readonly costly: boolean;
  /** Factor by which `bound` usually exceeds the norm: what a search should aim lower by. */
  excess(delta: number): number;
  /** An estimate from below by `steps` Lanczos steps: for searching, never for certifying. */
  estimate(rows: Scales, columns: Scales, steps: number): number;
  /** Upper bound on the exact map's norm; false with probability at most delta (0 when deterministic). */
  bound(rows: Scales, columns: Scales, gaussian: GaussianSource, delta: number): number;
  /** `steps` power steps from a fixed start, as published SPLITZ code computes "the norm": a LOWER bound. */
  powerEstimate(rows: Scales, columns: Scales, steps: number): number;
}

/** Multiplications in one application beyond which products are counted. */
const COSTLY = 8e6;
/** Chebyshev and Lanczos steps of a bound, where products are cheap and where they are not. */
const THOROUGH = { chebyshev: 128, lanczos: 40 };
const FRUGAL = { chebyshev: 64, lanczos: 16 };

/** Orders of the cells of a [1, C, H, W] tensor worth trying: as stored, and with channels last (narrower band). */
function orders(size: number, dims: readonly number[]): Int32Array[] {
  const stored = Int32Array.from({ length: size }, (_, i) => i);
  if (dims.length < 3 || dims[0] !== 1) return [stored];
  const channels = dims[1]!;
  const plane = size / channels;
  return [stored, stored.map((i) => (i % plane) * channels + Math.floor(i / plane))];
}

function bandedGram(matrix: SparseMatrix, dims: readonly number[]): BandedGram | null {
  const candidates = orders(matrix.cols, dims).map((order) => ({
    order,
    band: halfBandwidth(matrix, order),
  }));
  const best = candidates.reduce((a, b) => (b.band < a.band ? b : a));
  return isFactorisable(matrix.cols, best.band) ? createBandedGram(matrix, best.order) : null;
}

/** Scales between which squares of scaled entries stay in the normal range. */
const LEAST_SCALE = 2 ** -100;
const LARGEST_SCALE = 2 ** 100;

/** No scale lower, and none but 0 below the least. */
function raised(scales: Scales): Scales {
  if (scales === null || scales.every((s) => s === 0 || s >= LEAST_SCALE)) return scales;
  return scales.map((s) => (s > 0 && s < LEAST_SCALE ? LEAST_SCALE : s));
}

/** The map as 2^exponent times one whose entries are between 2^-200 and 2^200, but for what its error covers. */
function brought(map: LinearMap): { readonly map: LinearMap; readonly exponent: number } {
  // A convolution keeps to that range (linear-map.ts).
  if (isConvolution(map)) return { map, exponent: 0 };
  const { least, most } = extentOf(map);
  // Without a finite largest entry there is no norm: the sums below come to Infinity or NaN.
  if (most === 0 || most === Number.POSITIVE_INFINITY) return { map, exponent: 0 };
  if (least >= SMALLEST_CARRIED && most <= LARGEST_CARRIED) return { map, exponent: 0 };
  const exponent = exponentOf(most);
  // In two steps: 2^1074 is beyond float64. What rounds is left out anyway.
  const half = Math.trunc(-exponent / 2);
  const [first, second] = [2 ** half, 2 ** (-exponent - half)];
  const value = map.value.map((v) => v * first * second);
  const error = timesPowerUp(map.error, -exponent);
  return { map: withoutSmall({ ...map, value, error }, SMALLEST_CARRIED), exponent };
}

/** diag(rows) A diag(columns), without the rows and entries that become zero. Each entry is rounded twice. */
function scaled(
  matrix: SparseMatrix,
  rows: Scales,
  columns: Scales,
): Pick<SparseMatrix, 'rowStart' | 'column' | 'value'> {
  const rowStart = new Int32Array(matrix.rows + 1);
  const column = new Int32Array(matrix.column.length);
  const value = new Float64Array(matrix.column.length);
  let row = 0;
  let used = 0;
  for (let i = 0; i < matrix.rows; i++) {
    const r = rows === null ? 1 : rows[i]!;
    if (r === 0) continue;
    const end = matrix.rowStart[i + 1]!;
    for (let k = matrix.rowStart[i]!; k < end; k++) {
      const c = matrix.column[k]!;
      const v = r * matrix.value[k]! * (columns === null ? 1 : columns[c]!);
      if (v === 0) continue;
      column[used] = c;
      value[used++] = v;
    }
    rowStart[++row] = used;
  }
  return { rowStart: rowStart.subarray(0, row + 1), column, value };
}

/** The factorisable Gram matrix of a matrix's columns or, failing that, of its rows; null when neither is small. */
function provable(
  matrix: SparseMatrix,
  rowDims: readonly number[],
  columnDims: readonly number[],
): { gram: BandedGram; columnSide: boolean } | null {
  const byColumns = matrix.cols <= matrix.rows;
  for (const columnSide of [byColumns, !byColumns]) {
    const gram = columnSide ? bandedGram(matrix, columnDims) : bandedGram(transpose(matrix), rowDims);
    if (gram !== null) return { gram, columnSide };
  }
  return null;
}

/** G = B^T B with B = diag(rows) A diag(columns), applied without being formed. */
function gramProduct(map: LinearMap, rows: Scales, columns: Scales): SymmetricProduct {
  if (isConvolution(map)) return convolutionGram(map, rows, columns);
  const { rowStart, column, value } = rows === null && columns === null ? map : scaled(map, rows, columns);
  const count = rowStart.length - 1;
  return (x, y) => {
    y.fill(0);
    // Row by row, out and back, so that the entries come through the cache once.
    for (let i = 0; i < count; i++) {
      const start = rowStart[i]!;
      const end = rowStart[i + 1]!;
      let sum = 0;
      for (let k = start; k < end; k++) sum += value[k]! * x[column[k]!]!;
      for (let k = start; k < end; k++) {
        const c = column[k]!;
        y[c] = y[c]! + value[k]! * sum;
      }
    }
  };
}

/**
 * @param rowDims shape of the map's output, batch axis included
 * @param columnDims shape of its input
 */
export function createSpectralNorm(
  given: LinearMap,
  rowDims: readonly number[],
  columnDims: readonly number[],
): SpectralNorm {
  const { map, exponent } = brought(given);
  const proof = isConvolution(map) ? null : provable(map, rowDims, columnDims);
  const work = isConvolution(map) ? workOf(map) : map.value.length;
  const costly = proof === null && work > COSTLY;
  const effort = costly ? FRUGAL : THOROUGH;
  let unscaled: number | null = null;

  const product = (rows: Scales, columns: Scales): SymmetricProduct => gramProduct(map, rows, columns);

  const largest = (scales: Scales): number =>
    scales === null ? 1 : scales.reduce((most, s) => Math.max(most, s), 0);

  /** Adds the composition error of the stored matrix, scaled as the map is. */
  const ofExactMap = (stored: number, rows: Scales, columns: Scales): number =>
    inflate(stored + productUp(productUp(map.error, largest(rows)), largest(columns)), 4);

  /** Loose, and in need of no square. */
  const coarsely = (rows: Scales, columns: Scales): number =>
    inflate(productUp(productUp(absoluteNorm(map), largest(rows)), largest(columns)), 4);

  const matrixFree = (rows: Scales, columns: Scales, gaussian: GaussianSource, delta: number): number => {
    const step = product(rows, columns);
    const coarse = coarsely(rows, columns);
    const estimate = lanczosEstimate(step, map.cols, effort.lanczos);
    if (!(estimate > 0)) return coarse;
    const terms = longestRow(map) + longestColumn(map) + 8;
    const proved = chebyshevBound(
      step,
      gaussian(map.cols),
      estimate,
      delta,
      gamma(terms) * coarse * coarse,
      effort.chebyshev,
      isConvolution(map) ? gramUnderflow(map, largest(rows), largest(columns)) : TINY,
    );
    return Math.min(coarse, proved === null ? coarse : inflate(Math.sqrt(proved), 4));
  };

  const ofStored = (rows: Scales, columns: Scales, gaussian: GaussianSource, delta: number): number => {
    if (!(largest(rows) <= LARGEST_SCALE && largest(columns) <= LARGEST_SCALE))
      return coarsely(rows, columns);
    if (proof === null) return matrixFree(rows, columns, gaussian, delta);
    return proof.columnSide ? proof.gram.bound(rows, columns) : proof.gram.bound(columns, rows);
  };

  return {
    deterministic: proof !== null,
    costly,
    excess: (delta) => (proof !== null ? PROOF_EXCESS : chebyshevExcess(map.cols, delta, effort.chebyshev)),
    estimate: (rows, columns, steps) =>
      Math.sqrt(Math.max(0, lanczosEstimate(product(rows, columns), map.cols, steps))) * 2 ** exponent,
    bound(givenRows, givenColumns, gaussian, delta) {
      const [rows, columns] = [raised(givenRows), raised(givenColumns)];
      if (rows === null && columns === null && unscaled !== null) return unscaled;
      const stored = ofStored(rows, columns, gaussian, delta);
      const value = ofExactMap(stored, rows, columns);
      const whole = exponent === 0 ? value : timesPowerUp(value, exponent);
      if (rows === null && columns === null && proof !== null) unscaled = whole;
      return whole;
    },
    powerEstimate(rows, columns, steps) {
      const step = product(rows, columns);
      let vector: Float64Array = fixedStart(map.cols);
      let value = 0;
      for (let i = 0; i < steps; i++) {
        const next = new Float64Array(map.cols);
        const length = Math.sqrt(dot(vector, vector));
        for (let j = 0; j < vector.length; j++) vector[j] = vector[j]! / length;
        step(vector, next);
        value = Math.sqrt(Math.max(0, dot(vector, next)));
        if (value === 0) return 0;
        vector = next;
      }
      return value * 2 ** exponent;
    },
  };
}
