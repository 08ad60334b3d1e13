/**
 * Matrix products of two tensors that both depend on the input (attention), block by block, z = [A blocks; B blocks]:
 *
 *   (A + S)(B + T) - AB = S (B + T/2) + (A + S/2) T,
 *
 * whose Frobenius norm is at most (||B|| + ||T||/2) ||S||_F + (||A|| + ||S||/2) ||T||_F with spectral norms, and
 * ||X|| <= min(||X||_F, sqrt(||X||_1 ||X||_inf)). There is no bound on all of space.
 *
 * The linear part is S B + A T, and what remains is S T, whose Frobenius norm is at most ||S||_F times the spectral norm of |T|,
 * the other way round, and ||S||_F ||T||_F <= (q ||S||_F² + ||T||_F²/q)/2 for any q > 0.
 */

import { gamma, inflate, normUp, productUp, TINY } from '../../ground/rounding-error.ts';
import { buildMatrix, type SparseMatrix } from '../algebra/sparse-matrix.ts';
import { storable } from './linear-entries.ts';
import { type LocalBound, type LocalMap, UP } from './local-map.ts';
import { boxed, type LinearParts, type Movement, type MovingInput } from './nonlinearity.ts';

/** Shape of a product: A [rows, inner] times B [inner, columns], in each of `blocks`. */
export interface Blocks {
  readonly blocks: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

/** A B, row-major. */
function product(a: Float64Array, b: Float64Array, { rows, inner, columns }: Blocks): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = a[i * inner + k]!;
      for (let j = 0; j < columns; j++) {
        const at = i * columns + j;
        out[at] = out[at]! + factor * b[k * columns + j]!;
      }
    }
  }
  return out;
}

/** Upper bound on the spectral norm of a row-major matrix with rows of this length. */
function spectralNorm(x: Float64Array, length: number): number {
  const columns = new Float64Array(length);
  let widest = 0;
  for (let from = 0; from < x.length; from += length) {
    let row = 0;
    for (let k = 0; k < length; k++) {
      const size = Math.abs(x[from + k]!);
      row += size;
      columns[k] = columns[k]! + size;
    }
    widest = Math.max(widest, row);
  }
  const tallest = columns.reduce((most, sum) => Math.max(most, sum), 0);
  return Math.min(normUp(x), inflate(Math.sqrt(widest) * Math.sqrt(tallest), x.length));
}

export function matrixProducts(shape: Blocks): LocalMap {
  const { blocks, rows, inner, columns } = shape;
  const [sizeA, sizeB, size] = [rows * inner, inner * columns, rows * columns];
  const blockA = (z: Float64Array, h: number): Float64Array => z.subarray(h * sizeA, (h + 1) * sizeA);
  const blockB = (z: Float64Array, h: number): Float64Array =>
    z.subarray(blocks * sizeA + h * sizeB, blocks * sizeA + (h + 1) * sizeB);
  return {
    size: blocks * size,
    lipschitz: Number.POSITIVE_INFINITY,
    norms: 2,
    linear: signedFactors(shape),
    value(z) {
      const out = new Float64Array(blocks * size);
      for (let h = 0; h < blocks; h++) out.set(product(blockA(z, h), blockB(z, h), shape), h * size);
      return out;
    },
    // Each entry is within gamma(inner) |A| |B|; TINY for products below the normal range.
    rounding(z, _value, moved) {
      const sizes = Float64Array.from({ length: blocks }, (_, h) =>
        productUp(normUp(blockA(z, h)) + moved, normUp(blockB(z, h)) + moved),
      );
      return inflate(gamma(inner + 2) * normUp(sizes) + TINY, 8);
    },
    on({ centre, error, T }): LocalBound {
      const first = new Float64Array(centre.length);
      // Entries are still only where their whole block is still.
      const raised = (slope: number): number => (slope === 0 ? 0 : slope * UP + TINY);
      const second = new Float64Array(centre.length);
      const box = new Float64Array(blocks * size);
      for (let h = 0; h < blocks; h++) {
        const [a, b] = [blockA(centre, h), blockB(centre, h)];
        const [S, t] = [blockA(T, h), blockB(T, h)];
        blockA(first, h).fill(raised(spectralNorm(b, columns) + error + normUp(t) / 2));
        blockB(second, h).fill(raised(spectralNorm(a, inner) + error + normUp(S) / 2));
        const widest = a.map((v, i) => (Math.abs(v) + error + S[i]!) * UP);
        const sizes = b.map((v) => (Math.abs(v) + error) * UP);
        const byB = product(widest, t, shape);
        const byA = product(S, sizes, shape);
        const least = S.some((s) => s > 0) || t.some((s) => s > 0) ? TINY : 0;
        for (let i = 0; i < size; i++) box[h * size + i] = inflate(byA[i]! + byB[i]! + least, inner + 4);
      }
      return { slopes: [first, second], box };
    },
  };
}

