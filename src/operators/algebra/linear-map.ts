/**
 * The linear maps of the left half: a matrix written out, or a convolution too large for that. Everything the bounds ask
 * of a map, with one name for both. `error` bounds ||A_stored - A_exact||_2 and is added by what is derived from a map.
 */
import { carried as carriedMatrix, checkKernel } from '../compile/carried-range.ts';
import {
  applyConvolution,
  applyConvolutionAbsolute,
  applyConvolutionAdjoint,
  backwardRoundings,
  type ConvolutionMap,
  convolutionAbsoluteNorm,
  convolutionMap,
  convolutionRowNorms,
  entriesOf,
  explicitConvolution,
  forwardRoundings,
  type Kernel,
} from './convolution-map.ts';
import type { SparseMatrix } from './sparse-matrix.ts';
import * as sparse from './sparse-matrix.ts';

export type LinearMap = SparseMatrix | ConvolutionMap;

/**
 * Convolutions with more entries than this stay unwritten. Below it a matrix is small (100 MB) and, over a small image,
 * its norm may have a deterministic proof; above it a Gram matrix is out of reach anyway.
 */
export const WRITTEN_OUT = 8_000_000;

export const isConvolution = (map: LinearMap): map is ConvolutionMap => 'kernel' in map;

/** The convolution in the form that suits its size. */
export function convolutionOf(kernel: Kernel, where: string): LinearMap {
  if (entriesOf(kernel) <= WRITTEN_OUT) return explicitConvolution(kernel, where);
  // Table of cells and one output image: what the structured form holds.
  sparse.checkEntries(
    kernel.y.output * kernel.x.output * Math.max(kernel.outChannels, kernel.y.kernel * kernel.x.kernel),
    where,
  );
  checkKernel(kernel.weights, where);
  return convolutionMap(kernel);
}

/** The map within the range of weights that bounds carry (carried-range.ts). @throws ModelRefused */
export function carried(map: LinearMap, where: string): LinearMap {
  return isConvolution(map) ? map : carriedMatrix(map, where);
}

/** A x. */
export const apply = (map: LinearMap, x: Float64Array): Float64Array =>
  isConvolution(map) ? applyConvolution(map, x) : sparse.apply(map, x);

/** A^T y. */
export const applyAdjoint = (map: LinearMap, y: Float64Array): Float64Array =>
  isConvolution(map) ? applyConvolutionAdjoint(map, y) : sparse.applyAdjoint(map, y);

/** Upper bound on |A| b for b >= 0, of the stored map: add `error * ||b||` for the exact one. */
export const applyAbsolute = (map: LinearMap, b: Float64Array): Float64Array =>
  isConvolution(map) ? applyConvolutionAbsolute(map, b) : sparse.applyAbsolute(map, b);

/** Upper bounds on the l2 norm of each row of the exact map. */
export const rowNorms = (map: LinearMap): Float64Array =>
  isConvolution(map) ? convolutionRowNorms(map) : sparse.rowNorms(map);

/** Upper bound on || |A| ||_2 of the stored map. */
export const absoluteNorm = (map: LinearMap): number =>
  isConvolution(map) ? convolutionAbsoluteNorm(map) : sparse.absoluteNorm(map);

/** Roundings that an entry of A x can collect: the length of a row, or of a path. */
export const longestRow = (map: LinearMap): number =>
  isConvolution(map) ? forwardRoundings(map) : sparse.longestRow(map);

/** The same for A^T y. */
export const longestColumn = (map: LinearMap): number =>
  isConvolution(map) ? backwardRoundings(map) : sparse.longestColumn(map);

/** Whether the map copies cells and rounds nothing. */
export const isSelection = (map: LinearMap): boolean => !isConvolution(map) && sparse.isSelection(map);

/** The map as a matrix. Throws ModelRefused, naming `where`, when it is too large. */
export function explicit(map: LinearMap, where: string): SparseMatrix {
  if (!isConvolution(map)) return map;
  const { kernel, after, before } = map;
  const right =
    before === null
      ? explicitConvolution(kernel, where)
      : carriedMatrix(sparse.multiply(explicitConvolution(kernel, where), before, where), where);
  return after === null ? right : carriedMatrix(sparse.multiply(after, right, where), where);
}

/**
 * A B, for factors in the range that bounds carry, in that range again. A convolution stays one as long as what it meets
 * moves and scales cells.
 * @throws ModelRefused when the product leaves the range, or is too large
 */
export function multiply(a: LinearMap, b: LinearMap, where: string): LinearMap {
  const product = (left: SparseMatrix, right: SparseMatrix): SparseMatrix =>
    carriedMatrix(sparse.multiply(left, right, where), where);
  if (!isConvolution(a) && !isConvolution(b)) return product(a, b);
  if (!isConvolution(a) && sparse.isIdentity(a)) return b;
  if (!isConvolution(b) && sparse.isIdentity(b)) return a;
  if (isConvolution(b) && !isConvolution(a) && sparse.longestRow(a) <= 1)
    return convolutionMap(b.kernel, b.after === null ? a : product(a, b.after), b.before);
  if (isConvolution(a) && !isConvolution(b) && sparse.longestRow(b) <= 1)
    return convolutionMap(a.kernel, a.after, a.before === null ? b : product(a.before, b));
  return product(explicit(a, where), explicit(b, where));
}

/** A + B, in the range that bounds carry. @throws ModelRefused when it leaves the range, or is too large */
export function add(a: LinearMap, b: LinearMap, where: string): SparseMatrix {
  return carriedMatrix(sparse.add(explicit(a, where), explicit(b, where)), where);
}
