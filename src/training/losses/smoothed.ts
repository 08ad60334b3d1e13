/** Terms the losses share. Logits of the draws are [Q·B, K], draw by draw; `byDraw` makes them [Q, B, K]. */
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../../operators/training/form.ts';
import { detach } from '../detach.ts';

/** Q noisy copies [Q·B, ...latent] of the latents [B, ...latent]. */
export function noisyCopies(tf: Tf, latent: Tensor, noise: Tensor): Tensor {
  const draws = noise.shape[0]! / latent.shape[0]!;
  // A concatenation has a gradient for every rank; that of tf.tile ends at four axes.
  const copies =
    draws === 1
      ? latent
      : tf.concat(
          Array.from({ length: draws }, () => latent),
          0,
        );
  return tf.add(copies, noise);
}

/** [Q·B, K] to [Q, B, K]. */
export function byDraw(tf: Tf, logits: Tensor, batch: number): Tensor {
  const [rows = 0, classes = 0] = logits.shape;
  return tf.reshape(logits, [rows / batch, batch, classes]);
}

/** Cross-entropy, averaged over draws and images: log-probabilities [Q, B, K], one-hot labels [B, K]. */
export function meanCrossEntropy(tf: Tf, logProbabilities: Tensor, labels: Tensor): Scalar {
  return tf.neg(tf.mean(tf.sum(tf.mul(logProbabilities, labels), -1))) as Scalar;
}

/**
 * log of the mean probability over the draws: [Q, B, K] to [B, K]. The largest draw is taken out first, so that classes
 * of probability 1e-100 keep a finite logarithm and gradient in float32.
 */
export function logMeanProbability(tf: Tf, logProbabilities: Tensor): Tensor {
  const largest = detach(tf, tf.max(logProbabilities, 0));
  return tf.add(tf.log(tf.mean(tf.exp(tf.sub(logProbabilities, largest)), 0)), largest);
}

/** The largest probability [B] among the classes that are not the label: probabilities and one-hot labels [B, K]. */
export function runnerUp(tf: Tf, probabilities: Tensor, labels: Tensor): Tensor {
  return tf.max(tf.sub(probabilities, tf.mul(labels, 2)), -1);
}

/** 1 where the label is the likeliest class, else 0: [B], a constant. */
export function correctly(tf: Tf, probabilities: Tensor, labels: Tensor): Tensor {
  const ofLabel = tf.sum(tf.mul(probabilities, labels), -1);
  return detach(tf, tf.cast(tf.greater(ofLabel, runnerUp(tf, probabilities, labels)), 'float32'));
}
