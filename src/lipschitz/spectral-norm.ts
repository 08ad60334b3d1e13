/**
 * Spectral norms of masked segments, || diag(rows) A diag(columns) ||_2, as true upper bounds: proved by a factorisation
 * where the Gram matrix is small or banded, probabilistic (delta from the error budget) elsewhere. Power iteration, which
 * is a lower bound, is offered only to reproduce the published method and is labelled an estimate wherever it shows.
 */
import { gamma, inflate } from '../operators/rounding.ts';
import { absoluteNorm, longestRow, type SparseMatrix, transpose } from '../operators/sparse-matrix.ts';
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
  /** Factor by which `bound` usually exceeds the norm: what a search should aim lower by. */
  excess(delta: number): number;
  /** An estimate from below by `steps` Lanczos steps: for searching, never for certifying. */
  estimate(rows: Scales, columns: Scales, steps: number): number;
  /** Upper bound on the exact map's norm; false with probability at most delta (0 when deterministic). */
  bound(rows: Scales, columns: Scales, gaussian: GaussianSource, delta: number): number;
  /** `steps` power steps from a fixed start, as published SPLITZ code computes "the norm": a LOWER bound. */
  powerEstimate(rows: Scales, columns: Scales, steps: number): number;
}

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

/**
 * @param rowDims shape of the map's output, batch axis included
 * @param columnDims shape of its input
 */
export function createSpectralNorm(
  matrix: SparseMatrix,
  rowDims: readonly number[],
  columnDims: readonly number[],
): SpectralNorm {
  const byColumns = matrix.cols <= matrix.rows;
  const first = byColumns ? bandedGram(matrix, columnDims) : bandedGram(transpose(matrix), rowDims);
  const second =
    first === null
      ? byColumns
        ? bandedGram(transpose(matrix), rowDims)
        : bandedGram(matrix, columnDims)
      : null;
  const gram = first ?? second;
  const columnSide = first !== null ? byColumns : !byColumns;
  let unscaled: number | null = null;

  /** G = B^T B with B = diag(rows) A diag(columns), applied without being formed. */
  const product = (rows: Scales, columns: Scales): SymmetricProduct => {
    const { rowStart, column, value } =
      rows === null && columns === null ? matrix : scaled(matrix, rows, columns);
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
  };

  const largest = (scales: Scales): number =>
    scales === null ? 1 : scales.reduce((most, s) => Math.max(most, s), 0);

  /** Adds the composition error of the stored matrix, scaled as the map is. */
  const ofExactMap = (stored: number, rows: Scales, columns: Scales): number =>
    inflate(stored + matrix.error * largest(rows) * largest(columns), 4);

  const matrixFree = (rows: Scales, columns: Scales, gaussian: GaussianSource, delta: number): number => {
    const step = product(rows, columns);
    const coarse = absoluteNorm(matrix) * largest(rows) * largest(columns);
    const estimate = lanczosEstimate(step, matrix.cols, 40);
    if (!(estimate > 0)) return coarse;
    const terms = longestRow(matrix) + longestRow(transpose(matrix)) + 8;
    const proved = chebyshevBound(
      step,
      gaussian(matrix.cols),
      estimate,
      delta,
      gamma(terms) * coarse * coarse,
    );
    return Math.min(coarse, proved === null ? coarse : inflate(Math.sqrt(proved), 4));
  };

  return {
    deterministic: gram !== null,
    excess: (delta) => (gram !== null ? PROOF_EXCESS : chebyshevExcess(matrix.cols, delta)),
    estimate: (rows, columns, steps) =>
      Math.sqrt(Math.max(0, lanczosEstimate(product(rows, columns), matrix.cols, steps))),
    bound(rows, columns, gaussian, delta) {
      if (rows === null && columns === null && unscaled !== null) return unscaled;
      const stored =
        gram === null
          ? matrixFree(rows, columns, gaussian, delta)
          : columnSide
            ? gram.bound(rows, columns)
            : gram.bound(columns, rows);
      const value = ofExactMap(stored, rows, columns);
      if (rows === null && columns === null && gram !== null) unscaled = value;
      return value;
    },
    powerEstimate(rows, columns, steps) {
      const step = product(rows, columns);
      let vector: Float64Array = fixedStart(matrix.cols);
      let value = 0;
      for (let i = 0; i < steps; i++) {
        const next = new Float64Array(matrix.cols);
        const length = Math.sqrt(dot(vector, vector));
        for (let j = 0; j < vector.length; j++) vector[j] = vector[j]! / length;
        step(vector, next);
        value = Math.sqrt(Math.max(0, dot(vector, next)));
        if (value === 0) return 0;
        vector = next;
      }
      return value;
    },
  };
}
