/**
 * Affine forms over symbols (docs/certificates.md, section 3.1): L_s = sum_j A_j M_{j,s}, and the parts J L_s of a step. Matrices carry
 * their rounding as an error, as everywhere; null stands for one that leaves the range that bounds carry.
 */
import type { LinearMap } from '../../operators/algebra/linear-map.ts';
import { remembered } from '../../operators/algebra/remembered.ts';
import { identityMatrix, type SparseMatrix } from '../../operators/algebra/sparse-matrix.ts';
import { add, multiply } from '../../operators/algebra/sparse-products.ts';
import {
  extentOf,
  LARGEST_CARRIED,
  SMALLEST_CARRIED,
  withoutSmall,
} from '../../operators/compile/carried-range.ts';
import { type AffineForm, type AffineTerm, zeroForm } from '../affine-form.ts';

const WHERE = 'the linear part of the left half';

/** The map as a matrix, written out once. */
export const written = remembered((map: LinearMap): SparseMatrix => map.explicit(WHERE));

function inRange(matrix: SparseMatrix): SparseMatrix | null {
  const { least, most } = extentOf(matrix);
  if (!(most <= LARGEST_CARRIED && Number.isFinite(matrix.error))) return null;
  return most === 0 || least >= SMALLEST_CARRIED ? matrix : withoutSmall(matrix, SMALLEST_CARRIED);
}

const isIdentity = (map: LinearMap): boolean => 'isIdentity' in map && (map as SparseMatrix).isIdentity();

/** Entries that a product may come to, by the lengths of its rows, beyond which it is not formed: forming it takes room for as many. */
const MOST_COMPOSED = 60_000_000;

function entriesUpTo(a: SparseMatrix, b: SparseMatrix): number {
  let entries = 0;
  for (let row = 0; row < a.rows; row++) {
    let sum = 0;
    for (let k = a.rowStart[row]!; k < a.rowStart[row + 1]!; k++)
      sum += b.rowStart[a.column[k]! + 1]! - b.rowStart[a.column[k]!]!;
    entries += Math.min(sum, b.cols);
  }
  return entries;
}

/** A B, or null where that is too large or leaves the range; a factor that is the identity leaves the other as it is, so that its norm is known already. */
export function composed(a: LinearMap, b: LinearMap): LinearMap | null {
  if (isIdentity(b)) return a;
  if (isIdentity(a)) return b;
  if (entriesUpTo(written(a), written(b)) > MOST_COMPOSED) return null;
  return inRange(multiply(written(a), written(b), WHERE));
}

/** The symbol `symbol` alone. */
export const ownSymbol = (symbol: number, size: number): AffineForm => ({
  ...zeroForm(size),
  terms: [{ base: symbol, matrix: identityMatrix(size) }],
});

/** The sum of forms over symbols. */
function summed(size: number, terms: readonly AffineTerm[]): AffineForm | null {
  const bySymbol = new Map<number, LinearMap>();
  for (const { base, matrix } of terms) {
    const known = bySymbol.get(base);
    const sum = known === undefined ? matrix : inRange(add(written(known), written(matrix)));
    if (sum === null) return null;
    bySymbol.set(base, sum);
  }
  const sorted = [...bySymbol].sort(([a], [b]) => a - b);
  return { ...zeroForm(size), terms: sorted.map(([base, matrix]) => ({ base, matrix })) };
}

/** A form of the left half over the symbols that its bases depend on. @param parts of the bases */
export function overSymbols(form: AffineForm, parts: readonly AffineForm[]): AffineForm | null {
  const terms: AffineTerm[] = [];
  for (const { base, matrix } of form.terms) {
    for (const part of parts[base]!.terms) {
      const product = composed(matrix, part.matrix);
      if (product === null) return null;
      terms.push({ base: part.base, matrix: product });
    }
  }
  return summed(form.size, terms);
}

/** J L and the symbol of the step itself. */
export function behindStep(
  J: SparseMatrix,
  { terms }: AffineForm,
  symbol: number,
  size: number,
): AffineForm | null {
  const own = ownSymbol(symbol, size);
  const moved: AffineTerm[] = [];
  for (const { base, matrix } of terms) {
    const product = composed(J, matrix);
    if (product === null) return null;
    moved.push({ base, matrix: product });
  }
  return summed(size, [...moved, ...own.terms]);
}
