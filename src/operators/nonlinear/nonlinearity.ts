/**
 * A nonlinear map z -> f(z) between two affine segments, with everything that the left half needs from it: its value, how far
 * that moves when z does, and how far the computed value is from the exact one. One implementation per way of bounding:
 * elementwise.ts, window-maxima.ts, vector-map.ts, local-map.ts.
 */
import { inflate, normUp, TINY } from '../../ground/rounding-error.ts';
import type { SparseMatrix } from '../algebra/sparse-matrix.ts';

/** How far a vector moves on a ball. */
export interface Movement {
  /** Upper bound on the l2 displacement. */
  readonly rho: number;
  /** Upper bounds per coordinate; null where they are not kept (global bound, input). */
  readonly box: Float64Array | null;
}

/** The input of a nonlinearity on a ball: z = centre + d. */
export interface MovingInput {
  /** The centre as computed; the exact one is within `error` in l2. */
  readonly centre: Float64Array;
  readonly error: number;
  /** Upper bounds on |d_i|: 0, or at least `TINY`. */
  readonly T: Float64Array;
  /** Upper bound on ||diag(rows) d||, null standing for ones; requested only where it matters, since it takes a norm. */
  weighted(rows: Float64Array | null): number;
}

/** f(z + d) - f(z) = J d + remainder, for a J chosen around one centre: an identity, whatever J is. */
export interface Linearisation {
  /** J, exact as stored. */
  readonly matrix: SparseMatrix;
  /** Upper bounds on the remainder over everything that d may be; rho is Infinity where it has none. */
  remainder(input: MovingInput): Movement;
}

/** How a nonlinearity is split into a linear part and a remainder (docs/certificates.md, section 3.1). */
export interface LinearParts {
  /** Entries of `pattern`. */
  readonly entries: number;
  /** Ones wherever any J of `at` may have an entry. */
  pattern(): SparseMatrix;
  /** Norms of the segment before it that one `remainder` takes, at most. */
  readonly norms: number;
  /** The split around a centre, for balls about as large as this one; null where J = 0 is as good. */
  at(ball: Omit<MovingInput, 'weighted'>): Linearisation | null;
}

/** Which slopes count: those of coordinates that can move (SPLITZ eq. 18), or of chords through the centre. */
export type CountedSlopes = 'mask' | 'secant';

/** A point near the centre where a nonlinearity is evaluated: upper bounds; at the centre all but `error` are 0 or null. */
export interface Nearby {
  /** l2 error of the input there. */
  readonly error: number;
  /** Distance, per coordinate and in l2, of the input computed there from the one computed at the centre. */
  readonly reach: Float64Array | null;
  readonly moved: number;
  /** l2 distance of the exact output for that input from the one computed at the centre. */
  readonly outputMoved: number;
}

export interface Nonlinearity {
  /** The row of the documentation's table it belongs to; it decides nothing. */
  readonly kind: 'activation' | 'maximum' | 'vector' | 'local';
  /** Length of the result. */
  readonly size: number;
  /** f(z) in float64. */
  value(z: Float64Array): Float64Array;
  /** Upper bound on the l2 Lipschitz constant on all of space; Infinity where at most balls have a bound. */
  readonly lipschitz: number;
  /** Norms of the segment before it that one bound takes, at most; the failure probability is divided over them. */
  readonly norms: number;
  /** Whether `movement` weights the rows of every norm it takes: then an unmasked one matters on all of space only. */
  readonly weightsRows: boolean;
  /** Upper bound on the l2 movement of f(z), wherever z is, when z moves by at most `rho` in l2. */
  globalRho(rho: number): number;
  /** Upper bounds on the movement of f(z) on the ball; rho is Infinity where it has none. */
  movement(input: MovingInput, slopes: CountedSlopes): Movement;
  /** Omitted by a map without a linear part: the whole of its movement is remainder then. */
  readonly linear?: LinearParts;
  /** Whether `inheritedError` depends on where the input lies, so that `reach` and `moved` have to be known. */
  readonly looksAtInput: boolean;
  /** Upper bound on the l2 error of the output due to one of the input. `z`: the input computed at the centre. */
  inheritedError(z: Float64Array, near: Nearby): number;
  /**
   * Upper bound on the l2 error of value(z') itself, underflow included, for every z' within `moved` of z in l2 whose
   * exact value is within `valueMoved` of `value`, which is value(z); 0 where f copies what it is given.
   */
  rounding(z: Float64Array, value: Float64Array, moved: number, valueMoved: number): number;
}

/** The point itself, where the input is known up to `error`. */
export const atCentre = (error: number): Nearby => ({ error, reach: null, moved: 0, outputMoved: 0 });

/** An error that is not 0 is at least `TINY`: that covers what underflow took, and no further factor makes it vanish. */
export const noted = (error: number): number => (error > 0 ? Math.max(error, TINY) : error);

/** Upper bound on the l2 error of the output: what it inherits from the input, and the map's own rounding. */
export function outputError(map: Nonlinearity, z: Float64Array, value: Float64Array, near: Nearby): number {
  const inherited = map.inheritedError(z, near);
  const own = map.rounding(z, value, near.moved, near.outputMoved + inherited);
  return noted(inflate(inherited + own, 6));
}

/** The movement within a box; the secant bound takes the norm of the box where that is smaller. */
export const boxed = (rho: number, box: Float64Array, slopes: CountedSlopes): Movement => ({
  rho: slopes === 'secant' ? Math.min(rho, normUp(box)) : rho,
  box,
});
