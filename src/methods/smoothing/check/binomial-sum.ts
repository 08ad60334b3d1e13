/**
 * Binomial tails for checking, computed in another way than by `certify`: without factorials, saddle point or library. With w_j the
 * probability of j over that of a term near the mode, neighbours differ by
 *
 *   w_{j+1} / w_j = (n - j)/(j + 1) · p/q,        P[X >= k] = Σ_{j >= k} w_j / Σ_j w_j,
 *
 * so both sums are built by multiplication and addition of positive numbers. In float64 (unit roundoff u) a term s steps
 * away carries a relative error of at most about 6 s u and a sum of t terms adds t u; the enclosure returned contains the
 * exact value. Away from the mode the ratios fall, so what is cut off is below a geometric series, which is counted.
 */
import { UNIT_ROUNDOFF } from '../../../ground/rounding-error.ts';

export interface Enclosure {
  readonly lower: number;
  readonly upper: number;
}

/** Share of the sum, and of what counts in it, below which the rest of a side is cut off. */
const NEGLIGIBLE = 1e-18;
/** Terms below this are not followed: the tail is smaller than any level in use. */
const SMALLEST = 1e-290;

/** One side of the mode: its terms summed, those that count towards the tail, and a bound on what was cut off. */
interface Side {
  readonly total: number;
  readonly counted: number;
  readonly rest: number;
  readonly terms: number;
  /** Whether the side ended before the tail's first term: then the tail is below `rest` plus the last term. */
  readonly vanished: number | null;
}

/**
 * Enclosure of P[X >= k] for X ~ Binomial(n, p).
 * @param p 0 < p < 1, within one rounding of the exact value
 * @param q 1 - p, within one rounding of the exact value
 */
export function tailEnclosure(k: number, n: number, p: number, q: number): Enclosure {
  if (k <= 0) return { lower: 1, upper: 1 };
  const odds = p / q;
  const mode = Math.min(n, Math.floor((n + 1) * p));
  const up = sumSide(
    n - mode,
    (s) => ((n - mode - s + 1) / (mode + s)) * odds,
    (s) => mode + s >= k,
    k - mode,
  );
  if (up.vanished !== null) return { lower: 0, upper: up.vanished };
  const down = sumSide(
    mode,
    (s) => (mode - s + 1) / (n - mode + s) / odds,
    (s) => mode - s >= k,
    mode - k,
  );
  const total = 1 + up.total + down.total;
  const counted = (mode >= k ? 1 : 0) + up.counted + down.counted;
  const relative = (6 * Math.max(up.terms, down.terms) + up.terms + down.terms + 32) * UNIT_ROUNDOFF;
  const lower = counted / (total + up.rest + down.rest);
  const upper = (counted + up.rest + (mode > k ? down.rest : 0)) / total;
  return { lower: lower * (1 - 3 * relative), upper: Math.min(1, upper * (1 + 3 * relative)) };
}

/**
 * @param most terms on this side of the mode
 * @param ratio of the s-th term to the one before it, s = 1, 2, …
 * @param counts whether the s-th term belongs to the tail
 * @param needed the terms up to this one may not be cut off
 */
function sumSide(
  most: number,
  ratio: (s: number) => number,
  counts: (s: number) => boolean,
  needed: number,
): Side {
  let w = 1;
  let total = 0;
  let counted = 0;
  for (let s = 1; s <= most; s++) {
    const factor = ratio(s);
    w *= factor;
    total += w;
    if (counts(s)) counted += w;
    const rest = factor < 1 ? (w * factor) / (1 - factor) : Number.POSITIVE_INFINITY;
    if (s >= needed && rest < NEGLIGIBLE * (counted > 0 ? counted : 1 + total)) {
      // Doubled for the rounding of the bound itself.
      return { total, counted, rest: 2 * rest, terms: s, vanished: null };
    }
    if (w < SMALLEST && factor < 1)
      return { total, counted, rest: 2 * rest, terms: s, vanished: s < needed ? 2 * (w + rest) : null };
  }
  return { total, counted, rest: 0, terms: most, vanished: null };
}
