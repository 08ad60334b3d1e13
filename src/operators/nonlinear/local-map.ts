/**
 * Nonlinear maps of whole vectors whose bound is that of a ball: products, quotients, normalisations, softmax. Most have
 * no Lipschitz constant on all of space; around a centre they have one, and it is what the bound uses.
 */

/** The ball a map is bounded on: z = centre + movement. */
export interface Ball {
  /** The centre as computed; the exact one is within `error` in l2. */
  readonly centre: Float64Array;
  readonly error: number;
  /** Upper bounds on the movement of each cell: 0, or at least `TINY` (rounding.ts). */
  readonly T: Float64Array;
  /** Upper bound on the l2 norm of the movement of all cells; asked for only where it counts, since it takes a norm. */
  rho(): number;
}

export interface LocalBound {
  /** ||f(z + d) - f(z)|| <= sum over k of ||diag(slopes_k) d|| for every movement d that the ball allows. */
  readonly slopes: readonly Float64Array[];
  /** Upper bounds on the movement of each entry of f(z). */
  readonly box: Float64Array;
}

export interface LocalMap {
  /** Length of the result. */
  readonly size: number;
  /** f(z) in float64. */
  value(z: Float64Array): Float64Array;
  /**
   * Upper bound on the l2 error of value(z') for every z' within `moved` of z in l2 whose exact value is within
   * `valueMoved` of `value`, which is value(z).
   */
  rounding(z: Float64Array, value: Float64Array, moved: number, valueMoved: number): number;
  /** Upper bound on the l2 Lipschitz constant of f on all of space; Infinity where there is none. */
  readonly lipschitz: number;
  /** How f moves on the ball; null where it has no bound there (a divisor that may become 0). */
  on(ball: Ball): LocalBound | null;
  /** Norms of the segment before it that a bound takes, at most: one per vector of slopes, and one if it asks for rho. */
  readonly norms: number;
}

/** Relative margin for a handful of roundings of numbers that do not cancel. */
export const UP = 1 + 2 ** -48;
