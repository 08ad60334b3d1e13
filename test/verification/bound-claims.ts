/** What a certificate says of the left half, for what looks at nothing else in it. */
import type { BoundClaim } from '../../src/methods/splitz/confirm/confirm-bounds.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';

type Given = Pick<SplitzEvidence, 'latentRadius' | 'displacement' | 'forwardError' | 'tau' | 'grid'>;

/** A claim of these numbers; its votes are none. */
export const claimOf = (radius: number, given: Given): BoundClaim => ({
  radius,
  evidence: {
    ...{ selected: 0, counts: [], nonFinite: 0, pA: 1, pB: null },
    ...{ localLipschitz: null, forwardErrorNearby: null },
    ...given,
  },
});
