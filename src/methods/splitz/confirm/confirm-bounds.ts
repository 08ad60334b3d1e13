/**
 * Re-evaluates the left half's bound of single records: f_L(x), η and τ afresh, points of the ball that might refute D(radius)
 * (`moved-points.ts`), and D(radius) + η′ again: with norms proved another way (`residual-norm.ts`) where the matrices are
 * small enough for that, or, quicker, the way `certify` proves them, with fresh probes.
 */
import type { NormOf } from '../../../lipschitz/displacement.ts';
import type { LeftHalfBound } from '../../../lipschitz/input-radius.ts';
import { segmentsOf } from '../../../lipschitz/left-half.ts';
import {
  createSpectralNorm,
  type GaussianSource,
  type SpectralNorm,
} from '../../../lipschitz/spectral-norm.ts';
import type { LinearMap } from '../../../operators/algebra/linear-map.ts';
import type { Scales } from '../../../operators/algebra/scales.ts';
import { tauFault } from '../../smoothing/confirm.ts';
import { latentCentre } from '../left-half.ts';
import type { SplitzEvidence } from '../schema.ts';
import { refuted } from './moved-points.ts';
import { residualNorm } from './residual-norm.ts';

export interface BoundConfirmation {
  /** What does not hold, or null. */
  readonly fault: string | null;
  /** D(radius) + η′, an upper bound. */
  readonly displacement: number;
  /** Whether every norm in it was proved another way than `certify` proves it. */
  readonly independent: boolean;
}

/** What a certificate states about the left half. */
export interface BoundClaim {
  readonly radius: number;
  readonly evidence: SplitzEvidence;
}

/**
 * How D(radius) is proved again: with norms proved another way where that is possible (seconds), as certify proves them
 * (milliseconds), or not at all, only tried at points of the ball.
 */
export type Proof = 'another' | 'as certify' | 'points only';

/** Failure probability of one norm where the proof is probabilistic. */
const DELTA = 1e-9;
/** Two evaluations of η differ by less. */
const SAME = 1e-9;

/**
 * @param sigma of the noise at the cut
 * @param probes for directions and probabilistic norms, not those of the run
 */
export function boundConfirmer(
  left: LeftHalfBound,
  sigma: number,
  probes: GaussianSource,
  proof: Proof = 'another',
): (image: Float32Array, claim: BoundClaim) => BoundConfirmation {
  const { half } = left;
  const fallback = new Map<LinearMap, SpectralNorm>();
  const segments = [
    ...half.steps.flatMap((step) => segmentsOf(half, step.input, step.dims)),
    ...segmentsOf(half, half.output, half.dims),
  ];
  const otherwise = (matrix: LinearMap, rows: Scales, columns: Scales): number => {
    let norm = fallback.get(matrix);
    if (norm === undefined) {
      const segment = segments.find((one) => one.matrix === matrix);
      norm = createSpectralNorm(
        matrix,
        segment?.rowDims ?? [matrix.rows],
        segment?.columnDims ?? [matrix.cols],
      );
      fallback.set(matrix, norm);
    }
    return norm.bound(rows, columns, probes, DELTA);
  };

  return (image, { radius, evidence }) => {
    const { latentRadius, displacement: stated, forwardError } = evidence;
    const { evaluation, latent, eta } = latentCentre(left, image);
    const noise = tauFault(evidence, latent, sigma);
    if (noise !== null) return { fault: noise, displacement: 0, independent: true };
    const same = forwardError === null ? !Number.isFinite(eta) : Math.abs(eta - forwardError) <= SAME * eta;
    if (!same) {
      const fault = `forwardError is ${forwardError}, but evaluating f_L again gives ${eta}`;
      return { fault, displacement: 0, independent: true };
    }
    if (radius === 0) return { fault: null, displacement: 0, independent: true };
    const claim = { radius, displacement: stated ?? 0 };
    const refutation = refuted(left, Float64Array.from(image), evaluation, claim, probes);
    if (refutation !== null) {
      const fault = `D(${radius}) is stated as ${claim.displacement}, but the latent moves by ${refutation.moved} at distance ${refutation.distance}`;
      return { fault, displacement: refutation.moved, independent: true };
    }
    if (proof === 'points only') return { fault: null, displacement: claim.displacement, independent: false };
    let independent = proof === 'another';
    const normOf: NormOf = (matrix, rows, columns) => {
      const proved = proof === 'another' ? residualNorm(matrix, rows, columns) : null;
      if (proved === null) independent = false;
      return proved ?? otherwise(matrix, rows, columns);
    };
    const usable = latentRadius - eta;
    const onBall = (norms: NormOf): number => left.ballAt(evaluation, radius, norms).total;
    let moved = onBall(normOf);
    if (!(moved <= usable) && independent) {
      // The other proof is looser by up to a hundredth: certify's own decides.
      independent = false;
      moved = Math.min(moved, onBall(otherwise));
    }
    const fault =
      moved <= usable
        ? null
        : `D(${radius}) + η′ comes to ${moved}, above R_u - η = ${usable}: the radius is not proved`;
    return { fault, displacement: moved, independent };
  };
}
