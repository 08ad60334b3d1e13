/** Products and sums of matrices written out. */
import { gamma, inflate, productUp, TINY } from '../../ground/rounding-error.ts';
import { buildMatrix, checkEntries, type SparseMatrix } from './sparse-matrix.ts';

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
  const exact = a.isSelection() || (b.isSelection() && new Set(b.column).size === b.column.length);
  const normA = a.absoluteNorm();
  const normB = b.absoluteNorm();
  const rounding = exact ? 0 : gamma(a.longestRow() + 1) * productUp(normA, normB) + TINY;
  const inherited = productUp(normA, b.error) + productUp(a.error, normB) + productUp(a.error, b.error);
  return product.withError(inflate(rounding + inherited, 4));
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
