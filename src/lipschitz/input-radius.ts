/**
 * From a latent radius to an input radius: the largest r found with D(r) + η'(r) <= R_u - η(x), rounded down. The search runs on cheap
 * estimates of the norms; what it ends on is then *proved* with upper bounds at exactly the radius reported, so a search
 * that errs can only cost radius, never soundness.
 */

import { inflate } from '../ground/rounding-error.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import type { AffineForm } from './affine-form.ts';
import { displacement, latentMovement, movements, type NormOf, productBound } from './displacement.ts';
import type { DisplacementBound } from './displacement-bounds.ts';
import { type Evaluation, evaluateLeftHalf } from './evaluate-left-half.ts';
import { forwardErrorOnBall } from './forward-error.ts';
import { type LeftHalf, segmentsOf } from './left-half.ts';
import { provedNorms } from './proved-norms.ts';
import { createSpectralNorm, type GaussianSource, type SpectralNorm } from './spectral-norm.ts';

export interface InputRadius {
  /** Certified radius in input units; a lower bound. 0 when not even the smallest ball is proved. */
  readonly radius: number;
  /** D at that radius: an upper bound; with `forwardError` at most the latent radius it was asked for. */
  readonly displacement: number;
  /** η': upper bound on the rounding error of f_L(x') for every x' within the radius. */
  readonly forwardError: number;
}

/** The certifier of one left half. Norms that do not depend on the image are computed once and kept. */
export interface LeftHalfBound {
  readonly half: LeftHalf;
  readonly bound: DisplacementBound;
  /** False for `power`, whose "radius" certifies nothing. */
  readonly isUpperBound: boolean;
  /** Failure probability of one call of `inputRadius`: 0 when every norm is proved deterministically. */
  readonly failureProbability: number;
  evaluate(x: Float64Array): Evaluation;
  /**
   * @param latentRadius R_u minus the forward error at the image, in latent units
   * @param gaussian probes for probabilistic norms, independent of the image and of the votes
   */
  inputRadius(evaluation: Evaluation, latentRadius: number, gaussian: GaussianSource): InputRadius;
  /**
   * D at any radius, for curves of it: an upper bound that fails with probability at most `failureProbability`, infinite
   * where the ball has none; an estimate for `power`.
   */
  displacementAt(evaluation: Evaluation, radius: number, gaussian: GaussianSource): number;
  /** Whether one proof takes seconds. */
  readonly costly: boolean;
  /** Upper bound on the Lipschitz constant on all of space (the product bound). */
  globalLipschitz(gaussian: GaussianSource): number;
}

/** Failure probability that probabilistic norms may spend per image, unless the caller says otherwise. */
export const DEFAULT_DELTA = 1e-6;

/** Proofs attempted per image; the failure probability is split over all of them in advance. */
const PROOFS = 3;
/** The unmasked norms, proved once for all images. */
const SHARED_PROOFS = 1;
/** After a failed proof the next one aims this much below what would just do. */
const RETRY_MARGIN = 6e-4;
/** A proof that reaches this share of the latent radius is not improved on, where others are left. */
const CLOSE = 0.99;
/** Lanczos steps of an estimate while searching, and of the one that corrects the search. */
const SEARCH_STEPS = 12;
const REFINING_STEPS = 36;
/** Where a product takes a good part of a second: few of them, and a search that stops within a hundredth. */
const FRUGAL_STEPS = 8;
const FRUGAL_TOLERANCE = 1e-2;
/** Power steps of the published method. */
const POWER_STEPS = 5;

