/**
 * The Lipschitz terms of the training loss: local bounds of the left half that are differentiable in its weights.
 * Estimates by power iteration, good enough to train with; certificates are computed elsewhere and never from these.
 *
 *   mask    L = Π_k ||I_k W_k I_{k-1}||, I_k = 1 where neuron k can vary on the ball of radius r  (SPLITZ eq. 18)
 *   secant  L = Π_k ||M_k W_k||, M_k the secant slopes over the reach T_k = ρ_{k-1} ||w_i||, ρ_k = r Π_{j<=k} ||M_j W_j||
 *
 * The gradient of a norm goes through its top singular pair: v is found without gradient, then ||M W v|| is
 * differentiated in W (and, for secant, in M: in the slack that a neuron has before it moves).
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf, TrainingContext } from '../operators/training/form.ts';
import { detach } from './detach.ts';
import type { Segment } from './network.ts';
import type { NamedTensors } from './program.ts';

export const REGULARIZERS = ['none', 'mask', 'secant'] as const;
export type Regularizer = (typeof REGULARIZERS)[number];

const rowAxes = (x: Tensor): number[] => x.shape.slice(1).map((_, k) => k + 1);

/** l2 norm of each row of a batch, shape [B, 1, …]; a zero row has norm 1e-12 and a finite gradient. */
function rowNorms(tf: Tf, x: Tensor): Tensor {
  return tf.sqrt(tf.add(tf.sum(tf.square(x), rowAxes(x), true), 1e-24));
}

/** The affine segments of the left half at one batch: for each segment, which of its outputs can move, and how much. */
export interface LocalBound {
  /** L of each image, shape [B]: an estimate of the local bound, differentiable in the state it was computed from. */
  readonly lipschitz: Tensor;
  /** Top right singular vector of each segment, shape [B, …segment input]; no gradient. */
  readonly vectors: readonly Tensor[];
}

/**
 * @param kind which bound
 * @param images [B, …]
 * @param radius scalar: the ball's radius in pixel units
 * @param warm start vectors of the power iteration, one per segment, shape [B, …segment input]
 * @param steps power iterations
 */
export function localBound(
  kind: Exclude<Regularizer, 'none'>,
  segments: readonly Segment[],
  context: TrainingContext,
  state: NamedTensors,
  images: Tensor,
  radius: Tensor,
  warm: readonly Tensor[],
  steps: number,
): LocalBound {
  const { tf } = context;
  const batch = images.shape[0] as number;
  const perRow = (x: Tensor, like: Tensor): Tensor =>
    tf.reshape(x, [batch, ...like.shape.slice(1).map(() => 1)]);
  let h = images;
  /** Bound on how far the segment's input moves, [B]. */
  let moved = tf.mul(tf.ones([batch]), radius);
  let lipschitz: Tensor = tf.ones([batch]);
  let before: Tensor | null = null;
  const vectors: Tensor[] = [];
  for (const [k, segment] of segments.entries()) {
    const { affine, activation } = segment;
    const z = affine.apply(context, state, h);
    const rows = affine.squaredRows(context, state, tf.ones([1, ...h.shape.slice(1)]));
    const reach = tf.mul(tf.sqrt(tf.add(rows, 1e-12)), perRow(moved, z));
    let after: Tensor | null = null;
    if (activation !== null) {
      after =
        kind === 'mask'
          ? detach(tf, activation.variesWithin(context, state, z, reach))
          : activation.secantSlope(context, state, z, reach);
    }
    const onInput = kind === 'mask' ? before : null;
    const linear = (v: Tensor): Tensor =>
      affine.linear(context, state, onInput === null ? v : tf.mul(v, onInput));
    const v = detach(
      tf,
      topVector(tf, linear, after === null ? null : detach(tf, after), warm[k] as Tensor, steps),
    );
    vectors.push(v);
    const image = linear(v);
    const norm = tf.reshape(rowNorms(tf, after === null ? image : tf.mul(image, after)), [batch]);
    lipschitz = tf.mul(lipschitz, norm);
    moved = tf.mul(moved, norm);
    before = after;
    h = activation === null ? z : activation.forward(context, state, z);
  }
  return { lipschitz, vectors };
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
