/** Piecewise linear activations: Relu, LeakyRelu, PRelu, Clip (attributes before opset 11, inputs since). */
import type { Tensor } from '@tensorflow/tfjs-core';
import { floatAttribute, type Node } from '../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex } from './algebra/shape.ts';
import { constantOperand, optionalConstant, refuse, required } from './compile/compile-errors.ts';
import { activated } from './compile/nonlinear-action.ts';
import { type Activation, type Pieces, piecewiseLinear } from './nonlinear/activation.ts';
import { constantOf, type Operands, type Operator } from './operator.ts';
import type { Tf, TrainingForm, TrainingOperands } from './training/form.ts';
import { operandAt, optionalWeightAt, refuseTraining, weightAt } from './training/operands.ts';

function leaky(slope: number): Activation {
  const pieces: Pieces = { kinks: [0], slopes: [slope, 1] };
  return piecewiseLinear(
    () => pieces,
    (z) => (z >= 0 ? z : slope * z),
  );
}

/** PRelu: one slope per element, broadcast to the input (unidirectional). */
function parametric(node: Node, operands: Operands): Activation {
  const { dims } = required(node, operands, 0);
  const slope = constantOperand(node, operands, 1, 'slope');
  // Before opset 7 a slope vector belongs to axis 1 (channels).
  const from =
    slope.dims.length === 1 && node.opset < 7 && dims.length > 1
      ? [slope.dims[0]!, ...dims.slice(2).map(() => 1)]
      : slope.dims;
  const shape = broadcastDims(dims, from);
  if (shape === null || shape.length !== dims.length || shape.some((d, i) => d !== dims[i])) {
    refuse(node, `slope [${slope.dims}] does not broadcast to [${dims}]`, 'Re-export the model.');
  }
  const index = broadcastIndex(from, dims);
  const pieces = Array.from(slope.values, (s): Pieces => ({ kinks: [0], slopes: [s, 1] }));
  return piecewiseLinear(
    (i) => pieces[index[i]!]!,
    (z, i) => (z >= 0 ? z : slope.values[index[i]!]! * z),
  );
}

function clip(node: Node, operands: Operands): Activation {
  const limit = (position: number, name: 'min' | 'max', absent: number): number =>
    node.opset < 11
      ? floatAttribute(node, name, absent)
      : (optionalConstant(node, operands, position, `${name} limit`)?.values[0] ?? absent);
  const low = limit(1, 'min', Number.NEGATIVE_INFINITY);
  const high = limit(2, 'max', Number.POSITIVE_INFINITY);
  if (!(low < high)) refuse(node, `its limits are empty: [${low}, ${high}]`, 'Re-export the model.');
  const kinks = [low, high].filter(Number.isFinite);
  const slopes = [...(Number.isFinite(low) ? [0] : []), 1, ...(Number.isFinite(high) ? [0] : [])];
  return piecewiseLinear(
    () => ({ kinks, slopes }),
    (z) => Math.min(Math.max(z, low), high),
  );
}

/** min(a, b); the gradient of tfjs's own minimum has the wrong shape where an operand is broadcast. */
const smaller = (tf: Tf, a: Tensor, b: Tensor): Tensor => tf.sub(a, tf.relu(tf.sub(a, b)));

/** Shorter reaches count as this in a quotient, so that its gradient stays finite. */
const SHORTEST = 1e-12;

/**
 * sup over 0 < |t| <= reach of |clip(z + t) - clip(z)| / |t|. With s the distance of z to [low, high], the steepest chord
 * ends where the ball does, or at the far limit: it is (τ - s)/τ long per unit for τ = min(reach, s + high - low), and 1
 * inside. One formula without branches, so no unselected branch can spoil the gradient.
 */
function clippedSecant(tf: Tf, z: Tensor, reach: Tensor, low: Limit, high: Limit): Tensor {
  const below = low === null ? null : tf.relu(tf.sub(low, z));
  const above = high === null ? null : tf.relu(tf.sub(z, high));
  if (below === null && above === null) return tf.onesLike(z);
  const distance = below === null ? (above as Tensor) : above === null ? below : tf.add(below, above);
  const width = low === null || high === null ? null : tf.sub(high, low);
  const end = width === null ? reach : smaller(tf, reach, tf.add(distance, width));
  return tf.relu(tf.sub(1, tf.div(distance, tf.maximum(end, SHORTEST))));
}

/** 1 where [z - reach, z + reach] meets the inside of [low, high]. */
function meetsInside(tf: Tf, z: Tensor, reach: Tensor, low: Limit, high: Limit): Tensor {
  const ones = tf.onesLike(tf.add(z, reach));
  const over = low === null ? ones : tf.cast(tf.greater(tf.add(z, reach), low), 'float32');
  return high === null ? over : tf.mul(over, tf.cast(tf.less(tf.sub(z, reach), high), 'float32'));
}

/**
 * The same for max(z, 0) + slope min(z, 0). On either side of the kink the chord's slope runs from the one at z to that
 * of the longest chord, `other + (own - other) min(1, |z|/reach)`: one of the two is the steepest.
 */
