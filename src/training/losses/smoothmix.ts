/**
 * SmoothMix: a smoothed classifier should lose its confidence evenly on the way to an adversary of its own. The adversary
 * z̃ is found by T steps of length α up the gradient of the smoothed cross-entropy -log p̄(z)_y, where p̄ is the mean
 * probability over the Q draws; a point up to half-way there gets a label that moves towards the uniform one,
 *
 *     z' = (1 - u) z + u z̃,   y' = (1 - u) p̄(z) + u / K,   u uniform on [0, 1/2],
 *     mean_i [ mean_q CE(p_iq, y_i) + η · 1{p̄(z_i) is right} · mean_q KL(y'_i ‖ p(z'_i + δ_iq)) ].
 *
 * The same draws serve in all three places. Jeong, Park, Kim, Lee, Kim, Shin, "SmoothMix: training confidence-calibrated
 * smoothed classifiers for certified robustness", NeurIPS 2021, and jh-jeong/smoothmix, train.py: the adversary is a
 * constant and kept in the range of the pixels, the label is not (gradients reach p̄(z) in y'), the network is in
 * evaluation mode during the attack, and η grows from 0 over the first 10 epochs (`strength`). There Q = 4 and α = 1 on
 * MNIST with T = 4 at σ = 0.5 and 8 at σ = 1, η = 1 or 5.
 *
 * At a cut behind the image the adversary is one of the latent: any direction, within the latent's own range.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../../operators/training/form.ts';
import { detach } from '../detach.ts';
import type { LossInputs, SmoothingLoss } from './loss.ts';
import { byDraw, correctly, logMeanProbability, meanCrossEntropy, noisyCopies } from './smoothed.ts';

export interface SmoothMixSettings {
  readonly kind: 'smoothmix';
  /** Q, noise draws per image. */
  readonly draws: number;
  /** T, steps of the attack. */
  readonly steps: number;
  /** α, length of a step in the l2 norm of the latent. */
  readonly alpha: number;
  /** η, weight of the mixed term. */
  readonly eta: number;
}

/** The feed that `u` is half of: one number per image. */
const MIXING = 'loss.mixing';
/** Keeps the logarithm of a label's probability finite; below the least positive float32 nothing is lost. */
const LEAST_PROBABILITY = 1e-30;

/** The mean over the draws as log-probabilities [B, K]. */
function logSmoothed(tf: Tf, logits: Tensor, batch: number): Tensor {
  return logMeanProbability(tf, tf.logSoftmax(byDraw(tf, logits, batch)));
}

/** Latents [B, ...latent] at most T·α away that the smoothed network finds harder; a constant. */
function adversary(tf: Tf, inputs: LossInputs, { steps, alpha }: SmoothMixSettings): Tensor {
  const { logitsOf, noise, labels, latentRange } = inputs;
  const batch = inputs.latent.shape[0]!;
  const axes = inputs.latent.shape.map((_, axis) => axis).slice(1);
  // Summed, not averaged: each image's gradient is then its own.
  const difficulty = (latent: Tensor): Tensor => {
    const logits = logitsOf(noisyCopies(tf, latent, noise), 'attack');
    return tf.neg(tf.sum(tf.mul(logSmoothed(tf, logits, batch), labels)));
  };
  let latent = detach(tf, inputs.latent);
  for (let step = 0; step < steps; step++) {
    const gradient = tf.grad(difficulty)(latent);
    const norm = tf.sqrt(tf.sum(tf.square(gradient), axes, true));
    const moved = tf.add(latent, tf.mul(tf.div(gradient, tf.add(norm, 1e-8)), alpha));
    latent = detach(tf, latentRange === null ? moved : tf.clipByValue(moved, ...latentRange));
  }
  return latent;
}

/** One number per image [B] in a shape that multiplies its latents [B, 1, …, 1]. */
function perImage(tf: Tf, numbers: Tensor, latent: Tensor): Tensor {
  return tf.reshape(
    numbers,
    latent.shape.map((size, axis) => (axis === 0 ? size : 1)),
  );
}

export function smoothMixLoss(settings: SmoothMixSettings): SmoothingLoss {
  return {
    draws: settings.draws,
    uniforms: (batch) => new Map([[MIXING, [batch]]]),
    compute: (tf, inputs) => {
      const { logitsOf, latent, noise, labels, strength } = inputs;
      const [batch = 0, classes = 0] = labels.shape;
      const mixing = tf.mul(inputs.uniforms[MIXING]!, 0.5);

      const logits = logitsOf(noisyCopies(tf, latent, noise), 'train');
      const logOfDraws = tf.logSoftmax(byDraw(tf, logits, batch));
      const smoothed = tf.exp(logMeanProbability(tf, logOfDraws));

      const share = perImage(tf, mixing, latent);
      const far = adversary(tf, inputs, settings);
      const mixed = tf.add(tf.mul(latent, tf.sub(1, share)), tf.mul(far, share));
      const logOfMixed = tf.logSoftmax(byDraw(tf, logitsOf(noisyCopies(tf, mixed, noise), 'train'), batch));

      const part = tf.reshape(mixing, [batch, 1]);
      const label = tf.add(tf.mul(smoothed, tf.sub(1, part)), tf.div(part, classes));
      const logOfLabel = tf.log(tf.maximum(label, LEAST_PROBABILITY));
      const divergence = tf.sum(tf.mul(label, tf.sub(logOfLabel, tf.mean(logOfMixed, 0))), -1);
      const added = tf.mul(tf.mean(tf.mul(correctly(tf, smoothed, labels), divergence)), settings.eta);
      return {
        loss: tf.add(meanCrossEntropy(tf, logOfDraws, labels), tf.mul(added, strength)),
        logits,
      };
    },
  };
}
