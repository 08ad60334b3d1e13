/**
 * The norm of a linear map for every image of a batch, by power iteration: an estimate from below. Its gradient goes through the
 * top singular pair: v is found without gradient, then ||M W v|| is differentiated in M and W.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf } from '../operators/training/form.ts';
import { detach } from './detach.ts';

const rowAxes = (x: Tensor): number[] => x.shape.slice(1).map((_, k) => k + 1);

/** l2 norm of each row of a batch, shape [B, 1, …]; a zero row has norm 1e-12 and a finite gradient. */
function rowNorms(tf: Tf, x: Tensor): Tensor {
  return tf.sqrt(tf.add(tf.sum(tf.square(x), rowAxes(x), true), 1e-24));
}

export interface LargestNorm {
  /** [B]; differentiable. */
  readonly norm: Tensor;
  /** Top right singular vectors, [B, …input of the map]; no gradient. */
  readonly vector: Tensor;
}

/**
 * ||M W|| of each row of a batch.
 * @param linear W, a batch of rows at a time
 * @param rows the diagonal of M, of the shape of W's output; null for ones
 * @param start of the iteration, [B, …input of W]
 */
export function largestNorm(
  tf: Tf,
  linear: (v: Tensor) => Tensor,
  rows: Tensor | null,
  start: Tensor,
  steps: number,
): LargestNorm {
  const vector = detach(tf, topVector(tf, linear, rows === null ? null : detach(tf, rows), start, steps));
  const image = linear(vector);
  const norms = rowNorms(tf, rows === null ? image : tf.mul(image, rows));
  return { norm: tf.reshape(norms, [start.shape[0] as number]), vector };
}

/** Power iteration on WᵀM²W from `start`, each row for itself; rows come back normalised. */
function topVector(
  tf: Tf,
  linear: (v: Tensor) => Tensor,
  slopes: Tensor | null,
  start: Tensor,
  steps: number,
): Tensor {
  const adjoint = tf.grad(linear);
  let v: Tensor = tf.div(start, rowNorms(tf, start));
  for (let step = 0; step < steps; step++) {
    const u = linear(v);
    const product = adjoint(v, slopes === null ? u : tf.mul(tf.square(slopes), u));
    // Where nothing can move the product is 0: the vector then stays, or the row could never recover.
    const next = tf.add(product, tf.mul(v, 1e-6));
    v = tf.div(next, rowNorms(tf, next));
  }
  return v;
}
