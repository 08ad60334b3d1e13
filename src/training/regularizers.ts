/**
 * The Lipschitz terms of the training loss: local bounds of the left half that are differentiable in its weights.
 * Estimates by power iteration, good enough to train with; certificates are computed elsewhere and never from these.
 *
 *   mask    L = Π_k ||I_k W_k I_{k-1}||, I_k = 1 where neuron k can vary on the ball of radius r  (SPLITZ eq. 18)
 *   secant  L = Π_k ||M_k W_k||, M_k the secant slopes over the reach T_k = ρ_{k-1} ||w_i||, ρ_k = r Π_{j<=k} ||M_j W_j||
 *   linear  the smaller of secant and the bound that keeps the linear part (linear-regularizer.ts)
 *
 * Differentiable in W and, but for mask, in the slopes: in the slack that a neuron has before it moves.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TrainingContext } from '../operators/training/form.ts';
import { detach } from './detach.ts';
import { largestNorm } from './largest-norm.ts';
import { LinearMovement, linearVectorSegments } from './linear-regularizer.ts';
import type { Segment } from './network.ts';
import type { NamedTensors } from './program.ts';

export const REGULARIZERS = ['none', 'mask', 'secant', 'linear'] as const;
export type Regularizer = (typeof REGULARIZERS)[number];

/** The affine segments of the left half at one batch: for each segment, which of its outputs can move, and how much. */
export interface LocalBound {
  /** L of each image, shape [B]: an estimate of the local bound, differentiable in the state it was computed from. */
  readonly lipschitz: Tensor;
  /** Top right singular vectors, as `vectorSegments` lists them; no gradient. */
  readonly vectors: readonly Tensor[];
}

/** The segment on whose input each norm of a bound is taken: its vectors are of shape [B, …input of that segment]. */
export const vectorSegments = (kind: Regularizer, segments: readonly Segment[]): number[] =>
  kind === 'none' ? [] : [...segments.keys(), ...(kind === 'linear' ? linearVectorSegments(segments) : [])];

/**
 * @param kind which bound
 * @param images [B, …]
 * @param radius scalar: the ball's radius in pixel units
 * @param warm start vectors of the power iterations, as `vectorSegments` lists them
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
  const kept =
    kind === 'linear' ? new LinearMovement(context, state, moved, warm.slice(segments.length), steps) : null;
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
    const { norm, vector } = largestNorm(tf, linear, after, warm[k] as Tensor, steps);
    vectors.push(vector);
    kept?.pass(segment, z, reach);
    lipschitz = tf.mul(lipschitz, norm);
    moved = tf.mul(moved, norm);
    before = after;
    h = activation === null ? z : activation.forward(context, state, z);
  }
  if (kept === null) return { lipschitz, vectors };
  const byLinear = tf.div(kept.end(), radius);
  return { lipschitz: tf.minimum(lipschitz, byLinear), vectors: [...vectors, ...kept.vectors] };
}
