/** A distribution of noise, and the theorem that makes a radius of votes under it. */

import type { NoiseKind } from '../../smoothing/noise/kind.ts';
import { totalVariation } from '../../smoothing/noise/noise-error.ts';
import { latentRadius, radiusAtProbability } from '../../smoothing/votes/latent-radius.ts';

export interface NoiseLaw {
  /** What the workers draw. */
  readonly kind: NoiseKind;
  /** τ: an upper bound on the total variation between the noise drawn around a point and ideal noise. @param scale as `Sigma` @param grid what is rounded to */
  readonly variation: (latent: Float64Array, scale: number, grid?: number) => number;
  /** From votes to a radius where the noise is added, rounded down; `sigma` is the scale. */
  readonly radius: typeof latentRadius;
  /** The same from p_A alone, τ taken off; 0 where it gives none. */
  readonly radiusAt: (pA: number, scale: number) => number;
}

/** Normal noise, radii in l2 (Cohen, Rosenfeld, Kolter 2019). */
export const GAUSSIAN: NoiseLaw = {
  ...{ kind: 'gaussian', variation: totalVariation, radius: latentRadius },
  radiusAt: radiusAtProbability,
};
