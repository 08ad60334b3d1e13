/**
 * From the lead of one score over every other to an input radius: with scores y = sum_k A_k h_k + c, the bases h_k being the image
 * and the outputs of nonlinearities,
 *
 *   |(y_j - y_i)(x') - (y_j - y_i)(x)| <= M_i(r) = sum_k min(||a_k|| rho_k, |a_k| box_k),   a_k = row j - row i of A_k,
 *
 * for ||x' - x|| <= r, where rho_k and box_k bound how far base k moves (displacement.ts). The two rows are subtracted before
 * any norm is taken, so what they have in common costs nothing.
 */
import { inflate } from '../ground/rounding-error.ts';
import type { AffineForm } from './affine-form.ts';
import type { CertainNorms } from './certain-norms.ts';
import { movements, type NormOf, reach } from './displacement.ts';
import type { DisplacementBound } from './displacement-bounds.ts';
import type { Evaluation } from './evaluate-left-half.ts';
import { forwardErrorOnBall } from './forward-error.ts';
import { largestRadius } from './largest-radius.ts';
import type { LeftHalf } from './left-half.ts';
import { provedRadius } from './proved-radius.ts';

export interface PairwiseRadius {
  /** Input units; a lower bound. 0 when not even the smallest ball is proved. */
  readonly radius: number;
  /** M_i at that radius, an upper bound for every i; 0 for j itself. */
  readonly moved: Float64Array;
  /** Upper bound on the rounding error of the scores, in l2, evaluated anywhere within the radius. */
  readonly forwardError: number;
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
  /** M at any radius: upper bounds, infinite where the ball has none; estimates for `power`. */
  moved(evaluation: Evaluation, against: AffineForm, radius: number): Float64Array;
  /** M(r) / r over all of space, an upper bound whatever the kind of bound: infinite where there is none. */
  lipschitz(against: AffineForm): Float64Array;
}

/** Power steps of the published methods. */
const POWER_STEPS = 5;

/** What the ball gives; `total` is the largest share of a lead that is used up. */
interface Ball {
  readonly moved: Float64Array;
  readonly forwardError: number;
  readonly total: number;
}

export function createScoreBound(half: LeftHalf, norms: CertainNorms, bound: DisplacementBound): ScoreBound {
  const kind: DisplacementBound = bound === 'power' ? 'mask' : bound;
  const proving: NormOf = bound === 'power' ? norms.powerEstimating(POWER_STEPS) : norms.proving;
  const movedBy = (evaluation: Evaluation, against: AffineForm, r: number): Float64Array => {
    const bases = movements(half, evaluation, r, kind, proving);
    return bases === null ? unbounded(against) : reach(against, bases);
  };
  return {
    isUpperBound: bound !== 'power',
    moved: movedBy,
    radius(evaluation, against, leads, errors) {
      const ballOf = (r: number, normOf: NormOf): Ball => {
        const bases = movements(half, evaluation, r, kind, normOf);
        if (bases === null) return { moved: unbounded(against), ...NO_BALL };
        const moved = reach(against, bases);
        const forwardError = forwardErrorOnBall(half, evaluation, bases);
        return { moved, forwardError, total: shareUsed(moved, errors * forwardError, leads) };
      };
      const { radius } =
        bound === 'power'
          ? { radius: largestRadius((r) => ballOf(r, proving).total, 1) }
          : provedRadius(
              {
                estimate: (r, steps) => ballOf(r, norms.estimating(steps)).total,
                prove(r) {
                  const { total, forwardError } = ballOf(r, proving);
                  return { displacement: total, forwardError, total };
                },
                costly: false,
                factorised: true,
                excess: 1,
              },
              1,
            );
      if (radius === 0) return { radius, moved: new Float64Array(leads.length), forwardError: 0 };
      const { moved, forwardError } = ballOf(radius, proving);
      return { radius, moved, forwardError };
    },
    lipschitz(against) {
      const bases = movements(half, NOWHERE, 1, 'global', norms.proving);
      return bases === null ? unbounded(against) : reach(against, bases);
    },
  };
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
