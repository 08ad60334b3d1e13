/**
 * Matrix products of two tensors that both depend on the input (attention), block by block, z = [A blocks; B blocks]:
 *
 *   (A + S)(B + T) - AB = S (B + T/2) + (A + S/2) T,
 *
 * whose Frobenius norm is at most (||B|| + ||T||/2) ||S||_F + (||A|| + ||S||/2) ||T||_F with spectral norms, and
 * ||X|| <= min(||X||_F, sqrt(||X||_1 ||X||_inf)). There is no bound on all of space.
 */

import { gamma, inflate, normUp, productUp, TINY } from '../../ground/rounding-error.ts';
import { type LocalBound, type LocalMap, UP } from './local-map.ts';

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
