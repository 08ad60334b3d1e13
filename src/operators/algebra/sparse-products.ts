/** Products and sums of matrices written out. */
import { gamma, inflate, productUp, TINY } from '../../ground/rounding-error.ts';
import { buildMatrix, checkEntries, type Entries, SparseMatrix } from './sparse-matrix.ts';

/** A B, with the rounding of the product, underflow included, and the errors of both factors in `error`. */
export function multiply(a: SparseMatrix, b: SparseMatrix, where: string): SparseMatrix {
  if (a.isIdentity()) return b;
  if (b.isIdentity()) return a;
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

  const product = new SparseMatrix(a.rows, b.cols, productEntries(a, b, entries), 0);
  // Rows of B that share a column are added up, which rounds, even if B only copies.
  const exact = a.isSelection() || (b.isSelection() && new Set(b.column).size === b.column.length);
  const normA = a.absoluteNorm();
  const normB = b.absoluteNorm();
  const rounding = exact ? 0 : gamma(a.longestRow() + 1) * productUp(normA, normB) + TINY;
  const inherited = productUp(normA, b.error) + productUp(a.error, normB) + productUp(a.error, b.error);
  return product.withError(inflate(rounding + inherited, 4));
}

/** The entries of A B, row by row in the order in which they are met; at most `most`. */
function productEntries(a: SparseMatrix, b: SparseMatrix, most: number): Entries {
  const accumulator = new Float64Array(b.cols);
  const owner = new Int32Array(b.cols).fill(-1);
  const touched = new Int32Array(b.cols);
  const [ofB, columnOfB, valueOfB] = [b.rowStart, b.column, b.value];
  const rowStart = new Int32Array(a.rows + 1);
  const column = new Int32Array(most);
  const value = new Float64Array(most);
  let used = 0;
  for (let row = 0; row < a.rows; row++) {
    let count = 0;
    for (let k = a.rowStart[row]!; k < a.rowStart[row + 1]!; k++) {
      const weight = a.value[k]!;
      const middle = a.column[k]!;
      const end = ofB[middle + 1]!;
      let l = ofB[middle]!;
      // Once every column is met, none needs to be asked whether it was.
      for (; l < end && count < b.cols; l++) {
        const c = columnOfB[l]!;
        if (owner[c] !== row) {
          owner[c] = row;
          touched[count++] = c;
          accumulator[c] = 0;
        }
        accumulator[c] = accumulator[c]! + weight * valueOfB[l]!;
      }
      for (; l < end; l++) {
        const c = columnOfB[l]!;
        accumulator[c] = accumulator[c]! + weight * valueOfB[l]!;
      }
    }
    for (let t = 0; t < count; t++) {
      const c = touched[t]!;
      const v = accumulator[c]!;
      if (v === 0) continue;
      column[used] = c;
      value[used++] = v;
    }
    rowStart[row + 1] = used;
  }
  if (used === most) return { rowStart, column, value };
  return { rowStart, column: column.slice(0, used), value: value.slice(0, used) };
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
  const rounding = gamma(1) * (a.absoluteNorm() + b.absoluteNorm());
  return sum.withError(inflate(rounding + a.error + b.error, 4));
}
