/**
 * The linear part of an affine operator, as a sparse matrix in compressed rows (CSR), float64.
 *
 * Being a matrix, forward map, adjoint, row norms and |A|b are exact by construction and written once, here, instead of
 * once per operator. Every matrix carries `error`: an upper bound on ||A_stored - A_exact||_2, where A_exact is the real
 * map of the network as the file defines it. It is zero for what is copied from the file and grows when maps are
 * composed; everything derived from the matrix adds it.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { inflate, normUp, productUp, TINY } from '../../ground/rounding-error.ts';
import type { Scales } from './scales.ts';

/** Matrices above this many entries (12 bytes each) are refused rather than allowed to exhaust the memory. */
export const ENTRY_LIMIT = 120_000_000;

/** Throws ModelRefused, naming the node, before a matrix too large to hold is built. */
export function checkEntries(entries: number, where: string): void {
  if (entries <= ENTRY_LIMIT) return;
  throw new ModelRefused({
    what: `the linear map has ${Math.round(entries / 1e6)} million entries, more than the ${ENTRY_LIMIT / 1e6} million the bound can hold`,
    where,
    remedy: 'Cut the network earlier, or use smaller images.',
  });
}

export interface Entries {
  /** Entries of row i are `column[k], value[k]` for `rowStart[i] <= k < rowStart[i + 1]`; columns are distinct. */
  readonly rowStart: Int32Array;
  readonly column: Int32Array;
  readonly value: Float64Array;
}

/** A `LinearMap` (linear-map.ts, which documents its methods and is not imported because it names this class). */
export class SparseMatrix implements Entries {
  readonly rows: number;
  readonly cols: number;
  readonly rowStart: Int32Array;
  readonly column: Int32Array;
  readonly value: Float64Array;
  readonly error: number;
  #rowNorms: Float64Array | null = null;
  #absoluteNorm: number | null = null;
  #longestRow: number | null = null;
  #longestColumn: number | null = null;
  #isSelection: boolean | null = null;

  constructor(rows: number, cols: number, { rowStart, column, value }: Entries, error: number) {
    this.rows = rows;
    this.cols = cols;
    this.rowStart = rowStart;
    this.column = column;
    this.value = value;
    this.error = error;
  }

  apply(x: Float64Array): Float64Array {
    const { rowStart, column, value, rows } = this;
    const out = new Float64Array(rows);
    let k = 0;
    for (let i = 0; i < rows; i++) {
      const end = rowStart[i + 1]!;
      let sum = 0;
      for (; k < end; k++) sum += value[k]! * x[column[k]!]!;
      out[i] = sum;
    }
    return out;
  }

  applyAdjoint(y: Float64Array): Float64Array {
    const { rowStart, column, value, rows } = this;
    const out = new Float64Array(this.cols);
    for (let i = 0, k = 0; i < rows; i++) {
      const end = rowStart[i + 1]!;
      const yi = y[i]!;
      if (yi === 0) k = end;
      else for (; k < end; k++) out[column[k]!] = out[column[k]!]! + value[k]! * yi;
    }
    return out;
  }

  applyAbsolute(b: Float64Array): Float64Array {
    const { rowStart, column, value, rows } = this;
    const out = new Float64Array(rows);
    for (let i = 0, k = 0; i < rows; i++) {
      const end = rowStart[i + 1]!;
      const terms = end - k;
      let sum = 0;
      const start = k;
      for (; k < end; k++) sum += Math.abs(value[k]!) * b[column[k]!]!;
      out[i] = inflate(sum > SAFE_SUM ? sum : sumUp(this, b, start, end), terms);
    }
    return out;
  }

  rowNorms(): Float64Array {
    this.#rowNorms ??= rowNorms(this);
    return this.#rowNorms;
  }

  absoluteNorm(): number {
    this.#absoluteNorm ??= absoluteNorm(this);
    return this.#absoluteNorm;
  }

  /** Largest number of entries in a row. */
  longestRow(): number {
    this.#longestRow ??= longestRow(this);
    return this.#longestRow;
  }

  /** Largest number of entries in a column. */
  longestColumn(): number {
    this.#longestColumn ??= longestColumn(this);
    return this.#longestColumn;
  }

  /** Whether every row has at most one entry, of value exactly 1. */
  isSelection(): boolean {
    this.#isSelection ??= this.longestRow() <= 1 && this.value.every((v) => v === 1);
    return this.#isSelection;
  }

  /** Whether the exact map is the identity, as opposed to one that a computed factor of 1 stands for. */
  isIdentity(): boolean {
    return (
      this.error === 0 &&
      this.rows === this.cols &&
      this.value.length === this.rows &&
      this.isSelection() &&
      this.column.every((c, i) => c === i)
    );
  }

  work(): number {
    return this.value.length;
  }

