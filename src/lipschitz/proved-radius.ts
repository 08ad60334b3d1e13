/**
 * The search for the radius, and its proof. It runs on cheap estimates of the norms; what it ends on is then *proved* with
 * upper bounds at exactly the radius reported, so a search that errs can only cost radius, never soundness.
 */

import type { BallBound } from './ball-bound.ts';
import { largestRadius } from './largest-radius.ts';

export interface InputRadius {
  /** Certified radius in input units; a lower bound. 0 when not even the smallest ball is proved. */
  readonly radius: number;
  /** D at that radius: an upper bound; together with `forwardError`, at most the latent radius given. */
  readonly displacement: number;
  /** η': upper bound on the rounding error of f_L(x') for every x' within the radius. */
  readonly forwardError: number;
}

/** The balls around one image: estimates, proofs and their cost. */
export interface Balls {
  /** An estimate of D(r) + η'(r), from norms estimated by `steps` Lanczos steps; not a bound. */
  estimate(r: number, steps: number): number;
  /**
   * Upper bounds, from proved norms.
   * @param near whether r is little below the radius of the last proof, whose norms may then serve
   */
  prove(r: number, near?: boolean): BallBound;
  /** Whether a product takes a good part of a second. */
  readonly costly: boolean;
  /** Whether a proof is by factorisations alone: then it costs no more than a close estimate. */
  readonly factorised: boolean;
  /** Factor by which a proof usually exceeds an estimate, at most. */
  readonly excess: number;
  /** A radius to begin the search at; the latent radius when omitted. */
  readonly start?: number;
}

/** Proofs attempted per image; the failure probability is split over all of them in advance. */
export const PROOFS = 3;
/** Of norms that all images share, which every image pays for as for one more proof of its own. */
export const SHARED_PROOFS = 1;
/** After a failed proof the next one aims this much below what would just do. */
const RETRY_MARGIN = 6e-4;
/** A proof that reaches this share of the latent radius is final, even if attempts remain. */
const CLOSE = 0.99;
/** Lanczos steps of an estimate while searching: within about a hundredth of the norm, and so is what it costs to search closer. */
const SEARCH_STEPS = 8;
const SEARCH_TOLERANCE = 1e-4;
/** Lanczos steps of the estimate that corrects the search where a failed proof would cost more. */
const REFINING_STEPS = 36;
/** Where a product takes a good part of a second, the search stops within 1 %. */
const FRUGAL_TOLERANCE = 1e-2;

export const NOTHING: InputRadius = { radius: 0, displacement: 0, forwardError: 0 };

export const radiusOf = (radius: number, { displacement, forwardError }: BallBound): InputRadius => ({
  radius,
  displacement,
  forwardError,
});

/**
 * The largest radius found and proved with D(r) + η'(r) <= latentRadius: a lower bound on the largest there is.
 * @param proofs how many may be attempted
 * @param first the radius to try first, searched when omitted
 */
export function provedRadius(
  balls: Balls,
  latentRadius: number,
  proofs = PROOFS,
  first = searchedRadius(balls, latentRadius),
): InputRadius {
  let radius = first;
  let best = NOTHING;
  let near = false;
  for (let attempt = 0; attempt < proofs && radius > 0; attempt++) {
    const ball = balls.prove(radius, near);
    const proved = ball.total;
    if (proved <= latentRadius) {
      best = radiusOf(radius, ball);
      // A latent that does not move is certified at any radius: the search has stopped at one that suffices.
      if (balls.costly || ball.displacement === 0 || proved >= CLOSE * latentRadius) break;
      radius = largerRadius(balls, latentRadius, radius, proved);
      // D jumps where a mask switches on: then no ball lies between.
      if (!(radius > best.radius * (1 + RETRY_MARGIN))) break;
    } else {
      if (best.radius > 0) break;
      // Then the norms proved already come as close to the latent radius as is final.
      near = CLOSE * proved <= latentRadius;
      radius *= (latentRadius / proved) * (1 - RETRY_MARGIN);
    }
  }
  return best;
}

/** The radius to try first, by estimates alone: 0 where none is to be had. */
export function searchedRadius(
  { estimate, costly, factorised, excess, start }: Balls,
  latentRadius: number,
): number {
  if (!(latentRadius > 0)) return 0;
  // No need to aim low: a proof that fails bounds the norm at the smaller radius tried next.
  if (costly) return largestRadius((r) => estimate(r, SEARCH_STEPS), latentRadius, FRUGAL_TOLERANCE, start);
  // The proof's norms exceed the estimates: aim that much lower, so that the first proof succeeds.
  const target = latentRadius / excess;
  const radius = largestRadius((r) => estimate(r, SEARCH_STEPS), target, SEARCH_TOLERANCE, start);
  // The short estimates are a little low: the first proof shows by how much, or one longer estimate.
  return factorised ? radius : radius * Math.min(1, target / estimate(radius, REFINING_STEPS));
}

/** The radius to try after a proof at `radius` gave `proved` and left room. */
function largerRadius(
  { estimate, start }: Balls,
  latentRadius: number,
  radius: number,
  proved: number,
): number {
  // `excess` counts every norm in full, D need not: aim by the factor that this proof exceeded its estimate by.
  const exceeded = proved / estimate(radius, SEARCH_STEPS);
  const aim = (latentRadius / exceeded) * (1 - RETRY_MARGIN);
  return largestRadius((r) => estimate(r, SEARCH_STEPS), aim, SEARCH_TOLERANCE, start && radius);
}
