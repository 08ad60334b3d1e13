/**
 * From the lead of one score over every other to an input radius: with scores y = sum_k A_k h_k + c, the bases h_k being the image
 * and the outputs of nonlinearities,
 *
 *   |(y_j - y_i)(x') - (y_j - y_i)(x)| <= M_i(r) = sum_k min(||a_k|| rho_k, |a_k| box_k),   a_k = row j - row i of A_k,
 *
 * for ||x' - x|| <= r, where rho_k and box_k bound how far base k moves (displacement.ts). The two rows are subtracted before
 * any norm is taken, so what they have in common costs nothing. With the linear part kept, the same over the symbols (linear/).
 */
import { inflate } from '../ground/rounding-error.ts';
import type { Movement } from '../operators/nonlinear/nonlinearity.ts';
import type { AffineForm } from './affine-form.ts';
import type { CertainNorms } from './certain-norms.ts';
import { movements, type NormOf, reach } from './displacement.ts';
import type { DisplacementBound, SegmentwiseBound } from './displacement-bounds.ts';
import type { Evaluation } from './evaluate-left-half.ts';
import { forwardErrorOnBall } from './forward-error.ts';
import { largestRadius } from './largest-radius.ts';
import type { LeftHalf } from './left-half.ts';
import { WORTHWHILE } from './linear/better-bound.ts';
import { overSymbols } from './linear/composed-forms.ts';
import { type LinearBall, smaller } from './linear/linear-ball.ts';
import { LinearBound } from './linear/linear-bound.ts';
import { provedRadius } from './proved-radius.ts';

/** How the scores move on a ball. */
export interface ScoreMovement {
  /** M_i, an upper bound for every i; of no meaning for j itself. */
  readonly moved: Float64Array;
  /** Upper bound on the rounding error of the scores, in l2, evaluated anywhere in the ball. */
  readonly forwardError: number;
}

export interface PairwiseRadius extends ScoreMovement {
  /** Input units; a lower bound. 0 when not even the smallest ball is proved. */
  readonly radius: number;
}

/** A network whose scores are the end of its left half. */
export interface ScoreBound {
  /** False for `power`, whose "radius" certifies nothing. */
  readonly isUpperBound: boolean;
  /**
   * The largest r found with M_i(r) + errors * forwardError <= leads_i for every i.
   *
   * @param against the differences of the rows: row i of the form is y_j - y_i
   * @param leads how far y_j leads; Infinity for j itself
   * @param errors how often an error of the scores counts in a difference
   */
  radius(
    evaluation: Evaluation,
    against: AffineForm,
    leads: readonly number[],
    errors: number,
  ): PairwiseRadius;
  /** At any radius: upper bounds, infinite where the ball has none; estimates for `power`. */
  movedOn(evaluation: Evaluation, against: AffineForm, radius: number): ScoreMovement;
  /** M(r) / r over all of space, an upper bound whatever the kind of bound: infinite where there is none. */
  lipschitz(against: AffineForm): Float64Array;
}

/** Lanczos steps of the estimate that decides whether the linear part is worth a search. */
const FIRST_STEPS = 8;

/** Power steps of the published methods. */
const POWER_STEPS = 5;

/** How everything moves on one ball. */
interface Moved {
  /** Upper bounds on the movement of each row of a form. */
  of(against: AffineForm): Float64Array;
  readonly bases: readonly Movement[];
}

/** One way of bounding balls around one image; null where a ball has no bound. */
interface Way {
  /** By norms estimated with `steps` Lanczos steps. */
  estimate(r: number, steps: number): Moved | null;
  prove(r: number): Moved | null;
}

/** What the ball gives; `total` is the largest share of a lead that is used up. */
interface Ball {
  readonly moved: Float64Array;
  readonly forwardError: number;
  readonly total: number;
}

export function createScoreBound(half: LeftHalf, norms: CertainNorms, bound: DisplacementBound): ScoreBound {
  const linear = bound === 'linear' ? keepingLinearPart(half, norms) : null;
  const kind: SegmentwiseBound = bound === 'power' ? 'mask' : bound === 'linear' ? 'secant' : bound;
  const proving: NormOf = bound === 'power' ? norms.powerEstimating(POWER_STEPS) : norms.proving;
  const segmentwise = (evaluation: Evaluation): Way => ({
    estimate: (r, steps) => bySegments(half, evaluation, r, kind, norms.estimating(steps)),
    prove: (r) => bySegments(half, evaluation, r, kind, proving),
  });
  return {
    isUpperBound: bound !== 'power',
    movedOn(evaluation, against, r) {
      const on = (moved: Moved | null): ScoreMovement =>
        ballOf({ half, evaluation, against, leads: [], errors: 0 }, moved);
      const bySegments = on(segmentwise(evaluation).prove(r));
      if (linear === null) return bySegments;
      const kept = on(linear(evaluation).prove(r));
      return {
        moved: smaller(bySegments.moved, kept.moved),
        forwardError: Math.min(bySegments.forwardError, kept.forwardError),
      };
    },
    radius(evaluation, against, leads, errors) {
      const asked = { half, evaluation, against, leads, errors };
      if (bound === 'power') return estimatedRadius(asked, segmentwise(evaluation));
      const first = radiusBy(asked, segmentwise(evaluation));
      if (linear === null) return first;
      const kept = linear(evaluation);
      // Where not even a little more passes an estimate from below, there is no more to be had.
      const more = () => ballOf(asked, kept.estimate(first.radius * WORTHWHILE, FIRST_STEPS));
      if (first.radius > 0 && !(more().total <= 1)) return first;
      const second = radiusBy(asked, kept, first.radius);
      return second.radius > first.radius ? second : first;
    },
    lipschitz(against) {
      const bases = movements(half, NOWHERE, 1, 'global', norms.proving);
      return bases === null ? unbounded(against) : reach(against, bases);
    },
  };
}

