/** From a latent radius to an input radius: the largest r found with D(r) + η'(r) <= R_u - η(x), rounded down. */

import { type BallBound, onBall } from './ball-bound.ts';
import { displacement, productBound } from './displacement.ts';
import type { DisplacementBound } from './displacement-bounds.ts';
import { type Evaluation, evaluateLeftHalf } from './evaluate-left-half.ts';
import { largestRadius } from './largest-radius.ts';
import type { LeftHalf } from './left-half.ts';
import { type InputRadius, NOTHING, PROOFS, provedRadius, radiusOf } from './proved-radius.ts';
import { SegmentNorms } from './segment-norms.ts';
import type { GaussianSource } from './spectral-norm.ts';

export type { InputRadius };

/** The certifier of one left half. Norms that do not depend on the image are computed once and kept. */
export interface LeftHalfBound {
  readonly half: LeftHalf;
  readonly bound: DisplacementBound;
  /** Failure probability that the proofs of one image may spend. */
  readonly delta: number;
  /** False for `power`, whose "radius" certifies nothing. */
  readonly isUpperBound: boolean;
  /** Failure probability of one call of `inputRadius`: 0 when every norm is proved deterministically. */
  readonly failureProbability: number;
  evaluate(x: Float64Array): Evaluation;
  /**
   * @param latentRadius R_u minus the forward error at the image, in latent units
   * @param gaussian probes for probabilistic norms, independent of the image and of the votes
   * @param spent proofs of this image that were made before, which the failure probability covers as well
   */
  inputRadius(
    evaluation: Evaluation,
    latentRadius: number,
    gaussian: GaussianSource,
    spent?: number,
  ): InputRadius;
  /** D and η' at a radius, infinite where the ball has no bound: one proof of the image. `gaussian` as for `inputRadius`. */
  ballAt(evaluation: Evaluation, radius: number, gaussian: GaussianSource): BallBound;
  /**
   * D at any radius, for curves of it: an upper bound that fails with probability at most `failureProbability`, infinite
   * where the ball has none; an estimate for `power`.
   */
  displacementAt(evaluation: Evaluation, radius: number, gaussian: GaussianSource): number;
  /** Whether one proof takes seconds. */
  readonly costly: boolean;
  /** Multiplications of one call of `inputRadius`, about. */
  readonly work: number;
  /** False where a nonlinearity has bounds on balls only: then `globalLipschitz` is infinite. */
  readonly onAllOfSpace: boolean;
  /** Upper bound on the Lipschitz constant on all of space (the product bound). */
  globalLipschitz(gaussian: GaussianSource): number;
}

/** Failure probability that probabilistic norms may spend per image, unless the caller says otherwise. */
export const DEFAULT_DELTA = 1e-6;

/** Products with every matrix and its transpose that a search takes, about. */
const SEARCHED = 200;

/** Power steps of the published method. */
const POWER_STEPS = 5;

export function createLeftHalfBound(half: LeftHalf, bound: DisplacementBound, delta: number): LeftHalfBound {
  const norms = new SegmentNorms(half, delta);
  const onAllOfSpace = half.steps.every(({ nonlinearity }) => Number.isFinite(nonlinearity.lipschitz));
  const common = {
    half,
    bound,
    delta,
    onAllOfSpace,
    costly: norms.costly,
    work: SEARCHED * norms.productWork + norms.proofWork,
    evaluate: (x: Float64Array) => evaluateLeftHalf(half, x),
    globalLipschitz(gaussian: GaussianSource) {
      norms.proveUnmasked(gaussian, onAllOfSpace);
      return onAllOfSpace ? productBound(half, norms.proving(gaussian)) : Number.POSITIVE_INFINITY;
    },
  };
  if (bound === 'power')
    return { ...common, isUpperBound: false, failureProbability: 0, ...published(half, norms) };
  return {
    ...common,
    isUpperBound: true,
    failureProbability: norms.probabilistic ? delta : 0,
    displacementAt: (evaluation, radius, gaussian) =>
      displacement(half, evaluation, radius, bound, norms.proving(gaussian)),
    ballAt: (evaluation, radius, gaussian) =>
      onBall(half, evaluation, radius, bound, norms.proving(gaussian)),
    inputRadius(evaluation, latentRadius, gaussian, spent = 0) {
      const proving = norms.proving(gaussian);
      return provedRadius(
        {
          estimate: (r, steps) => onBall(half, evaluation, r, bound, norms.estimating(steps)).total,
          prove: (r) => onBall(half, evaluation, r, bound, proving),
          costly: norms.costly,
          factorised: !norms.probabilistic,
          excess: norms.excess,
        },
        latentRadius,
        PROOFS - spent,
      );
    },
  };
}

/** The published method: masked norms by a few power steps. It certifies nothing: see `isUpperBound`. */
function published(
  half: LeftHalf,
  norms: SegmentNorms,
): Pick<LeftHalfBound, 'displacementAt' | 'ballAt' | 'inputRadius'> {
  const power = norms.powerEstimating(POWER_STEPS);
  return {
    displacementAt: (evaluation, radius) => displacement(half, evaluation, radius, 'mask', power),
    ballAt: (evaluation, radius) => onBall(half, evaluation, radius, 'mask', power),
    inputRadius(evaluation, latentRadius) {
      if (!(latentRadius > 0)) return NOTHING;
      const radius = largestRadius((r) => onBall(half, evaluation, r, 'mask', power).total, latentRadius);
      return radiusOf(radius, onBall(half, evaluation, radius, 'mask', power));
    },
  };
}
