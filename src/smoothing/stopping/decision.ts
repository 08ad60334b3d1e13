/**
 * `radius >= R`: draws end once it is decided whether the certified radius reaches R. Half of α is the sequence's, since most
 * images are decided by it. At a look, with T the radius where the noise is added that R needs,
 *
 *   yes   the sequence gives a radius of at least T;
 *   no    the sequence from above gives one below T: more draws would hardly have shown the opposite;
 *   no    all n draws could not show it, were all that are left votes for the class.
 */
import { anytimeLower } from '../votes/betting.ts';
import { clopperPearsonLower } from '../votes/clopper-pearson.ts';
import { partsOf } from './hybrid.ts';
import type { StoppingRule } from './rule.ts';

const SHARE = 1 / 2;

export const decision: StoppingRule = {
  sequenceShare: SHARE,
  isSettled({ votes, draws }, { n, alpha, target, radiusAt }) {
    const { sequence, atEnd } = partsOf(alpha, SHARE);
    if (radiusAt(anytimeLower(votes, draws, sequence)) >= target) return true;
    if (radiusAt(1 - anytimeLower(draws - votes, draws, sequence)) < target) return true;
    return radiusAt(clopperPearsonLower(votes + n - draws, n, atEnd)) < target;
  },
};
