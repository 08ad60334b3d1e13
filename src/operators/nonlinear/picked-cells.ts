/**
 * The linear part of maps each of whose values is one of a few cells: maxima and minima of windows, sorted groups. J picks the cell
 * that is the value at the centre. With y = z + d, own the picked cell and j any other of the same row,
 *
 *   |value(y) - y_own| <= max over j of (|d_j| + |d_own| - gap_j)+,      gap_j = |z_j - z_own|:
 *
 * were the k-th largest above y_own by more, one of the cells ranked behind own would have overtaken it by more than that, hence
 * d_j - d_own > gap_j + that; below it likewise. The cells are known up to e, so gaps up to 2 e, and the cell picked may itself be
 * off the exact value by 2 e. With q = |d_j| + |d_own| <= Q, (q - gap)+ <= q (1 - gap/Q)+, and q² <= 2 (d_j² + d_own²).
 */
import { inflate, TINY } from '../../ground/rounding-error.ts';
import { type SparseMatrix, selection } from '../algebra/sparse-matrix.ts';
import { boxed, type LinearParts, type Movement, type MovingInput } from './nonlinearity.ts';

const UP = 1 + 2 ** -48;

/**
 * @param entries of `windows`
 * @param windows a CSR pattern with the cells of each row; values are ignored
 * @param pick the cell of each row that is its value, by the computed centre; -1 for a row without cells
 */
export function pickedCells(
  entries: number,
  windows: () => SparseMatrix,
  pick: (centre: Float64Array) => Int32Array,
): LinearParts {
  return {
    entries,
    pattern: () => windows().withValues(new Float64Array(entries).fill(1)),
    norms: 1,
    at({ centre }) {
      const cells = windows();
      const own = pick(centre);
      return { matrix: selection(cells.cols, own), remainder: (input) => remainderOf(cells, own, input) };
    },
  };
}

function remainderOf(
  { rows, cols, rowStart, column }: SparseMatrix,
  own: Int32Array,
  { centre, error, T, weighted }: MovingInput,
): Movement {
  const box = new Float64Array(rows);
  const squares = new Float64Array(cols);
  let contested = 0;
  for (let i = 0; i < rows; i++) {
    const picked = own[i]!;
    let steepest = 0;
    for (let k = rowStart[i]!; k < rowStart[i + 1]!; k++) {
      const j = column[k]!;
      if (j === picked) continue;
      const gap = Math.abs(centre[j]! - centre[picked]!);
      const together = T[j]! + T[picked]!;
      const reach = together + 4 * error;
      if (reach === 0 || gap > reach * UP) continue;
      // What the difference cancels is added back.
      const over = Math.max(0, reach - gap) + (reach + gap) * 2 ** -48;
      box[i] = Math.max(box[i]!, over + TINY);
      const slope = together === 0 ? 0 : Math.min(1, Math.max(0, 1 - gap / together) + 2 ** -48);
      squares[j] = squares[j]! + 2 * slope * slope;
      steepest = Math.max(steepest, slope);
    }
    if (box[i] === 0) continue;
    contested++;
    squares[picked] = squares[picked]! + 2 * steepest * steepest;
  }
  if (contested === 0) return boxed(0, box, 'secant');
  const slopes = squares.map((square) => inflate(Math.sqrt(square), rows));
  return boxed(inflate(weighted(slopes) + 4 * error * Math.sqrt(contested), 4), box, 'secant');
}

/** The largest cell of each window, by `sign` times its value. */
export const largestOf =
  ({ rows, rowStart, column }: SparseMatrix, sign: 1 | -1) =>
  (centre: Float64Array): Int32Array =>
    Int32Array.from({ length: rows }, (_, i) => {
      let best = -1;
      for (let k = rowStart[i]!; k < rowStart[i + 1]!; k++) {
        const j = column[k]!;
        if (best < 0 || sign * centre[j]! > sign * centre[best]!) best = j;
      }
      return best;
    });
