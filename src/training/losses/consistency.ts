/**
 * Consistency regularisation: the draws of one image should agree, and their mean should be sure,
 *
 *     mean_i [ mean_q CE(p_iq, y_i) + λ · mean_q KL(p̄_i ‖ p_iq) + η · H(p̄_i) ],    p̄_i = mean_q p_iq.
 *
 * λ does not multiply the entropy. Jeong, Shin, "Consistency regularization for certified robustness of smoothed
 * classifiers", NeurIPS 2020, and the form its results were made with (jh-jeong/smoothing-consistency, consistency.py:
 * `lbd * loss_kl + eta * loss_ent`, gradients through p̄ too). There η = 0.5, Q = 2, and on MNIST λ = 10 at σ = 0.25 and 5
 * at σ = 0.5 and 1.
 */
import { noUniforms, type SmoothingLoss } from './loss.ts';
import { byDraw, logMeanProbability, meanCrossEntropy, noisyCopies } from './smoothed.ts';

export interface ConsistencySettings {
  readonly kind: 'consistency';
  /** Q, noise draws per image; two at least. */
  readonly draws: number;
  /** λ, weight of the divergence. */
  readonly lambda: number;
  /** η, weight of the entropy. */
  readonly eta: number;
}

export function consistencyLoss({ draws, lambda, eta }: ConsistencySettings): SmoothingLoss {
  return {
    draws,
    uniforms: noUniforms,
    compute: (tf, { logitsOf, latent, noise, labels, strength }) => {
      const logits = logitsOf(noisyCopies(tf, latent, noise), 'train');
      const logOfDraws = tf.logSoftmax(byDraw(tf, logits, latent.shape[0]!));
      const logOfMean = logMeanProbability(tf, logOfDraws);
      const mean = tf.exp(logOfMean);
      const divergence = tf.mean(tf.sum(tf.mul(mean, tf.sub(logOfMean, tf.mean(logOfDraws, 0))), -1));
      const entropy = tf.neg(tf.mean(tf.sum(tf.mul(mean, logOfMean), -1)));
      const added = tf.add(tf.mul(divergence, lambda), tf.mul(entropy, eta));
      return {
        loss: tf.add(meanCrossEntropy(tf, logOfDraws, labels), tf.mul(added, strength)),
        logits,
      };
    },
  };
}
