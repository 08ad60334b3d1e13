/** Products and sums of linear maps, in the range of weights that bounds carry (carried-range.ts). */
import { carried as carriedMatrix } from '../compile/carried-range.ts';
import { ConvolutionMap } from './convolution-map.ts';
import type { LinearMap } from './linear-map.ts';
import { SparseMatrix } from './sparse-matrix.ts';
import { add as addMatrices, multiply as multiplyMatrices } from './sparse-products.ts';

/** The map within the range of weights that bounds carry. @throws ModelRefused */
export function carried(map: LinearMap, where: string): LinearMap {
  // A convolution was checked when it was made.
  return map instanceof SparseMatrix ? carriedMatrix(map, where) : map;
}

/**
 * A B, for factors in the range that bounds carry, in that range again. A convolution stays one as long as what it meets
 * moves and scales cells.
 * @throws ModelRefused when the product leaves the range, or is too large
 */
export function multiply(a: LinearMap, b: LinearMap, where: string): LinearMap {
  const product = (left: SparseMatrix, right: SparseMatrix): SparseMatrix =>
    carriedMatrix(multiplyMatrices(left, right, where), where);
  if (a instanceof SparseMatrix && b instanceof ConvolutionMap) {
    if (a.isIdentity()) return b;
    if (a.longestRow() <= 1)
      return new ConvolutionMap(b.kernel, b.after === null ? a : product(a, b.after), b.before);
  }
  if (a instanceof ConvolutionMap && b instanceof SparseMatrix) {
    if (b.isIdentity()) return a;
    if (b.longestRow() <= 1)
      return new ConvolutionMap(a.kernel, a.after, a.before === null ? b : product(a.before, b));
  }
  return product(a.explicit(where), b.explicit(where));
}

/** A + B, in the range that bounds carry. @throws ModelRefused when it leaves the range, or is too large */
export function add(a: LinearMap, b: LinearMap, where: string): SparseMatrix {
  return carriedMatrix(addMatrices(a.explicit(where), b.explicit(where)), where);
}
