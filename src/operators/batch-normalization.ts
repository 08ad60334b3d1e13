/**
 * BatchNormalization: y = scale (x - mean) / sqrt(var + epsilon) + bias per channel. In inference it is an affine map
 * with a diagonal matrix; files in training mode are refused, since their output depends on the other rows of the batch.
 * During training, mean and variance are those of the batch.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { gamma, inflate, TINY } from '../ground/rounding-error.ts';
import { floatAttribute, intAttribute, type Node } from '../onnx/model/graph.ts';
import { selection } from './algebra/sparse-matrix.ts';
import { constantOperand, refuse, required } from './compile/compile-errors.ts';
import type { Operator } from './operator.ts';
import type { Tf, TrainingContext, TrainingForm, TrainingOperands } from './training/form.ts';
import { operandAt, refuseTraining, weightAt } from './training/operands.ts';

interface Channels {
  readonly x: Tensor;
  readonly scale: Tensor;
  readonly bias: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly epsilon: number;
}

/** The operands, with those per channel as [1, C, 1, …]. */
function channelsOf(node: Node, operands: TrainingOperands, tf: Tf): Channels {
  if (node.opset < 9 && intAttribute(node, 'spatial', 1) === 0)
    refuseTraining(node, 'it normalises every cell separately (spatial = 0)', 'Export the model again.');
  const x = operandAt(node, operands, 0).tensor;
  const perChannel = (position: number, name: string): Tensor =>
    tf.reshape(weightAt(node, operands, position, name).tensor, [1, -1, ...x.shape.slice(2).map(() => 1)]);
  return {
    x,
    scale: perChannel(1, 'scale'),
    bias: perChannel(2, 'bias'),
    mean: perChannel(3, 'mean'),
    variance: perChannel(4, 'variance'),
    epsilon: floatAttribute(node, 'epsilon', Math.fround(1e-5)),
  };
}

/** scale / sqrt(variance + epsilon). */
const factorOf = (tf: Tf, { scale, variance, epsilon }: Channels): Tensor =>
  tf.mul(scale, tf.rsqrt(tf.add(variance, epsilon)));

/**
 * y = scale x̂ + bias with x̂ = (x - mean)/sqrt(var + epsilon) of this batch, and its gradient in closed form (Ioffe &
 * Szegedy 2015, section 3): with m cells per channel,
 * dx = scale/(m sqrt(var + epsilon)) (m dy - Σ dy - x̂ Σ dy x̂).
 */
function batchNormalized(
  { tf }: TrainingContext,
  { x, scale, bias, epsilon }: Channels,
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const cells = x.size / (x.shape[1] ?? 1);
  const mean = tf.mean(x, axes, true);
  const variance = tf.mean(tf.square(tf.sub(x, mean)), axes, true);
  const normalize = tf.customGrad((...inputs) => {
    const [data, gain, shift, save] = inputs as unknown as [Tensor, Tensor, Tensor, (t: Tensor[]) => void];
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    const normal = tf.mul(tf.sub(data, mean), inverse);
    save([normal, inverse, gain]);
    return {
      value: tf.add(tf.mul(normal, gain), shift),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [unit, inv, g] = saved as [Tensor, Tensor, Tensor];
        const sum = tf.sum(dy, axes, true);
        const along = tf.sum(tf.mul(dy, unit), axes, true);
        const centred = tf.sub(dy, tf.div(tf.add(sum, tf.mul(unit, along)), cells));
        return [tf.mul(centred, tf.mul(g, inv)), along, sum];
      },
    };
  });
  return { y: normalize(x, scale, bias), mean, variance };
}

/**
 * Statistics of the batch while training, the running ones otherwise. As ONNX defines training_mode, running =
 * momentum · running + (1 - momentum) · batch, and the running variance takes the batch's biased variance (the mean square
 * deviation, not PyTorch's m/(m - 1) times it).
 */
