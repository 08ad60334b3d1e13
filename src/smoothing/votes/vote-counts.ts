/** Votes of the draws of one stage, and what can be read off them. */
export interface VoteCounts {
  /** Draws whose largest logit is that class's; ties go to the first class. */
  readonly counts: readonly number[];
  /** Draws with a NaN or infinite logit; in no class's count. */
  readonly nonFinite: number;
}

/** Number of draws behind the counts. */
export function drawsOf(votes: VoteCounts): number {
  return votes.counts.reduce((sum, count) => sum + count, votes.nonFinite);
}

/** The class with most votes, the first of equals; null when no draw gave finite logits. */
export function selectedClass(votes: VoteCounts): number | null {
  const most = Math.max(...votes.counts);
  return most > 0 ? votes.counts.indexOf(most) : null;
}

/** Votes of disjoint sets of draws, together. */
export function sumOfVotes(parts: readonly VoteCounts[], classes: number): VoteCounts {
  const counts = new Array<number>(classes).fill(0);
  let nonFinite = 0;
  for (const part of parts) {
    for (const [c, votes] of part.counts.entries()) counts[c] = (counts[c] ?? 0) + votes;
    nonFinite += part.nonFinite;
  }
  return { counts, nonFinite };
}
