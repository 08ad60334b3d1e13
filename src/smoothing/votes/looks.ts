/**
 * The numbers of draws at which votes are looked at, a geometric sequence fixed beforehand: neither batches nor workers have a
 * part in it, so that drawing again ends where it ended before.
 */

/** Draws that are counted at once, at most: workers share a 32-bit counter, and may run past the end by a batch each. */
export const MOST_DRAWS = 2 ** 30;

export interface Looks {
  /** Draws before the first look. */
  readonly first: number;
  /** Factor from one look to the next, at least; above 1. */
  readonly apart: number;
  /** Draws between two looks are a multiple of it. */
  readonly step: number;
  /** Share of n after which nothing but n is left: ending later would save too little. */
  readonly last: number;
}

/** Draws from here to the next look; n is the last one, at which 0 are left. */
export function drawsToLook(draws: number, n: number, { first, apart, step, last }: Looks): number {
  const next = draws === 0 ? first : step * Math.ceil((draws * apart) / step);
  return (next > last * n ? n : next) - draws;
}
