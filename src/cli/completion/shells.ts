/** The shells that `completion` knows. */
export const SHELLS = ['bash', 'zsh'] as const;

export type Shell = (typeof SHELLS)[number];

/** The first argument of the calls that a completion script makes; the words typed follow, the last one perhaps not yet whole. */
export const COMPLETE = '--complete';
