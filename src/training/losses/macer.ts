/**
 * MACER: the certified radius itself as a part of the loss. Classification is by the mean probability over the draws; for
 * images that are classified correctly a hinge asks for the radius σ/2 (Φ⁻¹(p_A) - Φ⁻¹(p_B)) up to a margin,
 *
 *     mean_i [ -log p̄_i[y_i] + λ · σ/2 · 1{p̂_i is right} · max(0, γ - (Φ⁻¹(p̂_i[y_i]) - Φ⁻¹(max_{k≠y} p̂_i[k]))) ],
 *     p̄_i = mean_q softmax(logits_iq),   p̂_i = mean_q softmax(β · logits_iq).
 *
 * Zhai, Dan, He, Zhang, Gong, Ravikumar, Hsieh, Wang, "MACER: attack-free and scalable robust training via maximizing
 * certified radius", ICLR 2020, and RuntianZ/macer, macer.py. There Q = 16, β = 16, γ = 8; on MNIST λ = 16, or 6 at σ = 1.
 */
import { noUniforms, type SmoothingLoss } from './loss.ts';
import { normalQuantile } from './normal-quantile.ts';
import {
  byDraw,
  correctly,
  logMeanProbability,
  meanCrossEntropy,
  noisyCopies,
  runnerUp,
} from './smoothed.ts';

export interface MacerSettings {
  readonly kind: 'macer';
  /** Q, noise draws per image. */
  readonly draws: number;
  /** λ, weight of the radius. */
  readonly lambda: number;
  /** γ, the margin: a radius of γ σ / 2 is enough. At most LARGEST_MARGIN. */
  readonly gamma: number;
  /** β, inverse temperature of the probabilities in the radius. */
  readonly beta: number;
}

/** Twice the largest quantile that `normalQuantile` gives (6.6): a larger margin could never be met. */
export const LARGEST_MARGIN = 13;

export function macerLoss({ draws, lambda, gamma, beta }: MacerSettings): SmoothingLoss {
  return {
    draws,
    uniforms: noUniforms,
    compute: (tf, { logitsOf, latent, noise, labels, sigma, strength }) => {
      const logits = logitsOf(noisyCopies(tf, latent, noise), 'train');
      const logitsByDraw = byDraw(tf, logits, latent.shape[0]!);
      const logOfMean = logMeanProbability(tf, tf.logSoftmax(logitsByDraw));
      const classification = meanCrossEntropy(tf, logOfMean, labels);

      const sharp = tf.exp(logMeanProbability(tf, tf.logSoftmax(tf.mul(logitsByDraw, beta))));
      const second = runnerUp(tf, sharp, labels);
      // Φ⁻¹(p_A) = -Φ⁻¹(1 - p_A), and 1 - p_A as the sum of the others does not cancel.
      const others = tf.sum(tf.mul(sharp, tf.sub(1, labels)), -1);
      const missing = tf.relu(tf.add(tf.add(normalQuantile(tf, others), normalQuantile(tf, second)), gamma));
      const hinge = tf.mean(tf.mul(correctly(tf, sharp, labels), missing));
      const radius = tf.mul(tf.mul(hinge, lambda / 2), sigma);
      return { loss: tf.add(classification, tf.mul(radius, strength)), logits };
    },
  };
}
