/**
 * What a denoiser d is trained for, x̂ = d(x + δ), δ ~ N(0, σ²I):
 *
 *   mse        mean_i ‖x̂_i - x_i‖² / (σ_i² dim): the share of the noise that is left, so that every σ of a range counts alike
 *   stability  mean_i CE(f(x̂_i) / T, softmax(f(x_i) / T)) + s · mse, with f the frozen network: its own answer is to stay
 *
 * (Salman, Sun, Yang, Kapoor, Kolter, "Denoised smoothing", NeurIPS 2020.) One after the other, "mse@30%,stability": a
 * network tells a denoiser little that does not denoise yet. At T = 1 the loss is that of the paper; a network that was never
 * wrong about its training images is sure of itself when it is wrong about noisy ones too, and these few then rule the gradient.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { UsageError } from '../../ground/errors.ts';
import type { Tf } from '../../operators/training/form.ts';

export const DENOISING_LOSSES = ['mse', 'stability'] as const;
export type DenoisingLoss = (typeof DENOISING_LOSSES)[number];

/** Share of the run that belongs to the first of two losses. */
const FIRST_SHARE = '30%';

export interface DenoisingStages {
  /** As it is read, every value shown. */
  readonly text: string;
  /** The loss of an epoch, from 0. */
  at(epoch: number): DenoisingLoss;
}

/**
 * @param text "mse", "stability", or both in sequence with the first one's part of the run: "mse@30%,stability", "mse@4,stability"
 * @throws UsageError for other text, or a run too short for two losses
 */
export function parseDenoisingLoss(text: string, epochs: number): DenoisingStages {
  const written = text.replace(/\s+/gu, '');
  if (written === 'mse' || written === 'stability') return { text: written, at: () => written };
  const match = /^mse(?:@(\d+(?:\.\d+)?)(%?))?,stability$/u.exec(written);
  if (match === null) throw refused(text);
  const [, amount, unit] = match;
  const span = amount === undefined ? FIRST_SHARE : `${amount}${unit}`;
  const asked = span.endsWith('%') ? (Number.parseFloat(span) / 100) * epochs : Number(span);
  if (epochs < 2) throw refused(text, 'each loss needs an epoch, and the run has one');
  if (!(asked > 0 && asked < epochs)) throw refused(text, `${span} leaves an epoch to one loss only`);
  const first = Math.min(Math.max(Math.round(asked), 1), epochs - 1);
  return { text: `mse@${span},stability`, at: (epoch) => (epoch < first ? 'mse' : 'stability') };
}

function refused(text: string, why?: string): UsageError {
  return new UsageError({
    what: `the loss "${text}" cannot train a denoiser`,
    where: '--loss',
    ...(why === undefined ? {} : { why }),
    remedy: 'Use mse, stability, or both in sequence: mse@30%,stability.',
  });
}

/** The share of the noise's energy that is left, of each image: [B]. @param sigma [B] */
export function noiseLeft(tf: Tf, clean: Tensor, denoised: Tensor, sigma: Tensor): Tensor {
  return tf.div(squaredError(tf, clean, denoised), tf.square(sigma));
}

/** Mean over the entries of each image: [B]. */
export function squaredError(tf: Tf, clean: Tensor, denoised: Tensor): Tensor {
  const axes = clean.shape.slice(1).map((_, k) => k + 1);
  return tf.mean(tf.squaredDifference(denoised, clean), axes);
}

/** Mean cross-entropy of answers to the network's own clean ones, both logits [B,K], divided by the temperature first. */
export function instability(tf: Tf, clean: Tensor, answers: Tensor, temperature: Tensor | number): Tensor {
  const own = tf.softmax(tf.div(clean, temperature));
  return tf.neg(tf.mean(tf.sum(tf.mul(own, tf.logSoftmax(tf.div(answers, temperature))), 1)));
}