  gram(rows: Scales, columns: Scales): (x: Float64Array, y: Float64Array) => void {
    const { rowStart, column, value } =
      rows === null && columns === null ? this : scaled(this, rows, columns);
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

  gramUnderflow(): number {
    return TINY;
  }

  explicit(): SparseMatrix {
    return this;
  }

  /** The same entries, known up to `error`. */
  withError(error: number): SparseMatrix {
    return new SparseMatrix(this.rows, this.cols, this, error);
  }

  /** Other values in the same places, with the same `error`. */
  withValues(value: Float64Array): SparseMatrix {
    return new SparseMatrix(
      this.rows,
      this.cols,
      { rowStart: this.rowStart, column: this.column, value },
      this.error,
    );
  }

  transpose(): SparseMatrix {
    return new SparseMatrix(this.cols, this.rows, transposed(this), this.error);
  }
}

/** Builds a matrix row by row: `fill(row, add)` calls `add(column, value)` once per non-zero entry. */
export function buildMatrix(
  rows: number,
  cols: number,
  entries: number,
  fill: (row: number, add: (column: number, value: number) => void) => void,
): SparseMatrix {
  const rowStart = new Int32Array(rows + 1);
  let column = new Int32Array(entries);
  let value = new Float64Array(entries);
  let used = 0;
  const add = (c: number, v: number): void => {
    if (v === 0) return;
    if (used === column.length) {
      const grown = Math.max(16, used * 2);
      const columns = new Int32Array(grown);
      columns.set(column);
      column = columns;
      const values = new Float64Array(grown);
      values.set(value);
      value = values;
    }
    column[used] = c;
    value[used++] = v;
  };
  for (let row = 0; row < rows; row++) {
    fill(row, add);
    rowStart[row + 1] = used;
  }
  const exact = used === column.length;
  const trimmed = exact
    ? { rowStart, column, value }
    : { rowStart, column: column.slice(0, used), value: value.slice(0, used) };
  return new SparseMatrix(rows, cols, trimmed, 0);
}

/** The map `y_i = scale_i * x_{source_i}`; `source_i < 0` gives 0. Scale 1 when omitted: a selection. */
export function selection(cols: number, source: ArrayLike<number>, scale?: ArrayLike<number>): SparseMatrix {
  return buildMatrix(source.length, cols, source.length, (row, add) => {
    const from = source[row]!;
    if (from >= 0) add(from, scale === undefined ? 1 : scale[row]!);
  });
}

export function identityMatrix(size: number): SparseMatrix {
  return selection(
    size,
    Int32Array.from({ length: size }, (_, i) => i),
  );
}

/** A sum of products above this has lost nothing to underflow that `inflate` does not cover. */
const SAFE_SUM = 2 ** -900;

/** The sum over the entries from `start` to `end`, raised by what each product may have lost; 0 only if all are 0. */
function sumUp({ column, value }: SparseMatrix, b: Float64Array, start: number, end: number): number {
  let sum = 0;
  for (let k = start; k < end; k++) sum += productUp(Math.abs(value[k]!), b[column[k]!]!);
  return sum;
}

function rowNorms({ rowStart, value, rows, error }: SparseMatrix): Float64Array {
  const out = new Float64Array(rows);
  for (let i = 0, k = 0; i < rows; i++) {
    const end = rowStart[i + 1]!;
    out[i] = inflate(normUp(value.subarray(k, end)) + error, 1);
    k = end;
  }
  return out;
}

function absoluteNorm(matrix: SparseMatrix): number {
  const columnSums = new Float64Array(matrix.cols);
  const counts = new Int32Array(matrix.cols);
  let rowSum = 0;
  let columnSum = 0;
  for (let i = 0; i < matrix.rows; i++) {
    let sum = 0;
    for (let k = matrix.rowStart[i]!; k < matrix.rowStart[i + 1]!; k++) {
      const magnitude = Math.abs(matrix.value[k]!);
      const c = matrix.column[k]!;
      sum += magnitude;
      columnSums[c] = columnSums[c]! + magnitude;
      counts[c] = counts[c]! + 1;
    }
    rowSum = Math.max(rowSum, inflate(sum, matrix.rowStart[i + 1]! - matrix.rowStart[i]!));
  }
  for (let c = 0; c < matrix.cols; c++) columnSum = Math.max(columnSum, inflate(columnSums[c]!, counts[c]!));
  return inflate(productUp(Math.sqrt(rowSum), Math.sqrt(columnSum)), 4);
}

function longestRow({ rows, rowStart }: SparseMatrix): number {
  let longest = 0;
  for (let i = 0; i < rows; i++) longest = Math.max(longest, rowStart[i + 1]! - rowStart[i]!);
  return longest;
}

function longestColumn({ cols, column }: SparseMatrix): number {
  const counts = new Int32Array(cols);
  for (const c of column) counts[c] = counts[c]! + 1;
  return counts.reduce((most, count) => Math.max(most, count), 0);
}

/** diag(rows) A diag(columns), without the rows and entries that become zero. Each entry is rounded twice. */
function scaled(matrix: SparseMatrix, rows: Scales, columns: Scales): Entries {
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

function transposed({ rows, cols, rowStart, column, value }: SparseMatrix): Entries {
  const start = new Int32Array(cols + 1);
  for (const c of column) start[c + 1] = start[c + 1]! + 1;
  for (let c = 0; c < cols; c++) start[c + 1] = start[c + 1]! + start[c]!;
  const next = start.slice();
  const columns = new Int32Array(column.length);
  const values = new Float64Array(column.length);
  for (let i = 0; i < rows; i++) {
    for (let k = rowStart[i]!; k < rowStart[i + 1]!; k++) {
      const at = next[column[k]!]!++;
      columns[at] = i;
      values[at] = value[k]!;
    }
  }
  return { rowStart: start, column: columns, value: values };
}
