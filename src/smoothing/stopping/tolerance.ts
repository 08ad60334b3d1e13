/**
 * `tolerance T%`: draws end once the radius is within T % of what a Clopper-Pearson bound from all n draws would give at the whole
 * of α, were the rest like those seen; or once all n draws would hardly show a majority (`outlook.ts`). An eighth of α is for the
 * looks before the last: images that need all n draws lose next to nothing.
 */
import { clopperPearsonLower } from '../votes/clopper-pearson.ts';
import { mostVotes } from './outlook.ts';
import type { StoppingRule } from './rule.ts';
import { levelAt, looksFrom, lowerAt, type Spending } from './spending.ts';

/** A radius within a few per cent takes more draws than a decision does: no look is spent where it cannot be. */
const spending: Spending = { looks: looksFrom(512), early: 1 / 8 };

export const tolerance = (percent: number): StoppingRule => ({
  spending,
  isSettled(look, { n, alpha, radiusAt }) {
    if (radiusAt(clopperPearsonLower(mostVotes(look, n), n, levelAt(n, n, alpha, spending))) === 0)
      return true;
    const now = radiusAt(lowerAt(look, n, alpha, spending));
    if (now === 0) return false;
    const likeThese = Math.round((look.votes / look.draws) * n);
    return now >= (1 - percent / 100) * radiusAt(clopperPearsonLower(likeThese, n, alpha));
  },
});
