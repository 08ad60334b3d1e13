/** The bounds that turn votes into probabilities, as flags and result files name them; `smoothing/votes/index.ts` has them. */
export const VOTE_BOUND_NAMES = ['clopper-pearson', 'runner-up', 'anytime'] as const;

export type VoteBoundName = (typeof VOTE_BOUND_NAMES)[number];
