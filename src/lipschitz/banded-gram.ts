/**
 * Deterministic upper bound on the spectral norm of diag(w) B diag(s), for matrices whose Gram matrix is banded (a
 * convolution over rows of pixels) or small:
 *
 *   G = diag(s) B^T diag(w^2) B diag(s),   ||diag(w) B diag(s)||^2 = lambda_max(G).
 *
 * If the floating-point Cholesky factorisation of mu I - G runs to completion, then
 *   lambda_max(G) <= mu + gamma_{b+2} / (1 - gamma_{b+2}) * tr(mu I - G)       (b = half bandwidth)
 * by the backward error of Cholesky (Higham, Theorem 10.3; Rump 2006): the computed factor is the exact one of a matrix
 * that differs by at most that much in norm, and an exact factor proves positive semidefiniteness. The rounding of
 * forming G is bounded by gamma * || |B|^T w^2 |B| ||_inf and added.
 *
 * Nothing here underflows: entries of B are 0 or between 2^-200 and 2^200, scales 0 or between 2^-100 and 2^100, which
 * `createSpectralNorm` ensures. Only a matrix without entries has the norm 0.
 */
import { gamma, inflate } from '../ground/rounding-error.ts';
import { factorisationWork } from '../operators/algebra/factorisable.ts';
import type { Scales } from '../operators/algebra/scales.ts';
import type { SparseMatrix } from '../operators/algebra/sparse-matrix.ts';
import { lanczosEstimate, type SymmetricProduct } from './lanczos.ts';

/** Lanczos steps behind the shift of a proof: enough for an estimate within a thousandth, at less than a factorisation that fails. */
const PROOF_STEPS = 60;
/** Factor by which a proof with the smallest slack below usually exceeds the norm, Lanczos' shortfall included. */
export const PROOF_EXCESS = 1 + 6e-4;
/** Row sums within this of the estimate are a proof as good as any. */
const CLOSE_DISKS = 1e-4;

/** Half bandwidth of B^T B when column c is numbered `order[c]`. */
export function halfBandwidth(matrix: SparseMatrix, order: Int32Array): number {
  let band = 0;
  for (let i = 0; i < matrix.rows; i++) {
    let low = Number.POSITIVE_INFINITY;
    let high = -1;
    for (let k = matrix.rowStart[i]!; k < matrix.rowStart[i + 1]!; k++) {
      const at = order[matrix.column[k]!]!;
      low = Math.min(low, at);
      high = Math.max(high, at);
    }
    if (high >= 0) band = Math.max(band, high - low);
  }
  return band;
}

/** Places and values of the entries, row by row and in each row by rising place: dealt out to the places first, then to the rows. */
function byRisingPlace(
  { rows, cols, rowStart, column, value }: SparseMatrix,
  order: Int32Array,
): { readonly places: Int32Array; readonly values: Float64Array } {
  const start = new Int32Array(cols + 1);
  for (const c of column) start[order[c]! + 1] = start[order[c]! + 1]! + 1;
  for (let p = 0; p < cols; p++) start[p + 1] = start[p + 1]! + start[p]!;
  const entry = new Int32Array(column.length);
  const rowOf = new Int32Array(column.length);
  for (let row = 0; row < rows; row++) {
    for (let k = rowStart[row]!; k < rowStart[row + 1]!; k++) {
      const place = order[column[k]!]!;
      const at = start[place]!;
      start[place] = at + 1;
      entry[at] = k;
      rowOf[at] = row;
    }
  }
  const next = rowStart.slice(0, rows);
  const places = new Int32Array(column.length);
  const values = new Float64Array(column.length);
  for (let at = 0; at < entry.length; at++) {
    const row = rowOf[at]!;
    const to = next[row]!;
    next[row] = to + 1;
    places[to] = order[column[entry[at]!]!]!;
    values[to] = value[entry[at]!]!;
  }
  return { places, values };
}

/** Multiplications of one bound with a Gram matrix of this size, about: a factorisation and the products of its estimate. */
export const boundWork = (size: number, band: number): number =>
  factorisationWork(size, band) + 2 * PROOF_STEPS * size * (band + 1);

export class BandedGram {
  readonly #matrix: SparseMatrix;
  /** Place of each column. */
  readonly #order: Int32Array;
  readonly #band: number;
  /** Places and values of the entries of each row by rising place, so that the loop over the lower triangle needs no test. */
  readonly #places: Int32Array;
  readonly #values: Float64Array;
  #unweighted: Float64Array | null = null;

  /** @param band half bandwidth in this order */
  constructor(matrix: SparseMatrix, order: Int32Array, band = halfBandwidth(matrix, order)) {
    const { places, values } = byRisingPlace(matrix, order);
    this.#matrix = matrix;
    this.#order = order;
    this.#band = band;
    this.#places = places;
    this.#values = values;
  }

