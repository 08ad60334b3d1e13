/** The tests that confidence bounds on votes invert, recomputed (`binomial-sum.ts`, `betting-product.ts`) by other code than that of `smoothing/votes`. */
import { wealthEnclosure } from './betting-product.ts';
import { tailEnclosure } from './binomial-sum.ts';

/** Enclosures of the largest n cannot tell alpha from one this much larger. */
const ALPHA_TOLERANCE = 1e-9;

/** What `votes` of `n` say, at one level, of a probability p, 0 < p < 1, and q = 1 - p, each within one rounding: the test that a lower bound inverts. */
export interface VoteTest {
  /** So many votes are too many for p to be true: p is at most their bound. */
  rejects(p: number, q: number): boolean;
  /** They are not: p is above their bound. */
  allows(p: number, q: number): boolean;
}

export type TestOf = (votes: number, n: number, level: number) => VoteTest;

/** Clopper-Pearson: P[Bin(n, p) >= votes] <= level. */
export const binomialTest: TestOf = (votes, n, level) => ({
  rejects(p, q) {
    return tailEnclosure(votes, n, p, q).upper <= level * (1 + ALPHA_TOLERANCE);
  },
  allows(p, q) {
    return tailEnclosure(votes, n, p, q).lower > level;
  },
});

/** Betting: the wealth against p reaches 1/level, and p is at most the share of votes. */
export const bettingTest: TestOf = (votes, n, level) => ({
  rejects(p, q) {
    return p <= votes / n && wealthEnclosure(votes, n, p, q, level).lower >= 1 - ALPHA_TOLERANCE;
  },
  allows(p, q) {
    return wealthEnclosure(votes, n, p, q, level).upper < 1 + ALPHA_TOLERANCE;
  },
});
