/**
 * What a pilot certificate would come to at another number of draws: an estimate for planning, not a certificate.
 *
 * The pilot's counts k of m become (k + 1/2)/(m + 1) of n for the top class (Jeffreys' estimate: m agreeing draws do not show
 * a probability of 1), the others share the rest in their proportions; the latent radius follows as from real counts. The input
 * radius keeps the ratio to it that was measured, which moves little; without one, the left half's global bound stands in.
 */
import type { VoteBoundName } from '../ground/vote-bound-names.ts';
import { VOTE_BOUNDS } from '../smoothing/votes/index.ts';
import { latentRadius } from '../smoothing/votes/latent-radius.ts';
import type { VoteCounts } from '../smoothing/votes/vote-counts.ts';

export interface ExpectedSettings {
  readonly sigma: number;
  readonly n: number;
  readonly alpha: number;
  readonly bound: VoteBoundName;
  /** Upper bound on the left half's Lipschitz constant on all of space; 1 at the input. */
  readonly lipschitz: number;
}

/** The votes of a pilot, and how far its radii reach. */
export interface PilotVotes extends VoteCounts {
  /** Top class of the selection draws; null when none was finite. */
  readonly selected: number | null;
  /** Draws. */
  readonly n: number;
  /** Input radius per latent radius, where it was measured; null: the global bound is all there is. */
  readonly reach: number | null;
}

/** Expected input radius after `n` draws, all made even where the bound would end sooner; 0 when it would abstain. */
export function expectedRadius(
  pilot: PilotVotes,
  { sigma, n, alpha, bound, lipschitz }: ExpectedSettings,
): number {
  const { selected, reach } = pilot;
  if (selected === null) return 0;
  const { radius } = latentRadius(scaledVotes(pilot, selected, n), selected, {
    ...{ sigma, alpha, bound: VOTE_BOUNDS[bound] },
    // A forecast: the error of the noise is far below that of the pilot.
    tau: 0,
  });
  return radius * (reach ?? 1 / lipschitz);
}

/** The same if the left half were bounded by its global Lipschitz constant alone. */
export function expectedGlobalRadius(pilot: PilotVotes, settings: ExpectedSettings): number {
  return expectedRadius({ ...pilot, reach: null }, settings);
}

function scaledVotes({ counts, nonFinite, n: drawn }: PilotVotes, top: number, n: number): VoteCounts {
  if (n === drawn) return { counts, nonFinite };
  const share = ((counts[top] ?? 0) + 0.5) / (drawn + 1);
  const forTop = Math.floor(share * n);
  const others = drawn - (counts[top] ?? 0);
  let left = n - forTop;
  const scaled = counts.map((count, k) => {
    if (k === top) return forTop;
    const votes = others === 0 ? 0 : Math.min(left, Math.round((count / others) * (n - forTop)));
    left -= votes;
    return votes;
  });
  // What rounding leaves, or all of it where the pilot saw no other class, is not assigned to any class.
  return { counts: scaled, nonFinite: left };
}
