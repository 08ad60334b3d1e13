/**
 * Conv, 1-D and 2-D, with stride, padding (auto_pad included), dilation and groups. An affine map: row (o, y, x) of its
 * matrix holds the kernel of output channel o at the taps that fall inside the input, so border rows of a padded
 * convolution have fewer entries and smaller norms.
 */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { describeNode, intAttribute, type Node } from '../onnx/model/graph.ts';
import { convolutionOf, isWrittenOut } from './algebra/convolution-map.ts';
import type { KernelShape } from './algebra/kernel.ts';
import { slidingWindows, type Windows } from './algebra/window.ts';
import { constantOperand, optionalConstant, refuse, required } from './compile/compile-errors.ts';
import { weightEntries } from './compile/weight-entries.ts';
import type { Operator } from './operator.ts';
import type { Tf, TrainingContext, TrainingForm, TrainingOperands } from './training/form.ts';
import { operandAt, optionalWeightAt, refuseTraining, weightAt } from './training/operands.ts';
import { asImage, channelsFirst, channelsLast, fitted, inRankOf, isSame } from './training/window.ts';

/** The convolution without its bias, as TensorFlow's conv2d on [N, rows, columns, C]; one call per group. */
function convolved(node: Node, x: Tensor, kernel: Tensor, tf: Tf): Tensor {
  const windows = slidingWindows(node, x.shape, kernel.shape.slice(2));
  const { y: sweepY, x: sweepX } = windows;
  if (sweepY.dilation !== 1 || sweepX.dilation !== 1)
    refuseTraining(
      node,
      'TensorFlow.js has no gradient of a dilated convolution',
      'Train a network without dilations.',
    );
  // 'same' costs nothing; other paddings are put around the image first, since tfjs-node does not support explicit padding.
  const same = isSame(sweepY) && isSame(sweepX);
  const image = same ? asImage(tf, x) : fitted(tf, asImage(tf, x), windows, 0);
  const weight = asImage(tf, kernel);
  const strides: [number, number] = [sweepY.stride, sweepX.stride];
  const one = (part: Tensor4D, taps: Tensor4D): Tensor4D =>
    channelsFirst(
      tf,
      tf.conv2d(channelsLast(tf, part), tf.transpose(taps, [2, 3, 1, 0]), strides, same ? 'same' : 'valid'),
    );
  const groups = intAttribute(node, 'group', 1);
  if (groups === 1) return inRankOf(tf, x, one(image, weight));
  const kernels = tf.split(weight, groups, 0) as Tensor4D[];
  const parts = (tf.split(image, groups, 1) as Tensor4D[]).map((part, k) =>
    one(part, kernels[k] as Tensor4D),
  );
  return inRankOf(tf, x, tf.concat(parts, 1));
}

const kernelOf = (node: Node, operands: TrainingOperands): Tensor =>
  weightAt(node, operands, 1, 'kernel').tensor;

function linear(node: Node, operands: TrainingOperands, { tf }: TrainingContext): Tensor {
  return convolved(node, operandAt(node, operands, 0).tensor, kernelOf(node, operands), tf);
}

const training: TrainingForm = {
  parameters: () => [1, 2],
  mixes: () => true,
  linear,
  forward(node, operands, context) {
    const sum = linear(node, operands, context);
    const bias = optionalWeightAt(node, operands, 2, 'bias')?.tensor;
    if (bias === undefined) return sum;
    const { tf } = context;
    return tf.add(sum, tf.reshape(bias, [1, bias.size, ...sum.shape.slice(2).map(() => 1)]));
  },
  squaredRows: (node, operands, { tf }) =>
    convolved(node, operandAt(node, operands, 0).tensor, tf.square(kernelOf(node, operands)), tf),
};

/**
 * @param input dims of the input, [N, C, spatial...]
 * @param weight dims of the kernel, [M, C / groups, spatial...]
 * @throws ModelRefused for windows without bound
 */
function shapeOf(
  node: Node,
  input: readonly number[],
  weight: readonly number[],
): KernelShape & Pick<Windows, 'channels' | 'outputDims'> {
  const [outChannels = 0, perGroup = 0, ...kernel] = weight;
  const groups = intAttribute(node, 'group', 1);
  return { ...slidingWindows(node, input, kernel), groups, outChannels, perGroup };
}

export const convolution: Operator = {
  types: ['Conv'],
  roles: { Conv: 'weights' },
  work(node, shapes) {
    const weight = node.inputs[1]?.constant?.dims ?? [];
    const [input] = shapes.inputs;
    if (input === undefined || weight.length < 3 || input.length !== weight.length) return 0;
    const written = isWrittenOut(shapeOf(node, input, weight));
    return written ? weightEntries(node, shapes, 1) : 0;
  },
  training: { Conv: training },
  compile(node, operands) {
    const input = required(node, operands, 0);
    const weight = constantOperand(node, operands, 1, 'kernel');
    const bias = optionalConstant(node, operands, 2, 'bias');
    const shape = shapeOf(node, input.dims, weight.dims);
    const { batch, outChannels, perGroup, groups, channels, y, x, outputDims } = shape;
    if (channels !== perGroup * groups || outChannels % groups !== 0) {
      refuse(
        node,
        `kernel [${weight.dims}] with ${groups} groups does not fit ${channels} channels`,
        'Re-export the model.',
      );
    }
    const plane = y.output * x.output;
    const rows = batch * outChannels * plane;
    const matrix = convolutionOf({ ...shape, weights: weight.values }, describeNode(node));
    return {
      kind: 'affine',
      dims: [batch, outChannels, ...outputDims],
      terms: [{ operand: 0, matrix }],
      bias:
        bias &&
        Float64Array.from({ length: rows }, (_, row) => bias.values[Math.floor(row / plane) % outChannels]!),
    };
  },
};
