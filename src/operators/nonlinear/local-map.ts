/**
 * Nonlinear maps of whole vectors whose bound is that of a ball: products, quotients, normalisations, softmax. Most have
 * no Lipschitz constant on all of space; around a centre they have one, which the bound uses.
 */
import { inflate, normUp, productUp, TINY } from '../../ground/rounding-error.ts';
import type {
  CountedSlopes,
  LinearParts,
  Movement,
  MovingInput,
  Nearby,
  Nonlinearity,
} from './nonlinearity.ts';

/** The ball a map is bounded on: z = centre + movement. */
export interface Ball {
  /** The centre as computed; the exact one is within `error` in l2. */
  readonly centre: Float64Array;
  readonly error: number;
  /** Upper bounds on the movement of each cell: 0, or at least `TINY` (rounding-error.ts). */
  readonly T: Float64Array;
  /** Upper bound on the l2 norm of the movement of all cells; requested only where it matters, since it takes a norm. */
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
  /** Upper bound on the l2 Lipschitz constant of f on all of space; Infinity where f has none. */
  readonly lipschitz: number;
  /** How f moves on the ball; null where it has no bound there (a divisor that may become 0). */
  on(ball: Ball): LocalBound | null;
  /** Norms of the segment before it that a bound takes, at most: one per vector of slopes, and one if it asks for rho. */
  readonly norms: number;
  /** Omitted by a map without a linear part. */
  readonly linear?: LinearParts;
}

/** Relative margin for a handful of roundings of numbers that do not cancel. */
export const UP = 1 + 2 ** -48;

/** The map as a nonlinearity; only the secant bound looks at balls. */
export function boundedOnBalls(map: LocalMap): Nonlinearity {
  const { size, lipschitz, norms } = map;
  const globalRho = (rho: number): number => inflate(productUp(lipschitz, rho), 4);
  return {
    kind: 'local',
    size,
    lipschitz,
    norms,
    weightsRows: false,
    looksAtInput: true,
    ...(map.linear === undefined ? {} : { linear: map.linear }),
    value: (z) => map.value(z),
    globalRho,
    movement: (input, slopes) => movementOf(map, input, slopes, globalRho),
    inheritedError: (z, near) => (near.error === 0 ? 0 : inherited(map, z, near)),
    rounding: (z, value, moved, valueMoved) => map.rounding(z, value, moved, valueMoved) + TINY,
  };
}

function movementOf(
  map: LocalMap,
  { centre, error, T, weighted }: MovingInput,
  counted: CountedSlopes,
  globalRho: (rho: number) => number,
): Movement {
  if (counted === 'mask')
    return Number.isFinite(map.lipschitz) ? { rho: globalRho(weighted(null)), box: null } : UNBOUNDED;
  const local = map.on({ centre, error, T, rho: () => weighted(null) });
  if (local === null) return UNBOUNDED;
  let rho = 0;
  for (const slopes of local.slopes) {
    // A cell that does not move needs no slope.
    const moving = slopes.map((slope, i) => (T[i] === 0 ? 0 : slope));
    if (moving.some((slope) => slope !== 0)) rho += weighted(moving);
  }
  return { rho: Math.min(inflate(rho, 4), normUp(local.box)), box: local.box };
}

/** An error of the input is a movement by that much: the smaller of what all of space and the ball around it allow. */
function inherited(map: LocalMap, z: Float64Array, { error, moved }: Nearby): number {
  const T = new Float64Array(z.length).fill(error);
  const bound = map.on({ centre: z, error: moved, T, rho: () => error });
  const slopes = bound?.slopes.map((part) => part.reduce((most, slope) => Math.max(most, slope), 0));
  const local = slopes?.reduce((sum, slope) => sum + slope, 0) ?? Number.POSITIVE_INFINITY;
  return productUp(Math.min(map.lipschitz, local), error);
}

/** What has no bound on a ball. */
export const UNBOUNDED: Movement = { rho: Number.POSITIVE_INFINITY, box: null };
