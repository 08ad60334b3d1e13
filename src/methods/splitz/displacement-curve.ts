/** D(r) around one image over radii, as the certificate bounds it; for people to look at. No certificate rests on it. */
import type { LeftHalfBound } from '../../lipschitz/input-radius.ts';
import type { DisplacementPoint } from '../method.ts';
import { latentCentre, probesOf } from './left-half.ts';

/** Shares of the certified radius at which D is bounded: a little beyond it, to see D pass R_u. */
const SHARES = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1.125, 1.25];
/** Where one bound takes seconds. */
const FEW_SHARES = [0.5, 1, 1.25];

/**
 * @param radius the certified radius, one of the radii of the curve
 * @param index the image's place in its data set, and `seed` the run's: probes as for its certificate
 */
export function displacementCurve(
  left: LeftHalfBound,
  image: Float32Array,
  radius: number,
  seed: bigint,
  index: number,
): DisplacementPoint[] {
  const { evaluation } = latentCentre(left, image);
  return (left.costly ? FEW_SHARES : SHARES).map((share) => ({
    radius: share * radius,
    displacement: left.displacementAt(evaluation, share * radius, probesOf(seed, index)),
  }));
}
