/**
 * The better of two bounds on the same balls: by norms of single segments (`secant`), and with the linear part kept. Which of them is
 * proved, estimates decide before any probe is drawn, so that the failure probability is spent once, and no time on a proof that the
 * other beats. Where the linear part gains nothing, the radius is that of `secant`, to the bit.
 */
import { type BallBound, onBall, tighter } from '../ball-bound.ts';
import { PROOF_EXCESS } from '../banded-gram.ts';
import type { NormOf } from '../displacement.ts';
import type { Evaluation } from '../evaluate-left-half.ts';
import type { LeftHalf } from '../left-half.ts';
import {
  type Balls,
  type InputRadius,
  PROOFS,
  provedRadius,
  SHARED_PROOFS,
  searchedRadius,
} from '../proved-radius.ts';
import { ballsOf, type SegmentNorms } from '../segment-norms.ts';
import type { GaussianSource } from '../spectral-norm.ts';
import type { NormBudget } from './composed-norms.ts';
import type { LinearBound } from './linear-bound.ts';

/** Work beyond which a proof takes seconds: one is made, and no second one that might gain a little. */
const COSTLY_WORK = 1e9;

/** Lanczos steps of the estimates that decide. */
const DECIDING_STEPS = 8;

/** A radius larger by less than this is not worth the other proof. */
export const WORTHWHILE = 1.01;

/** How much below an estimate a proof is to aim that has no second one behind it. */
const CAUTION = 0.99;

export interface BetterBound {
  /** Whether any norm that a proof may take is bounded with high probability only. */
  readonly probabilistic: boolean;
  /** D and η' from the caller's norms: upper bounds where those are. */
  ballAt(evaluation: Evaluation, r: number, normOf: NormOf): BallBound;
  /** One proof of the image. */
  provedBallAt(evaluation: Evaluation, r: number, gaussian: GaussianSource): BallBound;
  inputRadius(
    evaluation: Evaluation,
    latentRadius: number,
    gaussian: GaussianSource,
    spent: number,
  ): InputRadius;
}

/** @param delta failure probability that the proofs of one image may spend, whichever bound they are of */
export function betterBound(
  half: LeftHalf,
  norms: SegmentNorms,
  linear: LinearBound,
  delta: number,
): BetterBound {
  const uses = linear.plan.probabilistic;
  // As much for each proof of an image as a proof by `secant` spends.
  const budget: NormBudget = { each: delta / (uses * (PROOFS + SHARED_PROOFS)), uses: uses * PROOFS };
  const keeps = linear.plan.keeps.includes(true);
  const free = uses === 0 && !norms.probabilistic;
  const keptBalls = (evaluation: Evaluation, gaussian: GaussianSource, start: number): Balls => {
    const nearby = linear.nearby(evaluation, false);
    const composed = linear.norms.proving(gaussian, budget);
    return {
      estimate: (r, steps) => linear.bounded(evaluation, nearby(r, steps)).total,
      prove: (r) => linear.on(evaluation, r, composed),
      costly: norms.costly || linear.plan.work > COSTLY_WORK,
      factorised: uses === 0,
      excess: uses === 0 ? PROOF_EXCESS : norms.excess,
      ...(start > 0 ? { start } : {}),
    };
  };
  const secantBalls = (evaluation: Evaluation, gaussian: GaussianSource): Balls =>
    ballsOf(half, norms, evaluation, 'secant', gaussian);
  return {
    probabilistic: norms.probabilistic || (keeps && uses > 0),
    ballAt: (evaluation, r, normOf) =>
      tighter(
        onBall(half, evaluation, r, 'secant', normOf),
        linear.on(evaluation, r, { normOf, enter: () => {} }),
      ),
    provedBallAt(evaluation, r, gaussian) {
      const secant = secantBalls(evaluation, gaussian);
      if (!keeps) return secant.prove(r);
      const kept = keptBalls(evaluation, gaussian, r);
      // Written so that the linear part is kept where neither has an estimate that is a number.
      const better = secant.estimate(r, DECIDING_STEPS) <= kept.estimate(r, DECIDING_STEPS) ? secant : kept;
      return better.prove(r);
    },
    inputRadius(evaluation, latentRadius, gaussian, spent) {
      const proofs = PROOFS - spent;
      const secant = secantBalls(evaluation, gaussian);
      const first = searchedRadius(secant, latentRadius);
      const bySecant = (attempts: number): InputRadius => provedRadius(secant, latentRadius, attempts, first);
      // Without any linear part the movements are the same, and so is the radius.
      if (!keeps || !(latentRadius > 0)) return bySecant(proofs);
      const kept = keptBalls(evaluation, gaussian, first);
      // Where not even a little more passes an estimate from below, there is no more to be had.
      if (first > 0 && !(kept.estimate(first * WORTHWHILE, DECIDING_STEPS) <= latentRadius))
        return bySecant(proofs);
      const nearby = searchedRadius(kept, latentRadius);
      // Every J chosen anew where that search has ended: what was chosen at larger radii shows less.
      const there = nearby > 0 ? keptBalls(evaluation, gaussian, nearby) : kept;
      const further = searchedRadius(there, latentRadius);
      if (!(further > first * WORTHWHILE)) return bySecant(proofs);
      const found = provedRadius(there, latentRadius, proofs - 1, further);
      if (found.radius >= first) return found;
      // D jumped between what was estimated and what was proved. Where proofs spend delta one is left, which should not fail.
      if (free) return larger(found, bySecant(proofs));
      return larger(found, provedRadius(secant, latentRadius, 1, (CAUTION * first) / secant.excess));
    },
  };
}

const larger = (a: InputRadius, b: InputRadius): InputRadius => (b.radius > a.radius ? b : a);
