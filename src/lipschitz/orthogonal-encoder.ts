/**
 * A left half that widens no distance and somewhere keeps it: what noise behind it certifies at the cut is certified at the image
 * (Zeng, Su & Huang 2021). Its layers are orthogonal matrices, or rows of them, between sortings and other 1-Lipschitz steps.
 */

/** How far from 1 the proven bound may be: float32 rounds the entries of an orthogonal matrix. */
const CLOSE = 1e-6;

/** @param lipschitz a proven upper bound on the Lipschitz constant of the left half on all of space; null without one */
export const isOrthogonalEncoder = (lipschitz: number | null): boolean =>
  lipschitz !== null && Math.abs(lipschitz - 1) <= CLOSE;
