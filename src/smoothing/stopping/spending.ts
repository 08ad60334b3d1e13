/**
 * p_A where drawing may end early: α is spent on looks that are fixed beforehand (Lan & DeMets, Biometrika 70, 1983, in the
 * plainest form, a union bound). With looks n_1 < … < n_K = n and f the rule's early share, look k has a Clopper-Pearson bound
 * of the first n_k draws at level
 *
 *   α_k = f α / (K - 1)  for k < K,      α_K = (1 - f) α;      α_1 = α where K = 1.
 *
 * Proof. The bound of look k, of draws made or only imagined, exceeds the true probability with probability at most α_k, for n_k
 * is a fixed number. The α_k add up to α, so with probability at least 1 - α no bound does, and what is reported is one of
 * them: that of the look where drawing ended, whatever ended it. []
 *
 * Against a betting sequence (`votes/betting.ts`), which holds at every number of draws, this has looks only, and each is sharper:
 * a look costs a factor in α, a sequence one that grows with the square root of the draws.
 */
import { clopperPearsonLower } from '../votes/clopper-pearson.ts';
import { drawsToLook, type Looks } from '../votes/looks.ts';
import { type VoteBound, votesFor } from '../votes/vote-bound.ts';
import { drawsOf } from '../votes/vote-counts.ts';

/** The votes at a look. */
export interface Look {
  /** For the class that was selected. */
  readonly votes: number;
  readonly draws: number;
}

/** How a rule spends alpha. */
export interface Spending {
  readonly looks: Looks;
  /** Share of alpha that all looks before the last one spend together, in equal parts; the rest is for all n draws. */
  readonly early: number;
}

/** Looks from the first on: close enough that little is drawn in vain, few enough that each has its share of alpha, whole batches apart. */
export const looksFrom = (first: number): Looks => ({ first, apart: 1.15, step: 64, last: 3 / 4 });

/**
 * Level of the bound at a look: what it spends of alpha.
 * @param draws at the look, n at the last one @param n the most that may be drawn
 * @throws RangeError where the rule does not look after so many draws: nothing is spent there
 */
export function levelAt(draws: number, n: number, alpha: number, { looks, early }: Spending): number {
  const all = looksOf(n, looks);
  if (!all.includes(draws)) throw new RangeError(`no look after ${draws} of ${n} draws`);
  if (all.length === 1) return alpha;
  // Rounded down, so that the levels add up to no more than alpha whatever the rounding of each.
  return (draws < n ? (early * alpha) / (all.length - 1) : (1 - early) * alpha) * (1 - 2 ** -40);
}

/** Whether the rule looks after so many draws. */
export const isLook = (draws: number, n: number, { looks }: Spending): boolean =>
  looksOf(n, looks).includes(draws);

/** Draws at every look, in ascending order; the last is n. */
function looksOf(n: number, looks: Looks): number[] {
  const all: number[] = [];
  for (let draws = 0; draws < n; all.push(draws)) draws += drawsToLook(draws, n, looks);
  return all;
}

/** Lower bound on the probability of the class at a look; all of a rule's looks hold at once with probability 1 - alpha. */
export const lowerAt = ({ votes, draws }: Look, n: number, alpha: number, spending: Spending): number =>
  clopperPearsonLower(votes, draws, levelAt(draws, n, alpha, spending));

/** The same of votes; no p_B. */
export const spentProbabilities =
  (n: number, spending: Spending): VoteBound['probabilities'] =>
  (votes, top, alpha) => ({
    pA: lowerAt({ votes: votesFor(votes, top), draws: drawsOf(votes) }, n, alpha, spending),
    pB: null,
  });