function bySegments(
  half: LeftHalf,
  evaluation: Evaluation,
  r: number,
  kind: SegmentwiseBound,
  normOf: NormOf,
): Moved | null {
  const bases = movements(half, evaluation, r, kind, normOf);
  return bases === null ? null : { bases, of: (against) => reach(against, bases) };
}

/** Multiplications that keeping the linear part may take per image. */
const ALLOWED = 2e9;

/** The way that keeps the linear part, its norms proved without any probability. */
function keepingLinearPart(half: LeftHalf, norms: CertainNorms): (evaluation: Evaluation) => Way {
  const linear = new LinearBound(half, ALLOWED, norms);
  const moved = (ball: LinearBall | null): Moved | null =>
    ball && {
      bases: ball.bases,
      of(against) {
        const whole = overSymbols(against, ball.maps.parts);
        const bySegment = reach(against, ball.bases);
        return whole === null ? bySegment : smaller(reach(whole, ball.symbols), bySegment);
      },
    };
  return (evaluation) => {
    const nearby = linear.nearby(evaluation, true);
    return {
      estimate: (r, steps) => moved(nearby(r, steps)),
      prove: (r) => moved(linear.ball(evaluation, r, linear.norms.certain)),
    };
  };
}

/** What a radius is asked for. */
interface Asked {
  readonly half: LeftHalf;
  readonly evaluation: Evaluation;
  readonly against: AffineForm;
  readonly leads: readonly number[];
  readonly errors: number;
}

function ballOf({ half, evaluation, against, leads, errors }: Asked, moved: Moved | null): Ball {
  if (moved === null) return { moved: unbounded(against), ...NO_BALL };
  const movements = moved.of(against);
  const forwardError = forwardErrorOnBall(half, evaluation, moved.bases);
  return { moved: movements, forwardError, total: shareUsed(movements, errors * forwardError, leads) };
}

function radiusBy(asked: Asked, way: Way, start = 0): PairwiseRadius {
  const { radius } = provedRadius(
    {
      estimate: (r, steps) => ballOf(asked, way.estimate(r, steps)).total,
      prove(r) {
        const { total, forwardError } = ballOf(asked, way.prove(r));
        return { displacement: total, forwardError, total };
      },
      costly: false,
      factorised: true,
      excess: 1,
      ...(start > 0 ? { start } : {}),
    },
    1,
  );
  return atRadius(asked, radius, way);
}

function estimatedRadius(asked: Asked, way: Way): PairwiseRadius {
  return atRadius(
    asked,
    largestRadius((r) => ballOf(asked, way.prove(r)).total, 1),
    way,
  );
}

function atRadius(asked: Asked, radius: number, way: Way): PairwiseRadius {
  if (radius === 0) return { radius, moved: new Float64Array(asked.leads.length), forwardError: 0 };
  const { moved, forwardError } = ballOf(asked, way.prove(radius));
  return { radius, moved, forwardError };
}

const NO_BALL = { forwardError: Number.POSITIVE_INFINITY, total: Number.POSITIVE_INFINITY };
/** The product bound does not look at the centre. */
const NOWHERE: Evaluation = { latent: { value: new Float64Array(0), error: 0 }, inputs: [], bases: [] };

const unbounded = (form: AffineForm): Float64Array =>
  new Float64Array(form.size).fill(Number.POSITIVE_INFINITY);

/** The largest of (moved_i + error) / lead_i, rounded up; NaN, as Infinity / Infinity, counts as no bound. */
function shareUsed(moved: Float64Array, error: number, leads: readonly number[]): number {
  let most = 0;
  for (const [i, lead] of leads.entries()) {
    if (lead === Number.POSITIVE_INFINITY) continue;
    const share = inflate(((moved[i] ?? Number.NaN) + error) / lead, 4);
    if (!(share <= most)) most = Number.isNaN(share) ? Number.POSITIVE_INFINITY : share;
  }
  return most;
}
