/** What the bounds give on one ball around an image: D(r), η'(r) and their sum, which has to fit into the latent radius. */

import { inflate } from '../ground/rounding-error.ts';
import { latentMovement, movements, type NormOf } from './displacement.ts';
import type { SegmentwiseBound } from './displacement-bounds.ts';
import type { Evaluation } from './evaluate-left-half.ts';
import { forwardErrorOnBall } from './forward-error.ts';
import type { LeftHalf } from './left-half.ts';

export interface BallBound {
  /** D(r). */
  readonly displacement: number;
  /** η'(r): upper bound on the rounding error of f_L(x') for every x' of the ball. */
  readonly forwardError: number;
  readonly total: number;
}

/** Upper bounds where `normOf` returns upper bounds; infinite where the ball has none. */
export function onBall(
  half: LeftHalf,
  evaluation: Evaluation,
  r: number,
  bound: SegmentwiseBound,
  normOf: NormOf,
): BallBound {
  const bases = movements(half, evaluation, r, bound, normOf);
  if (bases === null) return UNBOUNDED;
  const moved = latentMovement(half, bases, bound, normOf);
  return summedUp(moved, forwardErrorOnBall(half, evaluation, bases));
}

export const summedUp = (displacement: number, forwardError: number): BallBound => ({
  displacement,
  forwardError,
  total: inflate(displacement + forwardError, 1),
});

/** The smaller of two bounds on the same ball. */
export const tighter = (a: BallBound, b: BallBound): BallBound => (b.total < a.total ? b : a);

export const UNBOUNDED: BallBound = {
  displacement: Number.POSITIVE_INFINITY,
  forwardError: Number.POSITIVE_INFINITY,
  total: Number.POSITIVE_INFINITY,
};
