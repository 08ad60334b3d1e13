/** From a latent radius to an input radius: the largest r found with D(r) + η'(r) <= R_u - η(x), rounded down. */

import { type BallBound, onBall, tighter } from './ball-bound.ts';
import { PROOF_EXCESS } from './banded-gram.ts';
import { displacement, type NormOf, productBound } from './displacement.ts';
import type { DisplacementBound, SegmentwiseBound } from './displacement-bounds.ts';
import { type Evaluation, evaluateLeftHalf } from './evaluate-left-half.ts';
import { largestRadius } from './largest-radius.ts';
import type { LeftHalf } from './left-half.ts';
import type { NormBudget } from './linear/composed-norms.ts';
import type { BallNorms } from './linear/linear-ball.ts';
import { LinearBound } from './linear/linear-bound.ts';
import { type Balls, type InputRadius, NOTHING, PROOFS, provedRadius, radiusOf } from './proved-radius.ts';
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
  /** False where a nonlinearity has bounds on balls only: then `globalLipschitz` is infinite. */
  readonly onAllOfSpace: boolean;
  /** Upper bound on the Lipschitz constant on all of space (the product bound). */
  globalLipschitz(gaussian: GaussianSource): number;
}

/** Failure probability that probabilistic norms may spend per image, unless the caller says otherwise. */
export const DEFAULT_DELTA = 1e-6;

/** Products with every matrix and its transpose that a search takes, about. */
const SEARCHED = 200;

/** Work beyond which a proof takes seconds: one is made, and no second one that might gain a little. */
const COSTLY_WORK = 1e9;

/** Lanczos steps of the estimate that decides whether the linear part is worth a search. */
const FIRST_STEPS = 8;

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
    evaluate: (x: Float64Array) => evaluateLeftHalf(half, x),
  };
  const globalLipschitz = (gaussian: GaussianSource, share = 1): number => {
    norms.proveUnmasked(gaussian, onAllOfSpace, share);
    return onAllOfSpace ? productBound(half, norms.proving(gaussian, share)) : Number.POSITIVE_INFINITY;
  };
  if (bound === 'linear') {
    const linear = new LinearBound(half, TIMES_SECANT * work, (matrix) => norms.prepared(matrix));
    return {
      ...common,
      isUpperBound: true,
      ...keepingLinearPart(half, norms, linear, delta, globalLipschitz),
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
    failureProbability: norms.probabilistic ? delta : 0,
    ballAt,
    globalLipschitz,
    displacementAt: (evaluation, radius, gaussian) =>
      displacement(half, evaluation, radius, bound, norms.proving(gaussian)),
    provedBallAt: (evaluation, radius, gaussian) => ballAt(evaluation, radius, norms.proving(gaussian)),
    inputRadius: (evaluation, latentRadius, gaussian, spent = 0) =>
      provedRadius(
        ballsOf(half, norms, evaluation, bound, norms.proving(gaussian)),
        latentRadius,
        PROOFS - spent,
      ),
  };
}

/** The balls of a bound by norms of single segments. */
const ballsOf = (
  half: LeftHalf,
  norms: SegmentNorms,
  evaluation: Evaluation,
  bound: SegmentwiseBound,
  proving: NormOf,
): Balls => ({
  estimate: (r, steps) => onBall(half, evaluation, r, bound, norms.estimating(steps)).total,
  prove: (r) => onBall(half, evaluation, r, bound, proving),
  costly: norms.costly,
  factorised: !norms.probabilistic,
  excess: norms.excess,
});

/** Multiplications that keeping the linear part may take, in units of what `secant` takes. */
const TIMES_SECANT = 8;

/**
 * The larger of two radii: the one of `secant`, and the one with the linear part kept, searched from there. Both have to hold, so
 * the failure probability is split between them where the second spends any.
 */
function keepingLinearPart(
  half: LeftHalf,
  norms: SegmentNorms,
  linear: LinearBound,
  delta: number,
  globalLipschitz: (gaussian: GaussianSource, share: number) => number,
): Pick<
  LeftHalfBound,
  'ballAt' | 'displacementAt' | 'failureProbability' | 'globalLipschitz' | 'inputRadius' | 'provedBallAt'
> {
  const uses = linear.plan.probabilistic;
  const share = uses > 0 ? 0.5 : 1;
  const budget: NormBudget = { each: delta / 2 / (uses * PROOFS), uses: uses * PROOFS };
  const onBoth = (evaluation: Evaluation, r: number, normOf: NormOf, composed: BallNorms): BallBound =>
    tighter(onBall(half, evaluation, r, 'secant', normOf), linear.on(evaluation, r, composed));
  const proved = (evaluation: Evaluation, r: number, gaussian: GaussianSource): BallBound =>
    onBoth(evaluation, r, norms.proving(gaussian, share), linear.norms.proving(gaussian, budget));
  return {
    failureProbability: norms.probabilistic || uses > 0 ? delta : 0,
    globalLipschitz: (gaussian) => globalLipschitz(gaussian, share),
    ballAt: (evaluation, r, normOf) => onBoth(evaluation, r, normOf, { normOf, enter: () => {} }),
    displacementAt: (evaluation, r, gaussian) => proved(evaluation, r, gaussian).displacement,
    provedBallAt: proved,
    inputRadius(evaluation, latentRadius, gaussian, spent = 0) {
      const proofs = PROOFS - spent;
      const proving = norms.proving(gaussian, share);
      const secant = provedRadius(ballsOf(half, norms, evaluation, 'secant', proving), latentRadius, proofs);
      // Without any linear part the movements are the same, and so is the radius.
      if (!linear.plan.keeps.includes(true)) return secant;
      const composed = linear.norms.proving(gaussian, budget);
      const nearby = linear.nearby(evaluation);
      const estimate = (r: number, steps: number): number =>
        linear.bounded(evaluation, nearby(r, linear.norms.estimating(steps, false))).total;
      // Where not even the radius by secants passes an estimate from below, no larger one would.
      if (secant.radius > 0 && !(estimate(secant.radius, FIRST_STEPS) <= latentRadius)) return secant;
      const kept = provedRadius(
        {
          estimate,
          prove: (r) => linear.on(evaluation, r, composed),
          costly: norms.costly || linear.plan.work > COSTLY_WORK,
          factorised: uses === 0,
          excess: uses === 0 ? PROOF_EXCESS : norms.excess,
          ...(secant.radius > 0 ? { start: secant.radius } : {}),
        },
        latentRadius,
        proofs,
      );
      return kept.radius > secant.radius ? kept : secant;
    },
  };
}

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