export function createLeftHalfBound(half: LeftHalf, bound: DisplacementBound, delta: number): LeftHalfBound {
  const norms = new Map<LinearMap, SpectralNorm>();
  let probabilisticUses = 0;
  const count = (form: AffineForm, dims: readonly number[], uses: number): void => {
    for (const { matrix, rowDims, columnDims } of segmentsOf(half, form, dims)) {
      const norm = norms.get(matrix) ?? createSpectralNorm(matrix, rowDims, columnDims);
      norms.set(matrix, norm);
      if (!norm.deterministic) probabilisticUses += uses;
    }
  };
  for (const { input, dims, nonlinearity } of half.steps) count(input, dims, nonlinearity.norms);
  count(half.output, half.dims, 1);
  const deltaEach = probabilisticUses === 0 ? 0 : delta / (probabilisticUses * (PROOFS + SHARED_PROOFS));
  const normOf = (matrix: LinearMap): SpectralNorm => {
    const norm = norms.get(matrix);
    if (norm === undefined) throw new Error('a segment without norm');
    return norm;
  };
  const estimating =
    (steps: number): NormOf =>
    (matrix, rows, columns) =>
      normOf(matrix).estimate(rows, columns, steps);
  const costly = [...norms.values()].some((norm) => norm.costly);
  /** Unmasked norms, from probes that belong to no image: the same for every image of a run, in any order. */
  const shared = new Map<LinearMap, number>();
  const proving = (gaussian: GaussianSource): NormOf =>
    provedNorms(normOf, (matrix) => shared.get(matrix), gaussian, deltaEach);
  // The proof's norms exceed the estimates: aim that much lower, so that the first proof succeeds.
  const excess = [...norms.values()].reduce((product, norm) => product * norm.excess(deltaEach), 1);

  /** The published method: masked norms by a few power steps. It certifies nothing, see `isUpperBound`. */
  const power: NormOf = (matrix, rows, columns) => normOf(matrix).powerEstimate(rows, columns, POWER_STEPS);
  const publishedRadius = (evaluation: Evaluation, latentRadius: number): InputRadius => {
    const radius = largestRadius((r) => onBall(half, evaluation, r, 'mask', power).total, latentRadius);
    return { radius, ...onBall(half, evaluation, radius, 'mask', power) };
  };

  return {
    half,
    bound,
    isUpperBound: bound !== 'power',
    failureProbability: probabilisticUses === 0 || bound === 'power' ? 0 : delta,
    costly,
    evaluate: (x) => evaluateLeftHalf(half, x),
    displacementAt: (evaluation, radius, gaussian) =>
      bound === 'power'
        ? displacement(half, evaluation, radius, 'mask', power)
        : displacement(half, evaluation, radius, bound, proving(gaussian)),
    globalLipschitz(gaussian) {
      for (const [matrix, norm] of norms) {
        if (!norm.deterministic && !shared.has(matrix))
          shared.set(matrix, norm.bound(null, null, gaussian, deltaEach));
      }
      return productBound(half, proving(gaussian));
    },
    inputRadius(evaluation, latentRadius, gaussian) {
      if (!(latentRadius > 0)) return NOTHING;
      if (bound === 'power') return publishedRadius(evaluation, latentRadius);
      const estimate = (r: number, steps: number): number =>
        onBall(half, evaluation, r, bound, estimating(steps)).total;
      const prove = proving(gaussian);
      let radius: number;
      if (costly) {
        // No need to aim low: a proof that fails bounds the norm at the smaller radius tried next.
        radius = largestRadius((r) => estimate(r, FRUGAL_STEPS), latentRadius, FRUGAL_TOLERANCE);
      } else {
        const target = latentRadius / excess;
        radius = largestRadius((r) => estimate(r, SEARCH_STEPS), target);
        // The short searches sit a little low; one longer estimate tells by how much.
        radius *= Math.min(1, target / estimate(radius, REFINING_STEPS));
      }
      let best = NOTHING;
      for (let attempt = 0; attempt < PROOFS && radius > 0; attempt++) {
        const ball = onBall(half, evaluation, radius, bound, prove);
        const proved = ball.total;
        if (proved <= latentRadius) {
          best = { radius, displacement: ball.displacement, forwardError: ball.forwardError };
          // A latent that does not move is certified at any radius: the search has stopped at one that is enough.
          if (costly || ball.displacement === 0 || proved >= CLOSE * latentRadius) break;
          // `excess` counts every norm in full, D need not: what this proof exceeded its estimate by is what to aim with.
          const exceeded = proved / estimate(radius, SEARCH_STEPS);
          const aim = (latentRadius / exceeded) * (1 - RETRY_MARGIN);
          radius = largestRadius((r) => estimate(r, SEARCH_STEPS), aim);
          // D jumps where a mask switches on: then no ball lies between.
          if (!(radius > best.radius * (1 + RETRY_MARGIN))) break;
        } else {
          if (best.radius > 0) break;
          radius *= (latentRadius / proved) * (1 - RETRY_MARGIN);
        }
      }
      return best;
    },
  };
}

