/** Smooth activations: Sigmoid, Tanh, Elu, Softplus, bounded on an interval by their steepest derivative there. */
import { floatAttribute, type Node } from '../onnx/model/graph.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { activated } from './compile/nonlinear-action.ts';
import { type Activation, fallingFromZero, smooth } from './nonlinear/activation.ts';
import type { Operator } from './operator.ts';
import type { TrainingForm, TrainingForms } from './training/form.ts';
import { operandAt } from './training/operands.ts';

const logistic = (z: number): number => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

const sigmoidSlopes = fallingFromZero((z) => Math.exp(-z) / (1 + Math.exp(-z)) ** 2);

// 1 - tanh^2 = 4 e^-2z / (1 + e^-2z)^2, without cancellation.
const tanhSlopes = fallingFromZero((z) => (4 * Math.exp(-2 * z)) / (1 + Math.exp(-2 * z)) ** 2);

const sigmoid = smooth(
  logistic,
  0.25,
  (low, high) => sigmoidSlopes(low, high).high,
  {},
  2 ** -60,
  sigmoidSlopes,
);

const tanh = smooth(Math.tanh, 1, (low, high) => tanhSlopes(low, high).high, {}, 2 ** -60, tanhSlopes);

/** Softplus is convex and increasing: the steepest point of an interval is its right end. */
export const softplus = smooth(
  (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
  1,
  (_, high) => logistic(high),
  {},
  2 ** -60,
  (low, high) => ({ low: logistic(low), high: logistic(high) }),
);

/** Elu: z for z > 0, alpha (e^z - 1) below; derivative alpha e^z below 0. */
function elu(node: Node): Activation {
  const alpha = floatAttribute(node, 'alpha', 1);
  if (alpha < 0) refuse(node, `a negative alpha (${alpha}) has no bound here`);
  return smooth(
    (z) => (z > 0 ? z : alpha * Math.expm1(z)),
    Math.max(1, alpha),
    (low, high) => Math.max(high >= 0 ? 1 : 0, low <= 0 ? alpha * Math.exp(Math.min(high, 0)) : 0),
    {},
    2 ** -60,
    (low, high) => {
      const right = high >= 0 ? [1] : [];
      const left = low <= 0 ? [alpha * Math.exp(low), alpha * Math.exp(Math.min(high, 0))] : [];
      return { low: Math.min(...left, ...right), high: Math.max(...left, ...right) };
    },
  );
}

const elementwise = (name: 'sigmoid' | 'tanh' | 'softplus'): TrainingForm => ({
  forward: (node, operands, { tf }) => tf[name](operandAt(node, operands, 0).tensor),
});

/** TensorFlow's elu has alpha 1: z is split into its positive part and the rest, which alpha scales. */
const trainedElu: TrainingForm = {
  forward(node, operands, { tf }) {
    const z = operandAt(node, operands, 0).tensor;
    const alpha = floatAttribute(node, 'alpha', 1);
    if (alpha === 1) return tf.elu(z);
    return tf.add(tf.relu(z), tf.mul(tf.elu(tf.minimum(z, 0)), alpha));
  },
};

const training: TrainingForms = {
  Sigmoid: elementwise('sigmoid'),
  Tanh: elementwise('tanh'),
  Elu: trainedElu,
  Softplus: elementwise('softplus'),
};

export const sigmoids: Operator = {
  types: ['Sigmoid', 'Tanh', 'Elu', 'Softplus'],
  roles: { Sigmoid: 'activation', Tanh: 'activation', Elu: 'activation', Softplus: 'activation' },
  training,
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const activation =
      node.opType === 'Sigmoid'
        ? sigmoid
        : node.opType === 'Tanh'
          ? tanh
          : node.opType === 'Elu'
            ? elu(node)
            : softplus;
    return activated(dims, activation);
  },
};
