/**
 * Upper bounds on || diag(rows) A diag(columns) ||_2 by another proof than the ones `certify` rests on. With B the scaled
 * matrix, G = B^T B (or B B^T, whichever is smaller) written out densely, mu a little above its largest eigenvalue and R any
 * upper triangular matrix,
 *
 *   lambda_max(G) <= mu + || mu I - G - R^T R ||_F,        because R^T R is positive semidefinite.
 *
 * R comes from a Cholesky factorisation, which is not trusted: R^T R is multiplied out and the residual measured. Columns are
 * numbered so that neighbours are close (`./column-order.ts`); what lies in front of the first entry of a row of G is zero in
 * its factor as well, and is omitted.
 * Rounding: an inner product of n terms errs by gamma_n times the product of absolute values (Higham, 3.5), so G is off by at
 * most gamma ||B||_F^2 and the residual by at most gamma (||R||_F^2 + ||mu I - G||_F), both in Frobenius norm.
 *
 * Where every row and every column has one entry at most (a selection), the norm is the largest entry.
 *
 * Squares of small entries vanish in float64. So entries and scales are divided by powers of two near the largest of each;
 * a product that is then below 2^-300 is omitted and counted, so that no square is below 2^-600.
 */

import { exponentOf, gamma, inflate, productUp, timesPowerUp } from '../../../ground/rounding-error.ts';
import type { LinearMap } from '../../../operators/algebra/linear-map.ts';
import type { Scales } from '../../../operators/algebra/scales.ts';
import { SparseMatrix } from '../../../operators/algebra/sparse-matrix.ts';
import { columnOrder } from './column-order.ts';

/** Largest dense Gram matrix: 32 × 32 pixels in three colours. */
const LARGEST = 3072;
const POWER_STEPS = 400;
/** How far above the estimate mu is tried. */
const ABOVE = [1e-4, 4e-4, 2e-3, 1e-2];

/** Entries of B, the largest near 1, below which they are omitted. */
const LEFT_OUT = 2 ** -300;

const top = (scales: Scales): number =>
  scales === null ? 1 : scales.reduce((most, s) => Math.max(most, s), 0);

interface Divider {
  readonly exponent: number;
  divided(x: number): number;
}

/** Division by a power of two near `largest`; 2^-1074 takes two steps. */
function dividerBy(largest: number): Divider {
  const exponent = exponentOf(largest);
  const half = Math.trunc(-exponent / 2);
  const [first, second] = [2 ** half, 2 ** (-exponent - half)];
  return { exponent, divided: (x) => x * first * second };
}

/** Rows of B without those that vanish. */
type Rows = readonly { readonly at: Int32Array; readonly value: Float64Array }[];

/** The bound, or null where the matrix is too large to be written out densely or none of the proofs succeeds. */
export function residualNorm(map: LinearMap, rows: Scales, columns: Scales): number | null {
  if (!(map instanceof SparseMatrix)) return null;
  const largest = map.value.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const tops = [largest, top(rows), top(columns)] as const;
  if (!tops.every(Number.isFinite)) return null;
  const error = productUp(productUp(map.error, top(rows)), top(columns));
  if (tops.includes(0)) return inflate(error, 8);
  const [ofEntries, ofRows, ofColumns] = tops.map(dividerBy) as [Divider, Divider, Divider];
  let leftOut = 0;
  const scaled: { at: Int32Array; value: Float64Array }[] = [];
  for (let i = 0; i < map.rows; i++) {
    const row = rows === null ? 1 : (rows[i] ?? 0);
    const at: number[] = [];
    const value: number[] = [];
    for (let k = map.rowStart[i] ?? 0; k < (map.rowStart[i + 1] ?? 0); k++) {
      const column = map.column[k] ?? 0;
      const scale = columns === null ? 1 : (columns[column] ?? 0);
      const stored = map.value[k] ?? 0;
      if (row === 0 || scale === 0 || stored === 0) continue;
      const entry = ofRows.divided(row) * ofEntries.divided(stored) * ofColumns.divided(scale);
      if (Math.abs(entry) < LEFT_OUT) {
        leftOut++;
        continue;
      }
      at.push(column);
      value.push(entry);
    }
    if (at.length > 0) scaled.push({ at: Int32Array.from(at), value: Float64Array.from(value) });
  }
  const stored = selectionNorm(scaled, map.cols) ?? denseNorm(scaled, map.cols);
  if (stored === null) return null;
  // Each entry was rounded twice; the sum of those omitted bounds their norm; `error` is what the stored matrix is off by.
  const whole = inflate(stored * (1 + 2 ** -50) + leftOut * 2 * LEFT_OUT, 8);
  const exponent = ofEntries.exponent + ofRows.exponent + ofColumns.exponent;
  return inflate(timesPowerUp(whole, exponent) + error, 8);
}

/** The largest entry, if no row and no column has two; else null. */
function selectionNorm(rows: Rows, cols: number): number | null {
  const used = new Uint8Array(cols);
  let largest = 0;
  for (const { at, value } of rows) {
    const [column] = at;
    const [entry] = value;
    if (at.length > 1 || column === undefined || entry === undefined || used[column] === 1) return null;
    used[column] = 1;
    largest = Math.max(largest, Math.abs(entry));
  }
  return largest;
}

