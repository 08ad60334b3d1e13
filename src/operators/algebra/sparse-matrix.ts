/**
 * The linear part of an affine operator, as a sparse matrix in compressed rows (CSR), float64.
 *
 * Being a matrix, forward map, adjoint, row norms and |A|b are exact by construction and written once, here, instead of
 * once per operator. Every matrix carries `error`: an upper bound on ||A_stored - A_exact||_2, where A_exact is the real
 * map of the network as the file defines it. It is zero for what is copied from the file and grows when maps are
 * composed; everything derived from the matrix adds it.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { gamma, inflate, normUp, productUp, TINY } from '../../ground/rounding-error.ts';

/** Matrices above this many entries (12 bytes each) are refused rather than left to exhaust the memory. */
export const ENTRY_LIMIT = 120_000_000;

export interface SparseMatrix {
  readonly rows: number;
  readonly cols: number;
  /** Entries of row i are `column[k], value[k]` for `rowStart[i] <= k < rowStart[i + 1]`; columns are distinct. */
  readonly rowStart: Int32Array;
  readonly column: Int32Array;
  readonly value: Float64Array;
  /** Upper bound on the spectral norm of (stored - exact). */
  readonly error: number;
}

/** Throws ModelRefused, naming the node, before a matrix too large to hold is built. */
export function checkEntries(entries: number, where: string): void {
  if (entries <= ENTRY_LIMIT) return;
  throw new ModelRefused({
    what: `the linear map has ${Math.round(entries / 1e6)} million entries, more than the ${ENTRY_LIMIT / 1e6} million the bound can hold`,
    where,
    remedy: 'Cut the network earlier, or use smaller images.',
  });
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
  return {
    rows,
    cols,
    rowStart,
    column: exact ? column : column.slice(0, used),
    value: exact ? value : value.slice(0, used),
    error: 0,
  };
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

/** A x. */
export function apply(
  matrix: SparseMatrix,
  x: Float64Array,
  out: Float64Array = new Float64Array(matrix.rows),
): Float64Array {
  const { rowStart, column, value, rows } = matrix;
  let k = 0;
  for (let i = 0; i < rows; i++) {
    const end = rowStart[i + 1]!;
    let sum = 0;
    for (; k < end; k++) sum += value[k]! * x[column[k]!]!;
    out[i] = sum;
  }
  return out;
}

/** The adjoint: A^T y. */
export function applyAdjoint(
  matrix: SparseMatrix,
  y: Float64Array,
  out: Float64Array = new Float64Array(matrix.cols),
): Float64Array {
  const { rowStart, column, value, rows } = matrix;
  out.fill(0);
  for (let i = 0, k = 0; i < rows; i++) {
    const end = rowStart[i + 1]!;
    const yi = y[i]!;
    if (yi === 0) k = end;
    else for (; k < end; k++) out[column[k]!] = out[column[k]!]! + value[k]! * yi;
  }
  return out;
}

/** Upper bound on |A| b for b >= 0, |A| of the *stored* entries: add `error * ||b||` for the exact map. */
export function applyAbsolute(matrix: SparseMatrix, b: Float64Array): Float64Array {
  const { rowStart, column, value, rows } = matrix;
  const out = new Float64Array(rows);
  for (let i = 0, k = 0; i < rows; i++) {
    const end = rowStart[i + 1]!;
    const terms = end - k;
    let sum = 0;
    const start = k;
    for (; k < end; k++) sum += Math.abs(value[k]!) * b[column[k]!]!;
    out[i] = inflate(sum > SAFE_SUM ? sum : sumUp(matrix, b, start, end), terms);
  }
  return out;
}

/** A sum of products above this has lost nothing to underflow that `inflate` does not cover. */
const SAFE_SUM = 2 ** -900;

/** The same sum of the entries from `start` to `end`, with what each of its products may have lost; 0 only if all are. */
function sumUp({ column, value }: SparseMatrix, b: Float64Array, start: number, end: number): number {
  let sum = 0;
  for (let k = start; k < end; k++) sum += productUp(Math.abs(value[k]!), b[column[k]!]!);
  return sum;
}

/** Remembers a property of a matrix for as long as the matrix lives: matrices are immutable and met once per image. */
export function remembered<T>(compute: (matrix: SparseMatrix) => T): (matrix: SparseMatrix) => T {
  const known = new WeakMap<SparseMatrix, T>();
  return (matrix) => {
    const found = known.get(matrix);
    if (found !== undefined) return found;
    const value = compute(matrix);
    known.set(matrix, value);
    return value;
  };
}

/** Upper bounds on the l2 norm of each row of the exact map. */
export const rowNorms = remembered((matrix: SparseMatrix): Float64Array => {
  const { rowStart, value, rows, error } = matrix;
  const out = new Float64Array(rows);
  for (let i = 0, k = 0; i < rows; i++) {
    const end = rowStart[i + 1]!;
    out[i] = inflate(normUp(value.subarray(k, end)) + error, 1);
    k = end;
  }
  return out;
});

export function transpose(matrix: SparseMatrix): SparseMatrix {
  const { rows, cols, rowStart, column, value, error } = matrix;
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
  return { rows: cols, cols: rows, rowStart: start, column: columns, value: values, error };
}

/** Largest number of entries in a row. */
export const longestRow = remembered((matrix: SparseMatrix): number => {
  let longest = 0;
  for (let i = 0; i < matrix.rows; i++)
    longest = Math.max(longest, matrix.rowStart[i + 1]! - matrix.rowStart[i]!);
  return longest;
});

/** Largest number of entries in a column. */
export const longestColumn = remembered((matrix: SparseMatrix): number => {
  const counts = new Int32Array(matrix.cols);
  for (const c of matrix.column) counts[c] = counts[c]! + 1;
  return counts.reduce((most, count) => Math.max(most, count), 0);
});

/**
 * Upper bound on || |A| ||_2 (hence on ||A||_2) of the stored entries: sqrt(||A||_1 ||A||_inf). Loose, cheap and
 * deterministic; used where it is multiplied by a rounding unit.
 */
export const absoluteNorm = remembered((matrix: SparseMatrix): number => {
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
});

/** Whether every row has at most one entry, of value exactly 1: the map copies cells and rounds nothing. */
export const isSelection = remembered(
  (matrix: SparseMatrix): boolean => longestRow(matrix) <= 1 && matrix.value.every((v) => v === 1),
);

/** Whether the exact map is the identity, and not one that a computed factor of 1 stands for. */
export function isIdentity(matrix: SparseMatrix): boolean {
  return (
    matrix.error === 0 &&
    matrix.rows === matrix.cols &&
    matrix.value.length === matrix.rows &&
    isSelection(matrix) &&
    matrix.column.every((c, i) => c === i)
  );
}

/** A B, with the rounding of the product, underflow included, and the errors of both factors in `error`. */
export function multiply(a: SparseMatrix, b: SparseMatrix, where: string): SparseMatrix {
  if (isIdentity(a)) return b;
  if (isIdentity(b)) return a;
  const entriesOf = (row: number): number => {
    let sum = 0;
    for (let k = a.rowStart[row]!; k < a.rowStart[row + 1]!; k++) {
      sum += b.rowStart[a.column[k]! + 1]! - b.rowStart[a.column[k]!]!;
    }
    return Math.min(sum, b.cols);
  };
  let entries = 0;
  for (let row = 0; row < a.rows; row++) entries += entriesOf(row);
  checkEntries(entries, where);

  const accumulator = new Float64Array(b.cols);
  const owner = new Int32Array(b.cols).fill(-1);
  const touched = new Int32Array(b.cols);
  const product = buildMatrix(a.rows, b.cols, entries, (row, add) => {
    let count = 0;
    for (let k = a.rowStart[row]!; k < a.rowStart[row + 1]!; k++) {
      const weight = a.value[k]!;
      const middle = a.column[k]!;
      for (let l = b.rowStart[middle]!; l < b.rowStart[middle + 1]!; l++) {
        const c = b.column[l]!;
        if (owner[c] !== row) {
          owner[c] = row;
          touched[count++] = c;
          accumulator[c] = 0;
        }
        accumulator[c] = accumulator[c]! + weight * b.value[l]!;
      }
    }
    for (let t = 0; t < count; t++) add(touched[t]!, accumulator[touched[t]!]!);
  });
  // Rows of B that share a column are added up, which rounds, even if B only copies.
  const exact = isSelection(a) || (isSelection(b) && new Set(b.column).size === b.column.length);
  const normA = absoluteNorm(a);
  const normB = absoluteNorm(b);
  const rounding = exact ? 0 : gamma(longestRow(a) + 1) * productUp(normA, normB) + TINY;
  const inherited = productUp(normA, b.error) + productUp(a.error, normB) + productUp(a.error, b.error);
  return { ...product, error: inflate(rounding + inherited, 4) };
}

/** A + B. Sums do not underflow: below the normal range they are exact. */
export function add(a: SparseMatrix, b: SparseMatrix): SparseMatrix {
  const position = new Int32Array(a.cols).fill(-1);
  const sum = buildMatrix(a.rows, a.cols, a.value.length + b.value.length, (row, push) => {
    const columns: number[] = [];
    const values: number[] = [];
    for (const m of [a, b]) {
      for (let k = m.rowStart[row]!; k < m.rowStart[row + 1]!; k++) {
        const c = m.column[k]!;
        const at = position[c]!;
        if (at >= 0) values[at] = values[at]! + m.value[k]!;
        else {
          position[c] = columns.length;
          columns.push(c);
          values.push(m.value[k]!);
        }
      }
    }
    columns.forEach((c, i) => {
      push(c, values[i]!);
      position[c] = -1;
    });
  });
  const rounding = gamma(1) * (absoluteNorm(a) + absoluteNorm(b));
  return { ...sum, error: inflate(rounding + a.error + b.error, 4) };
}
