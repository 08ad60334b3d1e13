/**
 * What a score loses between the point that noise leads to and the point that is looked at. The certified score is of v = u + σG in
 * exact arithmetic, and L-Lipschitz; drawn is a score of Q(v), Q rounding to a grid q and to float32. So its mean is off by at most
 *
 *   ρ = L E ||Q(v) - v|| <= L sqrt(sum over coordinates of E |Q(v_i) - v_i|²)                                            (Jensen).
 *
 * With σ >= 65536 q the place of v_i between two points of the grid is uniform but for a factor below 1 + 2^-1000 in density (Poisson
 * summation), so that E |grid(v_i) - v_i|² <= q² / 12 (1 + 2^-1000); float32 then moves the result by 2^-24 of its size at most, which in
 * root mean square is |u_i| + σ + q at most. By Minkowski each root of an expectation is at most q / sqrt(12) + 2^-24 (|u_i| + σ + q).
 */
import { inflate, normUp } from '../../ground/rounding-error.ts';

/**
 * ρ, an upper bound.
 * @param lipschitz L of a score
 * @param centre u, in units of the cut tensor
 */
export function roundingLoss(lipschitz: number, centre: Float64Array, sigma: number, grid: number): number {
  const each = centre.map((u) => grid / Math.sqrt(12) + 2 ** -24 * (Math.abs(u) + sigma + grid));
  return inflate(lipschitz * normUp(each), 16);
}

/** The least that ρ can be around any centre of so many coordinates. */
export const leastRoundingLoss = (lipschitz: number, size: number, sigma: number, grid: number): number =>
  lipschitz * Math.sqrt(size) * (grid / Math.sqrt(12) + 2 ** -24 * (sigma + grid));