function denseNorm(rows: Rows, cols: number): number | null {
  const used = new Set<number>();
  for (const { at } of rows) for (const column of at) used.add(column);
  const bySide = used.size <= rows.length ? rows : transposed(rows, cols);
  const { gram, start, size, terms, squares } = gramOf(bySide, Math.max(cols, rows.length));
  if (size > LARGEST || size === 0) return size === 0 ? 0 : null;
  const estimate = largestEigenvalue(gram, size);
  const ofGram = gamma(terms + 4) * squares;
  for (const above of ABOVE) {
    const shift = estimate * (1 + above);
    const residual = shiftedResidual(gram, start, shift);
    if (residual !== null && residual < estimate * above)
      return inflate(Math.sqrt(shift + residual + ofGram), 4);
  }
  return null;
}

function transposed(rows: Rows, cols: number): Rows {
  const at: number[][] = Array.from({ length: cols }, () => []);
  const value: number[][] = Array.from({ length: cols }, () => []);
  for (const [i, row] of rows.entries()) {
    for (const [k, column] of row.at.entries()) {
      at[column]?.push(i);
      value[column]?.push(row.value[k] ?? 0);
    }
  }
  return at.flatMap((one, c) =>
    one.length === 0 ? [] : [{ at: Int32Array.from(one), value: Float64Array.from(value[c] ?? []) }],
  );
}

interface Gram {
  /** First column with an entry, per row. */
  readonly start: Int32Array;
  /** Full symmetric matrix, row by row; empty when too large. */
  readonly gram: Float64Array;
  readonly size: number;
  /** Longest inner product. */
  readonly terms: number;
  /** ||B||_F^2, rounded up. */
  readonly squares: number;
}

/** B^T B over the columns that have entries. */
function gramOf(rows: Rows, cols: number): Gram {
  const order = columnOrder(
    rows.map(({ at }) => at),
    cols,
  );
  const size = order.length;
  const number = new Int32Array(cols);
  for (const [k, column] of order.entries()) number[column] = k;
  let squares = 0;
  for (const { value } of rows) for (const entry of value) squares += entry * entry;
  squares = inflate(squares, rows.length * 32 + size);
  const start = Int32Array.from({ length: size }, (_, i) => i);
  if (size > LARGEST) return { gram: new Float64Array(0), start, size, terms: rows.length, squares };
  const gram = new Float64Array(size * size);
  for (const { at, value } of rows) {
    const places = at.map((column) => number[column] ?? 0);
    const first = places.reduce((least, place) => Math.min(least, place), size);
    for (const [a, i] of places.entries()) {
      start[i] = Math.min(start[i] ?? 0, first);
      const left = value[a] ?? 0;
      for (const [b, j] of places.entries()) {
        const place = i * size + j;
        gram[place] = (gram[place] ?? 0) + left * (value[b] ?? 0);
      }
    }
  }
  return { gram, start, size, terms: rows.length, squares };
}

/** An estimate from below, by power steps from a vector without zero entries. */
function largestEigenvalue(gram: Float64Array, size: number): number {
  let vector = Float64Array.from({ length: size }, (_, i) => 1 + 0.5 * Math.sin(i * 12.9898 + 1));
  let value = 0;
  for (let step = 0; step < POWER_STEPS; step++) {
    const next = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      let sum = 0;
      const from = i * size;
      for (let j = 0; j < size; j++) sum += gram[from + j]! * vector[j]!;
      next[i] = sum;
    }
    const length = Math.sqrt(next.reduce((sum, v) => sum + v * v, 0));
    if (!(length > 0)) return 0;
    for (let i = 0; i < size; i++) next[i] = next[i]! / length;
    const settled = Math.abs(length - value) <= 1e-9 * length;
    value = length;
    vector = next;
    if (settled && step > 20) break;
  }
  return value;
}

/** Upper bound on || shift I - G - R^T R ||_F for a factor R found here; null when there is none. */
function shiftedResidual(gram: Float64Array, start: Int32Array, shift: number): number | null {
  const size = start.length;
  // Lower triangular L = R^T, row by row, so that inner products run along rows.
  const L = new Float64Array(size * size);
  const shifted = (i: number, j: number): number => (i === j ? shift : 0) - gram[i * size + j]!;
  for (let i = 0; i < size; i++) {
    for (let j = start[i]!; j <= i; j++) {
      let sum = shifted(i, j);
      const a = i * size;
      const b = j * size;
      for (let k = Math.max(start[i]!, start[j]!); k < j; k++) sum -= L[a + k]! * L[b + k]!;
      if (i !== j) L[a + j] = sum / L[b + j]!;
      else if (sum > 0) L[a + j] = Math.sqrt(sum);
      else return null;
    }
  }
  let residual = 0;
  let factor = 0;
  let whole = 0;
  for (let i = 0; i < size; i++) {
    for (let j = start[i]!; j <= i; j++) {
      const twice = i === j ? 1 : 2;
      const entry = shifted(i, j);
      let product = 0;
      for (let k = Math.max(start[i]!, start[j]!); k <= j; k++)
        product += L[i * size + k]! * L[j * size + k]!;
      residual += twice * (entry - product) ** 2;
      whole += twice * entry * entry;
      factor += L[i * size + j]! ** 2;
    }
  }
  const rounding = gamma(size + 4) * (factor + Math.sqrt(whole));
  // Sums of squares of `size`^2 terms; a hundredth more covers their rounding by far.
  return 1.01 * (Math.sqrt(residual) + rounding);
}
