/**
 * `tolerance T%`: draws end once the radius is within T % of what a Clopper-Pearson bound from all n draws would give at the whole
 * of α, were the rest like those seen; or once the sequence from above shows that the class has no majority, so that all n draws
 * would end in an abstention. A tenth of α is the sequence's: images that need all n draws lose next to nothing.
 */
import { anytimeLower } from '../votes/betting.ts';
import { clopperPearsonLower } from '../votes/clopper-pearson.ts';
import { partsOf } from './hybrid.ts';
import type { StoppingRule } from './rule.ts';

const SHARE = 1 / 10;

export const tolerance = (percent: number): StoppingRule => ({
  sequenceShare: SHARE,
  isSettled({ votes, draws }, { n, alpha, radiusAt }) {
    const { sequence } = partsOf(alpha, SHARE);
    if (anytimeLower(draws - votes, draws, sequence) > 0.5) return true;
    const now = radiusAt(anytimeLower(votes, draws, sequence));
    if (now === 0) return false;
    const likeThese = Math.round((votes / draws) * n);
    return now >= (1 - percent / 100) * radiusAt(clopperPearsonLower(likeThese, n, alpha));
  },
});
