/** The masked norms of matrices whose Gram matrix, of columns or of rows, is cheap enough to factorise (banded-gram.ts). */

import { type FactorisationLimit, isFactorisable } from '../operators/algebra/factorisable.ts';
import type { Scales } from '../operators/algebra/scales.ts';
import type { SparseMatrix } from '../operators/algebra/sparse-matrix.ts';
import { BandedGram, boundWork, halfBandwidth } from './banded-gram.ts';

/** Orders of the cells of a [1, C, H, W] tensor worth trying: as stored, and with channels last (narrower band). */
function orders(size: number, dims: readonly number[]): Int32Array[] {
  const stored = Int32Array.from({ length: size }, (_, i) => i);
  if (dims.length < 3 || dims[0] !== 1) return [stored];
  const channels = dims[1]!;
  const plane = size / channels;
  return [stored, stored.map((i) => (i % plane) * channels + Math.floor(i / plane))];
}

/** The order with the narrowest band, where that is narrow enough. */
function factorisableOrder(
  matrix: SparseMatrix,
  dims: readonly number[],
  limit: FactorisationLimit,
): { readonly order: Int32Array; readonly band: number } | null {
  const candidates = orders(matrix.cols, dims).map((order) => ({
    order,
    band: halfBandwidth(matrix, order),
  }));
  const best = candidates.reduce((a, b) => (b.band < a.band ? b : a));
  return isFactorisable(matrix.cols, best.band, limit) ? best : null;
}

export interface FactorisedNorm {
  /** Proved upper bound on || diag(rows) A diag(columns) ||_2 for the stored entries of A. */
  bound(rows: Scales, columns: Scales): number;
  /** Whether the Gram matrix is diagonal: then a bound is its largest entry, at no more than an estimate costs. */
  readonly isDiagonal: boolean;
  /** Multiplications of one bound, about. */
  readonly work: number;
}

/** By the Gram matrix of the columns or, failing that, of the rows; null when neither is small. */
export function factorisedNorm(
  matrix: SparseMatrix,
  rowDims: readonly number[],
  columnDims: readonly number[],
  limit: FactorisationLimit,
): FactorisedNorm | null {
  const byColumns = matrix.cols <= matrix.rows;
  for (const columnSide of [byColumns, !byColumns]) {
    const side = columnSide ? matrix : matrix.transpose();
    const found = factorisableOrder(side, columnSide ? columnDims : rowDims, limit);
    if (found === null) continue;
    const { order, band } = found;
    // Prepared by the first bound: a search takes estimates only.
    let gram: BandedGram | null = null;
    return {
      bound(rows, columns) {
        gram ??= new BandedGram(side, order, band);
        return columnSide ? gram.bound(rows, columns) : gram.bound(columns, rows);
      },
      isDiagonal: band === 0,
      work: boundWork(side.cols, band),
    };
  }
  return null;
}
