/**
 * What is proved of a left half and can take long: computed where it is called, or in a thread of its own (proof-thread.ts).
 * Arguments and results are plain values, so that they can be posted.
 */
import type { BallBound } from '../../../lipschitz/ball-bound.ts';
import type { Evaluation } from '../../../lipschitz/evaluate-left-half.ts';
import type { InputRadius, LeftHalfBound } from '../../../lipschitz/input-radius.ts';
import { Stage } from '../../../smoothing/noise/philox.ts';
import { gaussianProbe } from '../../../smoothing/noise/probe.ts';
import {
  type BoundClaim,
  type BoundConfirmation,
  boundConfirmer,
  type Proof,
} from '../confirm/confirm-bounds.ts';
import { globalLipschitz, probesOf } from '../left-half.ts';

/** What a series of records is confirmed with; its probes go on from one record to the next. */
export interface ConfirmationSettings {
  /** Of the noise at the cut. */
  readonly sigma: number;
  /** Of the probes. */
  readonly seed: number;
  readonly proof: Proof;
}

export interface Proofs {
  /** As `globalLipschitz`: the norms that all images share are proved by it, once, with probes of the run's seed. */
  globalLipschitz(seed: bigint): number;
  /** As `LeftHalfBound.inputRadius`, with the probes of an image of a run. */
  inputRadius(
    evaluation: Evaluation,
    latentRadius: number,
    seed: bigint,
    index: number,
    spent?: number,
  ): InputRadius;
  /** As `LeftHalfBound.provedBallAt`, with probes of an image of a run that no other of its proofs uses. */
  ballAt(evaluation: Evaluation, radius: number, seed: bigint, index: number): BallBound;
  /** As `boundConfirmer`. */
  confirm(settings: ConfirmationSettings, image: Float32Array, claim: BoundClaim): BoundConfirmation;
}

export type ProofName = keyof Proofs;

export function proofsOf(left: LeftHalfBound): Proofs {
  const confirmers = new Map<string, ReturnType<typeof boundConfirmer>>();
  return {
    globalLipschitz: (seed) => globalLipschitz(left, seed),
    inputRadius: (evaluation, latentRadius, seed, index, spent) =>
      left.inputRadius(evaluation, latentRadius, probesOf(seed, index), spent),
    ballAt: (evaluation, radius, seed, index) =>
      left.provedBallAt(evaluation, radius, probesOf(seed, index, Stage.decidedRadius)),
    confirm(settings, image, claim) {
      const key = JSON.stringify(settings);
      const confirmer = confirmers.get(key) ?? confirmerOf(left, settings);
      confirmers.set(key, confirmer);
      return confirmer(image, claim);
    },
  };
}

function confirmerOf(left: LeftHalfBound, { sigma, seed, proof }: ConfirmationSettings) {
  let sample = 0;
  const probes = (size: number): Float64Array =>
    gaussianProbe(size, { seed: BigInt(seed), stage: Stage.verification, image: 0, sample: sample++ });
  return boundConfirmer(left, sigma, probes, proof);
}
