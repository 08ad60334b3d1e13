/** What a loss of the Gaussian-smoothed right half is given, and what it gives back. */
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../../operators/training/form.ts';
import type { NamedTensors } from '../program.ts';

/**
 * The right half: latents [rows, ...latent] to logits [rows, K].
 *  - `train`: statistics of the batch. A loss may ask more than once in a step (SmoothMix); the first call has the noisy
 *    copies of the clean latents, and running statistics should come from that one.
 *  - `attack`: a pass that only serves to find an adversary: running statistics, none of them updated.
 */
export type RightHalf = (latents: Tensor, purpose: 'train' | 'attack') => Tensor;

export interface LossInputs {
  readonly logitsOf: RightHalf;
  /** Clean latents [B, ...latent]; gradients flow through them into the left half. For split 'input', the images. */
  readonly latent: Tensor;
  /** [Q·B, ...latent], already times σ. Row q·B + i is draw q of image i. */
  readonly noise: Tensor;
  /** One-hot [B, K]. */
  readonly labels: Tensor;
  /** σ, the deviation of the noise: a scalar. */
  readonly sigma: Tensor;
  /** A scalar in [0,1] times what a loss adds to the cross-entropy: 1, or less during a warm-up. */
  readonly strength: Tensor;
  /** Least and largest value of a latent entry: an adversary stays within. [0,1] for images, null when unbounded. */
  readonly latentRange: readonly [number, number] | null;
  /** What `uniforms` asked for, by name. */
  readonly uniforms: NamedTensors;
}

export interface LossValue {
  /** What is minimised. */
  readonly loss: Scalar;
  /** Logits [Q·B, K] of the noisy copies, in the order of the noise. */
  readonly logits: Tensor;
}

export interface SmoothingLoss {
  /** Q, noise draws per image. */
  readonly draws: number;
  /** Shapes of further feeds by name, for B images: numbers uniform on [0,1), drawn anew for each step. */
  uniforms(batch: number): ReadonlyMap<string, readonly number[]>;
  compute(tf: Tf, inputs: LossInputs): LossValue;
}

/** For losses that need no random numbers but the noise. */
export function noUniforms(): ReadonlyMap<string, readonly number[]> {
  return new Map();
}
