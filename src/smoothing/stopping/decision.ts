/**
 * `radius >= R`: draws end once it is decided whether the certified radius reaches R. At a look, with T the radius where the noise
 * is added that R needs,
 *
 *   yes   its bound gives a radius of at least T;
 *   no    all n draws would hardly give one (`outlook.ts`).
 *
 * Half of α is for the looks before the last, since most images are decided by them.
 */
import { clopperPearsonLower } from '../votes/clopper-pearson.ts';
import { mostVotes } from './outlook.ts';
import type { StoppingRule } from './rule.ts';
import { levelAt, looksFrom, lowerAt, type Spending } from './spending.ts';

const spending: Spending = { looks: looksFrom(128), early: 1 / 2 };

export const decision: StoppingRule = {
  spending,
  isSettled(look, { n, alpha, target, radiusAt }) {
    if (radiusAt(lowerAt(look, n, alpha, spending)) >= target) return true;
    return radiusAt(clopperPearsonLower(mostVotes(look, n), n, levelAt(n, n, alpha, spending))) < target;
  },
};
