/** Entries of the linear part J of a nonlinear map (nonlinearity.ts). J may be anything, so they are kept where products do not underflow. */
import { buildMatrix, type SparseMatrix } from '../algebra/sparse-matrix.ts';

const SMALLEST = 2 ** -100;
const LARGEST = 2 ** 100;

/** The entry, or 0 where it is too small, too large or unknown: what J leaves out is remainder. */
export const storable = (entry: number): number =>
  Math.abs(entry) >= SMALLEST && Math.abs(entry) <= LARGEST ? entry : 0;

/** diag(entries). */
export const diagonalMatrix = (entries: Float64Array): SparseMatrix =>
  buildMatrix(entries.length, entries.length, entries.length, (row, add) => add(row, entries[row]!));

/** A matrix of `rows` x `cols` in blocks on the same cells: entry (i, k) of block g is `of(g, i, k)`, or left out where that is 0. */
export function groupedMatrix(
  size: number,
  cells: Int32Array,
  length: number,
  of: (group: number, i: number, k: number) => number,
): SparseMatrix {
  const place = new Int32Array(size).fill(-1);
  cells.forEach((cell, at) => {
    place[cell] = at;
  });
  return buildMatrix(size, size, cells.length * length, (row, add) => {
    const at = place[row]!;
    if (at < 0) return;
    const group = Math.floor(at / length);
    for (let k = 0; k < length; k++) add(cells[group * length + k]!, of(group, at % length, k));
  });
}