/** J with `factor(cell)` in the place of each cell of z: S B + A T. */
function factorMatrix(
  { blocks, rows, inner, columns }: Blocks,
  factor: (cell: number) => number,
): SparseMatrix {
  const [sizeA, sizeB, size] = [rows * inner, inner * columns, rows * columns];
  const startB = blocks * sizeA;
  return buildMatrix(blocks * size, startB + blocks * sizeB, blocks * size * 2 * inner, (row, add) => {
    const h = Math.floor(row / size);
    const [i, j] = [Math.floor((row % size) / columns), row % columns];
    for (let k = 0; k < inner; k++) {
      const inA = h * sizeA + i * inner + k;
      const inB = startB + h * sizeB + k * columns + j;
      add(inA, factor(inB));
      add(inB, factor(inA));
    }
  });
}

function signedFactors(shape: Blocks): LinearParts {
  return {
    entries: shape.blocks * shape.rows * shape.columns * 2 * shape.inner,
    pattern: () => factorMatrix(shape, () => 1),
    norms: 2,
    at({ centre }) {
      const J = centre.map(storable);
      return {
        matrix: factorMatrix(shape, (cell) => J[cell]!),
        remainder: (input) => remainderOf(shape, J, input),
      };
    },
  };
}

function remainderOf(shape: Blocks, J: Float64Array, { centre, error, T, weighted }: MovingInput): Movement {
  const { blocks, rows, inner, columns } = shape;
  const [sizeA, sizeB, size] = [rows * inner, inner * columns, rows * columns];
  const startB = blocks * sizeA;
  const box = new Float64Array(blocks * size);
  const [all, allS] = [normUp(T.subarray(startB)), normUp(T.subarray(0, startB))];
  if (all === 0 && allS === 0) return { rho: 0, box };
  // How far a factor of J, as stored, may be from the exact one, in the Frobenius norm of any block.
  const off = inflate(error + normUp(centre.map((z, i) => z - J[i]!)), 4);
  const slopes = new Float64Array(T.length);
  for (let h = 0; h < blocks; h++) {
    const S = T.subarray(h * sizeA, (h + 1) * sizeA);
    const t = T.subarray(startB + h * sizeB, startB + (h + 1) * sizeB);
    const [normS, normT] = [normUp(S), normUp(t)];
    const second = product(S, t, shape);
    const least = normS > 0 || normT > 0 ? TINY : 0;
    for (let i = 0; i < size; i++)
      box[h * size + i] = inflate(
        second[i]! + productUp(off, normS) + productUp(off, normT) + least,
        inner + 6,
      );
    // Half of S T by either rule; (x + y)² <= 2 (x² + y²).
    const ofS = (spectralNorm(t, columns) / 2 + off) * Math.SQRT2 * UP + TINY;
    const ofT = (spectralNorm(S, inner) / 2 + off) * Math.SQRT2 * UP + TINY;
    slopes.fill(normS === 0 ? 0 : ofS, h * sizeA, (h + 1) * sizeA);
    slopes.fill(normT === 0 ? 0 : ofT, startB + h * sizeB, startB + (h + 1) * sizeB);
  }
  return boxed(Math.min(weighted(slopes), byArea(T, startB, [allS, all], off, weighted)), box, 'secant');
}

/** The bound by (q ||S||² + ||T||²/q)/2, q being what brings the two to about the same size. */
function byArea(
  T: Float64Array,
  startB: number,
  [allS, allT]: readonly [number, number],
  off: number,
  weighted: MovingInput['weighted'],
): number {
  if (!(allS > 0 && allT > 0)) return Number.POSITIVE_INFINITY;
  const root = Math.sqrt(Math.min(2 ** 80, Math.max(2 ** -80, allT / allS)));
  const balanced = weighted(T.map((_, cell) => (cell < startB ? root : 1 / root) * UP));
  // ||S|| <= balanced/root and ||T|| <= balanced root.
  const factors = productUp(off, balanced / root + balanced * root);
  return inflate(productUp(balanced, balanced) / 2 + factors + TINY, 6);
}
