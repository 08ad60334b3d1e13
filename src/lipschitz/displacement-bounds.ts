/** The names of the bounds on a left half's displacement; kept apart so that help can list them without loading the rest. */

/** Upper bounds, loosest first. `power` is the published method: an estimate, not a bound. */
export const DISPLACEMENT_BOUNDS = ['global', 'mask', 'secant', 'power'] as const;
export type DisplacementBound = (typeof DISPLACEMENT_BOUNDS)[number];