function leakySecant(tf: Tf, z: Tensor, reach: Tensor, slope: Tensor): Tensor {
  const right = tf.cast(tf.greaterEqual(z, 0), 'float32');
  const left = tf.sub(1, right);
  const own = tf.add(right, tf.mul(left, slope));
  const other = tf.add(left, tf.mul(right, slope));
  const share = tf.minimum(1, tf.div(tf.abs(z), tf.maximum(reach, SHORTEST)));
  return tf.maximum(tf.abs(own), tf.abs(tf.add(other, tf.mul(tf.sub(own, other), share))));
}

const trainedRelu: TrainingForm = {
  forward: (node, operands, { tf }) => tf.relu(operandAt(node, operands, 0).tensor),
  secantSlope: (_node, _operands, { tf }, z, reach) => clippedSecant(tf, z, reach, 0, null),
  variesWithin: (_node, _operands, { tf }, z, reach) => meetsInside(tf, z, reach, 0, null),
};

const alphaOf = (node: Node): number => floatAttribute(node, 'alpha', Math.fround(0.01));

const trainedLeakyRelu: TrainingForm = {
  forward: (node, operands, { tf }) => tf.leakyRelu(operandAt(node, operands, 0).tensor, alphaOf(node)),
  secantSlope: (node, _operands, { tf }, z, reach) => leakySecant(tf, z, reach, tf.scalar(alphaOf(node))),
  variesWithin: (node, _operands, { tf }, z, reach) =>
    meetsInside(tf, z, reach, alphaOf(node) === 0 ? 0 : null, null),
};

/** PRelu's slopes in a shape that broadcasts to x. Before opset 7 a slope vector belongs to axis 1 (channels). */
function slopes(node: Node, operands: TrainingOperands, tf: Tf, rank: number): Tensor {
  const slope = weightAt(node, operands, 1, 'slope').tensor;
  if (slope.rank !== 1 || node.opset >= 7 || rank < 2) return slope;
  return tf.reshape(slope, [slope.size, ...new Array<number>(rank - 2).fill(1)]);
}

const trainedPRelu: TrainingForm = {
  parameters: () => [1],
  forward(node, operands, { tf }) {
    const x = operandAt(node, operands, 0).tensor;
    return tf.sub(tf.relu(x), tf.mul(slopes(node, operands, tf, x.rank), tf.relu(tf.neg(x))));
  },
  secantSlope: (node, operands, { tf }, z, reach) =>
    leakySecant(tf, z, reach, slopes(node, operands, tf, z.rank)),
  // A trained slope is never known to be 0.
  variesWithin: (_node, _operands, { tf }, z, reach) => meetsInside(tf, z, reach, null, null),
};

/** A limit of Clip: a number, a trained scalar, or none. */
type Limit = number | Tensor | null;

function limits(node: Node, operands: TrainingOperands): { low: Limit; high: Limit } {
  const limit = (position: number, name: 'min' | 'max', none: number): Limit => {
    const operand = node.opset < 11 ? null : optionalWeightAt(node, operands, position, `${name} limit`);
    if (operand !== null && operand.constant === null) return operand.tensor;
    const known =
      operand?.constant != null
        ? constantOf(operand.constant).values[0]
        : node.opset < 11
          ? floatAttribute(node, name, none)
          : none;
    return known === undefined || Math.abs(known) > LARGEST ? null : known;
  };
  const low = limit(1, 'min', Number.NEGATIVE_INFINITY);
  const high = limit(2, 'max', Number.POSITIVE_INFINITY);
  if (typeof low === 'number' && typeof high === 'number' && low >= high)
    refuseTraining(node, `its limits are empty: [${low}, ${high}]`, 'Export the model again.');
  return { low, high };
}

/** Files without an infinite limit write the largest float32 instead. */
const LARGEST = 3.4e38;

const trainedClip: TrainingForm = {
  limits: (node) => (node.opset < 11 ? [] : [2]),
  forward(node, operands, { tf }) {
    const x = operandAt(node, operands, 0).tensor;
    const { low, high } = limits(node, operands);
    if (typeof low === 'number' && typeof high === 'number') return tf.clipByValue(x, low, high);
    const over = low === null ? x : low === 0 ? tf.relu(x) : tf.maximum(x, low);
    if (high === null || typeof high === 'number') return high === null ? over : tf.minimum(over, high);
    // The limit first: what is clipped becomes exactly the limit.
    return smaller(tf, high, over);
  },
  secantSlope(node, operands, { tf }, z, reach) {
    const { low, high } = limits(node, operands);
    return clippedSecant(tf, z, reach, low, high);
  },
  variesWithin(node, operands, { tf }, z, reach) {
    const { low, high } = limits(node, operands);
    return meetsInside(tf, z, reach, low, high);
  },
};

export const rectifiers: Operator = {
  types: ['Relu', 'LeakyRelu', 'PRelu', 'Clip'],
  roles: { Relu: 'activation', LeakyRelu: 'activation', PRelu: 'activation', Clip: 'activation' },
  training: {
    Relu: trainedRelu,
    LeakyRelu: trainedLeakyRelu,
    PRelu: trainedPRelu,
    Clip: trainedClip,
  },
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const activation =
      node.opType === 'Relu'
        ? leaky(0)
        : node.opType === 'LeakyRelu'
          ? leaky(floatAttribute(node, 'alpha', Math.fround(0.01)))
          : node.opType === 'PRelu'
            ? parametric(node, operands)
            : clip(node, operands);
    return activated(dims, activation);
  },
};
