/**
 * Losses for certificates without noise, on the scores y = W h + c of a network whose features h move by at most K while its
 * image moves by 1. Class i gains on class j at most ε K ||w_j - w_i|| within ε.
 *
 *   gloro   the worst class alone: CE over (y, y_⊥) with y_⊥ = max over i ≠ j of y_i + ε K ||w_j - w_i||, j the class answered
 *           (Leino, Wang & Fredrikson, "Globally-robust neural networks", ICML 2021)
 *   emma    every class by what it needs, up to ε: CE of y_i + e_i ε K ||w_y - w_i||, where the share e_i in [0.01, 1] is the one
 *           at which class i would overtake the label y; a constant (Hu et al., NeurIPS 2023, "efficient margin maximization")
 *
 * K is an estimate here, and the certificate is computed elsewhere.
 */
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import type { Tf } from '../../operators/training/form.ts';
import { detach } from '../detach.ts';

export const MARGIN_LOSSES = ['emma', 'gloro'] as const;
export type MarginLossName = (typeof MARGIN_LOSSES)[number];

export const isMarginLoss = (text: string): text is MarginLossName =>
  MARGIN_LOSSES.some((name) => name === text.trim());

export interface MarginInputs {
  /** [B, K]. */
  readonly scores: Tensor;
  /** One-hot [B, K]. */
  readonly labels: Tensor;
  /** Rows of the last layer, [K, features]. */
  readonly rows: Tensor;
  /** A scalar: how far the features move at most per unit of the image. */
  readonly lipschitz: Tensor;
  /** A scalar: the radius, in input units. */
  readonly epsilon: Tensor;
}

/** Smallest share of ε that a class is pushed by. */
const LEAST_SHARE = 0.01;

/** ||w_i - w_j||, [K, K]; where rows are equal, and on the diagonal, nearly 0 with a finite gradient. */
function rowDistances(tf: Tf, rows: Tensor): Tensor {
  const squares = tf.sum(tf.square(rows), 1, true);
  const products = tf.matMul(rows as Tensor2D, rows as Tensor2D, false, true);
  const squared = tf.sub(tf.add(squares, tf.transpose(squares)), tf.mul(products, 2));
  return tf.sqrt(tf.add(tf.relu(squared), 1e-12));
}

/** What each class can gain on that of a one-hot row within ε = 1: [B, K]. */
const gains = (tf: Tf, chosen: Tensor, { rows, lipschitz }: MarginInputs): Tensor =>
  tf.mul(tf.matMul(chosen as Tensor2D, rowDistances(tf, rows) as Tensor2D), lipschitz);

const crossEntropy = (tf: Tf, scores: Tensor, labels: Tensor): Scalar =>
  tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(scores as Tensor2D), labels), 1))) as Scalar;

function emma(tf: Tf, inputs: MarginInputs): Scalar {
  const { scores, labels, epsilon } = inputs;
  const behind = tf.sub(scores, tf.sum(tf.mul(scores, labels), 1, true));
  const reach = tf.mul(gains(tf, labels, inputs), epsilon);
  const share = detach(tf, tf.clipByValue(tf.div(tf.neg(behind), tf.add(reach, 1e-9)), LEAST_SHARE, 1));
  // Nothing is gained on oneself.
  const gained = tf.mul(tf.mul(reach, share), tf.sub(1, labels));
  return crossEntropy(tf, tf.add(behind, gained), labels);
}

function gloro(tf: Tf, inputs: MarginInputs): Scalar {
  const { scores, labels, epsilon } = inputs;
  const classes = scores.shape[1] as number;
  const answered = tf.cast(tf.oneHot(tf.argMax(scores, 1) as never, classes), 'float32');
  const reached = tf.add(scores, tf.mul(gains(tf, answered, inputs), epsilon));
  // The class answered cannot overtake itself.
  const worst = tf.max(tf.sub(reached, tf.mul(answered, 1e6)), 1, true);
  const extended = tf.concat([labels, tf.zerosLike(worst)], 1);
  return crossEntropy(tf, tf.concat([scores, worst], 1), extended);
}

export const marginLoss = (tf: Tf, name: MarginLossName, inputs: MarginInputs): Scalar =>
  name === 'emma' ? emma(tf, inputs) : gloro(tf, inputs);

/** Share of the images whose label keeps the largest score within ε, as far as the estimate of K is right; a constant. */
export function verifiedShare(tf: Tf, inputs: MarginInputs): Tensor {
  const { scores, labels, epsilon } = inputs;
  const ofLabel = tf.sum(tf.mul(scores, labels), 1);
  const reached = tf.add(scores, tf.mul(gains(tf, labels, inputs), epsilon));
  const worst = tf.max(tf.sub(reached, tf.mul(labels, 1e6)), 1);
  return detach(tf, tf.mean(tf.cast(tf.greater(ofLabel, worst), 'float32')));
}
