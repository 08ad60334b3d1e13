/** From a latent radius to an input radius: the largest r found with D(r) + η'(r) <= R_u - η(x), rounded down. */

import { type BallBound, onBall } from './ball-bound.ts';
import { displacement, type NormOf, productBound } from './displacement.ts';
import type { DisplacementBound } from './displacement-bounds.ts';
import { type Evaluation, evaluateLeftHalf } from './evaluate-left-half.ts';
import { largestRadius } from './largest-radius.ts';
import type { LeftHalf } from './left-half.ts';
import { betterBound } from './linear/better-bound.ts';
import { LinearBound } from './linear/linear-bound.ts';
import { type InputRadius, NOTHING, PROOFS, provedRadius, radiusOf } from './proved-radius.ts';
import { ballsOf, SegmentNorms } from './segment-norms.ts';
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
  provedBallAt(evaluation: Evaluation, radius: number, gaussian: GaussianSource): BallBound;
  /**
   * D at any radius, for curves of it: an upper bound that fails with probability at most `failureProbability`, infinite
   * where the ball has none; an estimate for `power`.
   */
  displacementAt(evaluation: Evaluation, radius: number, gaussian: GaussianSource): number;
  /** D and η' on one ball from the caller's norms: upper bounds where those are. */
  ballAt(evaluation: Evaluation, radius: number, normOf: NormOf): BallBound;
  /** Whether one proof takes seconds. */
  readonly costly: boolean;
  /** Multiplications of one call of `inputRadius`, about. */
  readonly work: number;
  /** Processor time of one call of `inputRadius`, about, on a slow core; of all together where they share what takes long. */
  readonly seconds: number;
  /** False where a nonlinearity has bounds on balls only: then `globalLipschitz` is infinite. */
  readonly onAllOfSpace: boolean;
  /** Upper bound on the Lipschitz constant on all of space (the product bound). */
  globalLipschitz(gaussian: GaussianSource): number;
}

/** Failure probability that probabilistic norms may spend per image, unless the caller says otherwise. */
export const DEFAULT_DELTA = 1e-6;

/** Products with every matrix and its transpose that a search takes, about. */
const SEARCHED = 200;

/** Seconds that norms without masks and without probes take, about. */
const ALL_OF_SPACE = 1;

/** Power steps of the published method. */
const POWER_STEPS = 5;

export function createLeftHalfBound(half: LeftHalf, bound: DisplacementBound, delta: number): LeftHalfBound {
  const norms = new SegmentNorms(half, delta);
  const onAllOfSpace = half.steps.every(({ nonlinearity }) => Number.isFinite(nonlinearity.lipschitz));
  const work = SEARCHED * norms.productWork + norms.proofWork;
  const common = {
    half,
    bound,
    delta,
    onAllOfSpace,
    costly: norms.costly,
    work,
    seconds: bound === 'global' && norms.certainUnmasked ? ALL_OF_SPACE : norms.seconds,
    evaluate: (x: Float64Array) => evaluateLeftHalf(half, x),
  };
  const globalLipschitz = (gaussian: GaussianSource): number => {
    norms.proveUnmasked(gaussian, onAllOfSpace);
    return onAllOfSpace ? productBound(half, norms.proving(gaussian).close) : Number.POSITIVE_INFINITY;
  };
  if (bound === 'linear') {
    const linear = new LinearBound(half, TIMES_SECANT * work, norms);
    const better = betterBound(half, norms, linear, delta);
    return {
      ...common,
      isUpperBound: true,
      failureProbability: better.probabilistic ? delta : 0,
      globalLipschitz,
      ballAt: better.ballAt,
      provedBallAt: better.provedBallAt,
      displacementAt: (...at) => better.provedBallAt(...at).displacement,
      inputRadius: (evaluation, latentRadius, gaussian, spent = 0) =>
        better.inputRadius(evaluation, latentRadius, gaussian, spent),
    };
  }
  const ballAt = (evaluation: Evaluation, r: number, normOf: NormOf): BallBound =>
    onBall(half, evaluation, r, bound, normOf);
  if (bound === 'power')
    return {
      ...common,
      isUpperBound: false,
      failureProbability: 0,
      ballAt,
      globalLipschitz,
      ...published(half, norms),
    };
  return {
    ...common,
    isUpperBound: true,
    failureProbability: norms.probabilistic && !(bound === 'global' && norms.certainUnmasked) ? delta : 0,
    ballAt,
    globalLipschitz,
    displacementAt: (evaluation, radius, gaussian) =>
      displacement(half, evaluation, radius, bound, norms.proving(gaussian).close),
    provedBallAt: (evaluation, radius, gaussian) => ballAt(evaluation, radius, norms.proving(gaussian).close),
    inputRadius: (evaluation, latentRadius, gaussian, spent = 0) =>
      provedRadius(ballsOf(half, norms, evaluation, bound, gaussian), latentRadius, PROOFS - spent),
  };
}

/** Multiplications that keeping the linear part may take, in units of what `secant` takes. */
const TIMES_SECANT = 8;

/** The published method: masked norms by a few power steps. It certifies nothing: see `isUpperBound`. */
function published(
  half: LeftHalf,
  norms: SegmentNorms,
): Pick<LeftHalfBound, 'displacementAt' | 'provedBallAt' | 'inputRadius'> {
  const power = norms.powerEstimating(POWER_STEPS);
  return {
    displacementAt: (evaluation, radius) => displacement(half, evaluation, radius, 'mask', power),
    provedBallAt: (evaluation, radius) => onBall(half, evaluation, radius, 'mask', power),
    inputRadius(evaluation, latentRadius) {
      if (!(latentRadius > 0)) return NOTHING;
      const radius = largestRadius((r) => onBall(half, evaluation, r, 'mask', power).total, latentRadius);
      return radiusOf(radius, onBall(half, evaluation, radius, 'mask', power));
    },
  };
}