const NOTHING: InputRadius = { radius: 0, displacement: 0, forwardError: 0 };

/** D(r), η'(r) and their sum, which has to fit into the latent radius. */
function onBall(
  half: LeftHalf,
  evaluation: Evaluation,
  r: number,
  bound: DisplacementBound,
  normOf: NormOf,
): { readonly displacement: number; readonly forwardError: number; readonly total: number } {
  const bases = movements(half, evaluation, r, bound, normOf);
  if (bases === null) return UNBOUNDED;
  const moved = latentMovement(half, bases, bound, normOf);
  const forwardError = forwardErrorOnBall(half, evaluation, bases);
  return { displacement: moved, forwardError, total: inflate(moved + forwardError, 1) };
}

const UNBOUNDED = {
  displacement: Number.POSITIVE_INFINITY,
  forwardError: Number.POSITIVE_INFINITY,
  total: Number.POSITIVE_INFINITY,
};

/**
 * The largest r with D(r) <= target, within a relative tolerance, for nondecreasing D with D(r)/r nondecreasing or nearly so:
 * fixed-point steps r <- target * r / D(r), which bracket the root, then regula falsi (Illinois) inside the bracket, and
 * bisection whenever three steps have not halved it (D jumps where a mask switches on).
 */
export function largestRadius(D: (r: number) => number, target: number, tolerance = 1e-6): number {
  let low = 0;
  let lowValue = -target;
  let high = Number.POSITIVE_INFINITY;
  let highValue = 0;
  let lastSide = 0;
  let r = target;
  let width = Number.POSITIVE_INFINITY;
  let slow = 0;
  for (let i = 0; i < 120; i++) {
    const value = D(r) - target;
    const side = value <= 0 ? -1 : 1;
    if (side < 0) {
      low = r;
      lowValue = value;
      if (side === lastSide) highValue /= 2;
    } else {
      high = r;
      highValue = value;
      if (side === lastSide) lowValue /= 2;
    }
    lastSide = side;
    if (value === 0 || (Number.isFinite(high) && high - low <= tolerance * high)) break;
    if (high - low > width / 2) slow++;
    else {
      width = high - low;
      slow = 0;
    }
    if (!Number.isFinite(high)) {
      const moved = value + target;
      // A latent that does not move at all is certified for any radius; stop at one no image can be worth.
      if (r > 1e6 * Math.max(1, target)) break;
      r = moved > 0 ? Math.max(r, (target / moved) * r) * (1 + tolerance) : r * 16;
    } else if (low === 0 && !Number.isFinite(value)) {
      // No bound at all on this ball (it reaches a jump, or leaves a domain): far smaller ones may have one.
      if (r < 1e-12 * target) break;
      r = high / 8;
    } else if (low === 0) {
      r = Math.min((target / (value + target)) * r, high * (1 - tolerance));
    } else {
      const next = (low * highValue - high * lowValue) / (highValue - lowValue);
      r = next > low && next < high && slow < 3 ? next : (low + high) / 2;
    }
  }
  return low;
}