const training: TrainingForm = {
  parameters: () => [1, 2],
  statistics: () => [3, 4],
  forward(node, operands, context) {
    const { tf } = context;
    const channels = channelsOf(node, operands, tf);
    if (context.statistics === 'running')
      return tf.add(tf.mul(tf.sub(channels.x, channels.mean), factorOf(tf, channels)), channels.bias);
    const { y, mean, variance } = batchNormalized(context, channels);
    const momentum = floatAttribute(node, 'momentum', Math.fround(0.9));
    const update = (position: number, batch: Tensor): void => {
      const running = operandAt(node, operands, position);
      const mixed = tf.add(
        tf.mul(running.tensor, momentum),
        tf.mul(tf.reshape(batch, running.tensor.shape), 1 - momentum),
      );
      context.updateStatistic(running.name, mixed);
    };
    update(3, mean);
    update(4, variance);
    return y;
  },
  linear(node, operands, { tf }) {
    const channels = channelsOf(node, operands, tf);
    return tf.mul(channels.x, factorOf(tf, channels));
  },
  squaredRows(node, operands, { tf }) {
    const channels = channelsOf(node, operands, tf);
    return tf.mul(channels.x, tf.square(factorOf(tf, channels)));
  },
};

export const batchNormalization: Operator = {
  types: ['BatchNormalization'],
  training: { BatchNormalization: training },
  compile(node, operands) {
    const input = required(node, operands, 0);
    if (
      intAttribute(node, 'training_mode', 0) !== 0 ||
      node.outputs.slice(1).some((value) => value !== null)
    ) {
      refuse(
        node,
        'it is in training mode, so its output depends on the rest of the batch',
        'Export the model in eval mode.',
      );
    }
    if (node.opset < 9 && intAttribute(node, 'spatial', 1) === 0)
      refuse(node, 'spatial = 0 has no bound here');
    const [scale, bias, mean, variance] = ['scale', 'bias', 'mean', 'variance'].map((name, i) =>
      constantOperand(node, operands, i + 1, name),
    ) as [
      ReturnType<typeof constantOperand>,
      ReturnType<typeof constantOperand>,
      ReturnType<typeof constantOperand>,
      ReturnType<typeof constantOperand>,
    ];
    const epsilon = floatAttribute(node, 'epsilon', Math.fround(1e-5));
    const channels = input.dims[1] ?? 0;
    const size = input.dims.reduce((product, dim) => product * dim, 1);
    const plane = size / ((input.dims[0] ?? 1) * Math.max(channels, 1));
    const channelOf = (i: number): number => Math.floor(i / plane) % channels;
    const factor = Float64Array.from(
      { length: channels },
      (_, c) => scale.values[c]! / Math.sqrt(variance.values[c]! + epsilon),
    );
    if (factor.some((f) => !Number.isFinite(f)) || variance.values.some((v) => !Number.isFinite(v)))
      refuse(node, 'variance + epsilon is not positive and finite', 'Re-export the model.');
    const matrix = selection(
      size,
      Int32Array.from({ length: size }, (_, i) => i),
      Float64Array.from({ length: size }, (_, i) => factor[channelOf(i)]!),
    );
    let largest = 0;
    let magnitude = 0;
    for (let c = 0; c < channels; c++) {
      largest = Math.max(largest, Math.abs(factor[c]!));
      magnitude = Math.max(magnitude, Math.abs(bias.values[c]!) + Math.abs(mean.values[c]! * factor[c]!));
    }
    return {
      kind: 'affine',
      dims: input.dims,
      terms: [{ operand: 0, matrix: matrix.withError(gamma(4) * largest + TINY) }],
      bias: Float64Array.from({ length: size }, (_, i) => {
        const c = channelOf(i);
        return bias.values[c]! - mean.values[c]! * factor[c]!;
      }),
      biasError: inflate(gamma(6) * magnitude * Math.sqrt(size) + TINY, 8),
    };
  },
};
