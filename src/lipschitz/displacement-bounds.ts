/** The names of the bounds on a left half's displacement; kept apart so that help can list them without loading the rest. */

/** Upper bounds, loosest first. `power` is the published method: an estimate, not a bound. */
export const DISPLACEMENT_BOUNDS = ['global', 'mask', 'secant', 'linear', 'power'] as const;
export type DisplacementBound = (typeof DISPLACEMENT_BOUNDS)[number];

/** The tightest. Behind a single nonlinearity it is `secant`, at the same cost. */
export const DEFAULT_BOUND: DisplacementBound = 'linear';

/** Those that multiply norms of single segments (displacement.ts). */
export type SegmentwiseBound = Exclude<DisplacementBound, 'linear'>;

/** Those that need no Lipschitz constant on all of space, only bounds on balls. */
export const BALL_BOUNDS: readonly DisplacementBound[] = ['secant', 'linear'];
