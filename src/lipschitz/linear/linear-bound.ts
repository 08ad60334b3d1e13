/**
 * The bound `linear` of a left half: its plan, and the balls around an image. A search fixes every J at a radius nearby and then takes
 * products with the same matrices; a proof chooses them at the radius that it is about, so that D(r) depends on image and r alone.
 */
import { type BallBound, summedUp, UNBOUNDED } from '../ball-bound.ts';
import type { Evaluation } from '../evaluate-left-half.ts';
import { forwardErrorOnBall } from '../forward-error.ts';
import type { SearchStarts } from '../lanczos.ts';
import type { LeftHalf } from '../left-half.ts';
import { ComposedNorms, type KnownNorms } from './composed-norms.ts';
import { type BallNorms, type LinearBall, type LinearMaps, linearBall } from './linear-ball.ts';
import { type LinearPlan, linearPlan } from './linear-plan.ts';

/** A search that moves by more than this factor chooses every J anew. */
const NEARBY = 1.25;

export class LinearBound {
  readonly plan: LinearPlan;
  readonly norms: ComposedNorms;
  readonly #half: LeftHalf;

  /**
   * @param allowed multiplications that the bound of one image may take (linear-plan.ts)
   */
  constructor(half: LeftHalf, allowed: number, known: KnownNorms) {
    this.#half = half;
    this.plan = linearPlan(half, allowed);
    this.norms = new ComposedNorms(known);
  }

  /** The left half on one ball; null where the ball has no bound. */
  ball(
    evaluation: Evaluation,
    r: number,
    norms: BallNorms,
    known: LinearMaps | null = null,
  ): LinearBall | null {
    return linearBall(this.#half, evaluation, r, this.plan, norms, known);
  }

  /** D(r) + η'(r). */
  on(evaluation: Evaluation, r: number, norms: BallNorms): BallBound {
    return this.bounded(evaluation, this.ball(evaluation, r, norms));
  }

  bounded(evaluation: Evaluation, ball: LinearBall | null): BallBound {
    if (ball === null) return UNBOUNDED;
    return summedUp(ball.displacement, forwardErrorOnBall(this.#half, evaluation, ball.bases));
  }

  /**
   * The balls around one image for a search: as `ball`, by norms estimated with `steps` Lanczos steps, every J chosen at a radius nearby.
   * @param certain as for `ComposedNorms.estimating`
   */
  nearby(evaluation: Evaluation, certain: boolean): (r: number, steps: number) => LinearBall | null {
    let chosen: { readonly r: number; readonly maps: LinearMaps } | null = null;
    const starts: SearchStarts = new WeakMap();
    return (r, steps) => {
      const near = chosen !== null && r <= chosen.r * NEARBY && r >= chosen.r / NEARBY;
      const norms = this.norms.estimating(steps, certain, starts);
      const ball = this.ball(evaluation, r, norms, near ? (chosen?.maps ?? null) : null);
      if (ball !== null) chosen = near ? chosen : { r, maps: ball.maps };
      return ball;
    };
  }
}
