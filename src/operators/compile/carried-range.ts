/**
 * The range of weights that the bounds carry. Norms are computed from squares of entries times squared slopes, layer after
 * layer; a file whose weights go down to 1e-170 and up again by 1e85 twice computes the identity, while every square on
 * the way is 0. So the maps of a left half, as composed, keep to 2^-200 (6e-61) .. 2^200:
 *
 *   - an entry below that is omitted and counted in the map's `error`: an honest network (a dead channel whose weights have
 *     decayed to 1e-40) is not affected, and a later factor of 1e60 makes the bound useless, not false;
 *   - a map whose entries are all below that, or one with an entry above 2^200, is refused.
 *
 * Squares of entries are then at least 2^-400, with two slopes of at least 2^-100 each (spectral-norm.ts) 2^-800: in the
 * normal range of float64, where rounding is relative (rounding-error.ts).
 */
import { ModelRefused } from '../../ground/errors.ts';
import { inflate } from '../../ground/rounding-error.ts';
import { remembered } from '../algebra/remembered.ts';
import { buildMatrix, type SparseMatrix } from '../algebra/sparse-matrix.ts';

export const SMALLEST_CARRIED = 2 ** -200;
export const LARGEST_CARRIED = 2 ** 200;

const extent = (values: Float64Array): { least: number; most: number } => {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const value of values) {
    const magnitude = Math.abs(value);
    // Written so that NaN counts as too large.
    if (!(magnitude <= most)) most = Number.isNaN(magnitude) ? Number.POSITIVE_INFINITY : magnitude;
    if (magnitude < least && magnitude > 0) least = magnitude;
  }
  return { least, most };
};

const shown = (weight: number): string => weight.toExponential(0);

const refused = (where: string, weights: string): ModelRefused =>
  new ModelRefused({
    what: `${where}: the weights of the linear map up to here ${weights}`,
    where,
    why: `a bound carries weights, multiplied out, between ${shown(SMALLEST_CARRIED)} and ${shown(LARGEST_CARRIED)}: outside that range their squares underflow or overflow, and the bound would be false`,
    remedy: 'Cut the network before this node, or fold its factors with those that undo them before export.',
  });

/** The matrix with its entries in the range above; what was omitted is counted in `error`. @throws ModelRefused */
export function carried(matrix: SparseMatrix, where: string): SparseMatrix {
  const { least, most } = extentOf(matrix);
  if (most === 0 || (least >= SMALLEST_CARRIED && most <= LARGEST_CARRIED)) return matrix;
  if (!(most <= LARGEST_CARRIED)) throw refused(where, `go up to ${shown(most)}`);
  if (most < SMALLEST_CARRIED) throw refused(where, `are no larger than ${shown(most)}`);
  return withoutSmall(matrix, SMALLEST_CARRIED);
}

/** Throws ModelRefused for a kernel with a weight outside the range: it is kept exactly as in the file. */
export function checkKernel(weights: Float64Array, where: string): void {
  const { least, most } = extent(weights);
  if (most === 0 || (least >= SMALLEST_CARRIED && most <= LARGEST_CARRIED)) return;
  throw refused(where, `go from ${shown(least)} to ${shown(most)}`);
}

/** Smallest and largest magnitude of the entries other than 0; Infinity and 0 when all are 0. */
export const extentOf = remembered((matrix: SparseMatrix) => extent(matrix.value));

/** The matrix without its entries below `limit`; their Frobenius norm, at most, is added to `error`. */
export function withoutSmall(matrix: SparseMatrix, limit: number): SparseMatrix {
  const { rows, cols, rowStart, column, value, error } = matrix;
  let left = 0;
  const kept = buildMatrix(rows, cols, value.length, (row, add) => {
    for (let k = rowStart[row]!; k < rowStart[row + 1]!; k++) {
      if (Math.abs(value[k]!) >= limit) add(column[k]!, value[k]!);
      else left++;
    }
  });
  return kept.withError(inflate(error + limit * Math.sqrt(left), 4));
}
