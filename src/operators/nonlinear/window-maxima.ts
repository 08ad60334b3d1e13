/** Maxima of windows of cells (MaxPool), as a nonlinearity: each window is 1-Lipschitz, and copies one of its cells. */
import { inflate, productUp } from '../../ground/rounding-error.ts';
import type { SparseMatrix } from '../algebra/sparse-matrix.ts';
import { boxed, type MovingInput, type Nonlinearity } from './nonlinearity.ts';
import { largestOf, pickedCells } from './picked-cells.ts';

/** @param windows a CSR pattern with the cells of each window; values are ignored */
export function windowMaxima(windows: SparseMatrix): Nonlinearity {
  const { rows, rowStart, column } = windows;
  // Windows that share a cell: the map is sqrt(overlap)-Lipschitz in l2.
  const overlap = windows.longestColumn();
  const lipschitz = inflate(Math.sqrt(overlap), 1);
  const most = (cells: Float64Array, least: number): Float64Array => {
    const out = new Float64Array(rows).fill(least);
    for (let i = 0; i < rows; i++) {
      for (let k = rowStart[i]!; k < rowStart[i + 1]!; k++) out[i] = Math.max(out[i]!, cells[column[k]!]!);
    }
    return out;
  };
  const globalRho = (rho: number): number => inflate(Math.sqrt(overlap) * rho, 4);
  return {
    kind: 'maximum',
    size: rows,
    lipschitz,
    norms: 1,
    weightsRows: false,
    looksAtInput: false,
    linear: pickedCells(column.length, () => windows, largestOf(windows, 1)),
    value: (z) => most(z, Number.NEGATIVE_INFINITY),
    globalRho,
    movement: ({ T, weighted }: MovingInput, slopes) => boxed(globalRho(weighted(null)), most(T, 0), slopes),
    inheritedError: (_, { error }) => (error === 0 ? 0 : productUp(lipschitz, error)),
    rounding: () => 0,
  };
}
