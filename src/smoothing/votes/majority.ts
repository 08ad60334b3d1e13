/** `clopper-pearson`: p_A at level 1 - α from a number of draws fixed beforehand (Cohen et al. 2019, section 3.2.2); no p_B. */
import { clopperPearsonLower } from './clopper-pearson.ts';
import { allAtOnce, type VoteBound, votesFor } from './vote-bound.ts';
import { drawsOf } from './vote-counts.ts';

export const majority: VoteBound = {
  name: 'clopper-pearson',
  next: allAtOnce,
  probabilities: (votes, top, alpha) => ({
    pA: clopperPearsonLower(votesFor(votes, top), drawsOf(votes), alpha),
    pB: null,
  }),
};
