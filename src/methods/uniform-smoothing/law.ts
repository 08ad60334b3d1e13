/** Uniform noise on [-λ, λ] in every pixel, radii in l1. */

import { uniformCoordinateError, uniformVariation } from '../../smoothing/noise/uniform-error.ts';
import { UNIFORM_NOISE_ID } from '../../smoothing/noise/uniform-noise.ts';
import { uniformRadius, uniformRadiusAt } from '../../smoothing/votes/uniform-radius.ts';
import type { CheckedLaw } from '../smoothing/check/checked-law.ts';
import type { NoiseLaw } from '../smoothing/law.ts';

export const UNIFORM: NoiseLaw = {
  kind: 'uniform',
  variation: uniformVariation,
  radius: uniformRadius,
  radiusAt: uniformRadiusAt,
};

/** More than the roundings of a difference and two products. */
const SLACK = 2 ** -50;

/**
 * What checks a certificate: the radius as p_A λ − (1 − p_A) λ, and with p_B as p_A λ − p_B λ, not as `uniformRadius` computes it. The error
 * of the noise is a proof (`uniform-error.ts`), so there is nothing to compute in another way.
 */
export const UNIFORM_CHECK: CheckedLaw = {
  noise: UNIFORM_NOISE_ID,
  scale: 'lambda',
  errorAtZero: (steps) => uniformCoordinateError(steps, 0),
  radius(pA, pB, lambda) {
    const other = pB ?? 1 - pA;
    const radius = pA * lambda - other * lambda;
    const error = SLACK * lambda * (pA + other);
    return { lower: radius - error, upper: radius + error };
  },
  probabilityAt(radius, lambda) {
    const p = 0.5 + radius / lambda / 2;
    return { lower: p * (1 - SLACK), upper: Math.min(1, p * (1 + SLACK)) };
  },
};
