/**
 * What the bounds ask of a linear map A. It is held as a matrix written out (sparse-matrix.ts) or, where that is too
 * large, as a convolution (convolution-map.ts). A map never changes, and remembers what it has computed.
 */
import type { Scales } from './scales.ts';
import type { SparseMatrix } from './sparse-matrix.ts';

export interface LinearMap {
  readonly rows: number;
  readonly cols: number;
  /** Upper bound on ||A_stored - A_exact||_2. Everything derived from the map adds it. */
  readonly error: number;
  /** A x. */
  apply(x: Float64Array): Float64Array;
  /** A^T y. */
  applyAdjoint(y: Float64Array): Float64Array;
  /** Upper bound on |A| b for b >= 0, of the stored map: add `error * ||b||` for the exact one. */
  applyAbsolute(b: Float64Array): Float64Array;
  /** Upper bounds on the l2 norm of each row of the exact map. */
  rowNorms(): Float64Array;
  /**
   * Upper bound on || |A| ||_2 (hence on ||A||_2) of the stored map: sqrt(||A||_1 ||A||_inf). Loose, cheap and
   * deterministic; used where it is multiplied by a rounding unit.
   */
  absoluteNorm(): number;
  /** Roundings that an entry of A x can collect: the length of a row, or of a path. */
  longestRow(): number;
  /** The same for A^T y. */
  longestColumn(): number;
  /** Whether the map copies cells and rounds nothing. */
  isSelection(): boolean;
  /** Multiplications in one application. */
  work(): number;
  /**
   * y = B^T B x with B = diag(rows) A diag(columns), never formed, as a function of x and y. It rounds at most
   * longestRow + longestColumn + 8 times along any path.
   */
  gram(rows: Scales, columns: Scales): (x: Float64Array, y: Float64Array) => void;
  /**
   * Upper bound on the l2 norm of what a product with that Gram matrix loses to underflow, whatever the vector; Infinity
   * where the factors are too large to say.
   *
   * @param rows largest scale of a row
   * @param columns largest scale of a column
   */
  gramUnderflow(rows: number, columns: number): number;
  /** The map as a matrix. @throws ModelRefused, naming `where`, when it is too large or leaves the range bounds carry */
  explicit(where: string): SparseMatrix;
}
