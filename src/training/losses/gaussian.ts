/**
 * Training with Gaussian noise: the cross-entropy of noisy copies, averaged over draws and images,
 *
 *     mean_i mean_q CE(f_R(z_i + δ_iq), y_i).
 *
 * Cohen, Rosenfeld, Kolter, "Certified adversarial robustness via randomized smoothing", ICML 2019, section 3.3; on a
 * latent it is the first term of SPLITZ (Zhong, Tandon 2024), equation 17.
 */
import { noUniforms, type SmoothingLoss } from './loss.ts';
import { byDraw, meanCrossEntropy, noisyCopies } from './smoothed.ts';

export interface GaussianSettings {
  readonly kind: 'gaussian';
  /** Q, noise draws per image. */
  readonly draws: number;
}

export function gaussianLoss({ draws }: GaussianSettings): SmoothingLoss {
  return {
    draws,
    uniforms: noUniforms,
    compute: (tf, { logitsOf, latent, noise, labels }) => {
      const logits = logitsOf(noisyCopies(tf, latent, noise), 'train');
      const logProbabilities = tf.logSoftmax(byDraw(tf, logits, latent.shape[0]!));
      return { loss: meanCrossEntropy(tf, logProbabilities, labels), logits };
    },
  };
}
