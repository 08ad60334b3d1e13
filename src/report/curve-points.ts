/** The certified-accuracy curve as points: exact at each of them, never above the truth between them. */

import { certifiedCount, type Score, shareBand } from '../statistics/accuracy.ts';

export interface CurvePoint {
  /** Input units. */
  readonly radius: number;
  /** Images that count at this radius. */
  readonly certified: number;
  /** Two-sided 95 % Clopper-Pearson interval for their share in the population, this radius taken alone. */
  readonly lower: number;
  readonly upper: number;
}

/** More steps than a figure has pixels for only make the file larger. */
const AT_MOST = 240;

/**
 * The share of images with a radius >= r, r = 0 and where it steps. It is constant on (r_k, r_{k+1}], so it is drawn with
 * each value reaching back to the radius before. Of more than 240 steps some are omitted; then a value is drawn where a
 * larger one holds, never the reverse. Ends at the largest radius. Empty without images.
 */
export function curvePoints(score: Score): CurvePoint[] {
  const { images, radii } = score;
  if (images === 0) return [];
  const steps = [...new Set(radii)].filter((radius) => radius > 0);
  const every = Math.max(1, Math.ceil(steps.length / AT_MOST));
  const kept = steps.filter((_, i) => (steps.length - 1 - i) % every === 0);
  return [0, ...kept].map((radius) => {
    return { radius, certified: certifiedCount(score, radius), ...shareBand(score, radius) };
  });
}