  /** Proved upper bound on || diag(w) B diag(s) ||_2 for the stored entries of B. */
  bound(w: Scales, s: Scales): number {
    const size = this.#matrix.cols;
    const band = this.#band;
    const gram = this.#scaledBy(this.#formed(w), s);
    const added = formationError(this.#matrix, w, s);
    if (band === 0) return inflate(Math.sqrt(gram.reduce((most, g) => Math.max(most, g), 0) + added), 4);
    const estimate = lanczosEstimate(bandedProduct(gram, size, band), size, PROOF_STEPS);
    if (added === 0) return 0;
    // Of a matrix that is orthogonal but for rounding, the row sums say more than a factorisation with its slack, and cost less.
    const disks = gershgorin(gram, size, band);
    if (disks <= estimate * (1 + CLOSE_DISKS)) return inflate(Math.sqrt(disks + added), 8);
    for (const slack of [1e-3, 1e-2, 1e-1, 1]) {
      const proved = provedBound(gram, size, band, estimate * (1 + slack) + added);
      if (proved !== null) return inflate(Math.sqrt(proved + added), 8);
    }
    // Gershgorin: always true, never tight; reached only if Lanczos missed the top of the spectrum entirely.
    return inflate(Math.sqrt(disks + added), 8);
  }

  /** Lower band of B^T diag(w^2) B: entry (i, j), i - band <= j <= i, at i * (band + 1) + (j - i + band). */
  #formed(w: Scales): Float64Array {
    if (w === null && this.#unweighted !== null) return this.#unweighted;
    const { rows, cols, rowStart } = this.#matrix;
    const band = this.#band;
    const places = this.#places;
    const values = this.#values;
    const gram = new Float64Array(cols * (band + 1));
    for (let row = 0; row < rows; row++) {
      const start = rowStart[row]!;
      const end = rowStart[row + 1]!;
      const weight = w === null ? 1 : w[row]! * w[row]!;
      if (weight === 0) continue;
      for (let a = start; a < end; a++) {
        // Row i starts at i * width; column j sits at offset j - i + band, i.e. at i * band + band + j.
        const line = places[a]! * band + band;
        const scaled = values[a]! * weight;
        for (let b = start; b <= a; b++) {
          const at = line + places[b]!;
          gram[at] = gram[at]! + scaled * values[b]!;
        }
      }
    }
    if (w === null) this.#unweighted = gram;
    return gram;
  }

  #scaledBy(gram: Float64Array, s: Scales): Float64Array {
    if (s === null) return gram;
    const size = this.#matrix.cols;
    const band = this.#band;
    const order = this.#order;
    const at = new Float64Array(size);
    for (let c = 0; c < size; c++) at[order[c]!] = s[c]!;
    const out = new Float64Array(gram.length);
    for (let i = 0; i < size; i++) {
      const line = i * band + band;
      for (let j = Math.max(0, i - band); j <= i; j++) out[line + j] = gram[line + j]! * at[i]! * at[j]!;
    }
    return out;
  }
}

/** y = G x, from its lower band. */
function bandedProduct(gram: Float64Array, size: number, band: number): SymmetricProduct {
  return (x, y) => {
    y.fill(0);
    for (let i = 0; i < size; i++) {
      const line = i * band + band;
      const xi = x[i]!;
      let sum = gram[line + i]! * xi;
      for (let j = Math.max(0, i - band); j < i; j++) {
        const g = gram[line + j]!;
        sum += g * x[j]!;
        y[j] = y[j]! + g * xi;
      }
      y[i] = y[i]! + sum;
    }
  };
}

/** Upper bound on the error of the computed G: rounding of each entry, as the row sums of |B|^T w^2 |B|. */
function formationError(matrix: SparseMatrix, w: Scales, s: Scales): number {
  const middle = new Float64Array(matrix.rows);
  for (let row = 0; row < matrix.rows; row++) {
    let sum = 0;
    for (let k = matrix.rowStart[row]!; k < matrix.rowStart[row + 1]!; k++) {
      sum += Math.abs(matrix.value[k]!) * (s === null ? 1 : Math.abs(s[matrix.column[k]!]!));
    }
    middle[row] = sum * (w === null ? 1 : w[row]! * w[row]!);
  }
  const sums = new Float64Array(matrix.cols);
  for (let row = 0; row < matrix.rows; row++) {
    for (let k = matrix.rowStart[row]!; k < matrix.rowStart[row + 1]!; k++) {
      const c = matrix.column[k]!;
      sums[c] = sums[c]! + Math.abs(matrix.value[k]!) * middle[row]! * (s === null ? 1 : Math.abs(s[c]!));
    }
  }
  const largest = sums.reduce((most, sum) => Math.max(most, sum), 0);
  const columnTerms = matrix.longestColumn();
  return inflate(gamma(columnTerms + 6) * largest, columnTerms + matrix.longestRow() + 8);
}

/** Upper bound on the largest eigenvalue: the largest absolute row sum of the whole symmetric matrix. */
export function gershgorin(gram: Float64Array, size: number, band: number): number {
  const sums = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    for (let j = Math.max(0, i - band); j <= i; j++) {
      const magnitude = Math.abs(gram[i * band + band + j]!);
      sums[i] = sums[i]! + magnitude;
      if (j < i) sums[j] = sums[j]! + magnitude;
    }
  }
  return inflate(
    sums.reduce((most, sum) => Math.max(most, sum), 0),
    2 * band + 1,
  );
}

/** Upper bound on lambda_max(gram) if mu I - gram has a floating-point Cholesky factor; null when it has none. */
export function provedBound(gram: Float64Array, size: number, band: number, mu: number): number | null {
  const factor = new Float64Array(gram.length);
  let trace = 0;
  for (let i = 0; i < size; i++) {
    const line = i * band + band;
    const first = Math.max(0, i - band);
    for (let j = first; j < i; j++) {
      const other = j * band + band;
      let sum = -gram[line + j]!;
      for (let k = Math.max(first, j - band); k < j; k++) sum -= factor[line + k]! * factor[other + k]!;
      factor[line + j] = sum / factor[other + j]!;
    }
    const diagonal = mu - gram[line + i]!;
    trace += Math.max(diagonal, 0);
    let pivot = diagonal;
    for (let k = first; k < i; k++) pivot -= factor[line + k]! * factor[line + k]!;
    if (!(pivot > 0)) return null;
    factor[line + i] = Math.sqrt(pivot);
  }
  const backward = gamma(band + 3);
  // One further rounding in mu - g_ii, at most u mu per diagonal entry.
  return inflate(mu + (backward / (1 - backward)) * inflate(trace, size) + gamma(1) * mu, 4);
}
