/** How far the latent may move for the answer to stand: what `verify` recomputes a radius from. */

/**
 * R_u less what f_L(x) and f_L(x') are computed wrong by, in latent units; a difference of float64, rounded to nearest.
 * Without a bound on the rounding error (null) nothing is left.
 */
export const usableRadius = (latentRadius: number, forwardError: number | null): number =>
  latentRadius - 2 * (forwardError ?? Number.POSITIVE_INFINITY);
