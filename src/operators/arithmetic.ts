/**
 * Add, Sub, Mul, Div, Neg with numpy broadcasting. Sums of input-dependent tensors (residual connections) are affine in
 * both, products and quotients by a constant in the other; of two dependent tensors they are bounded on balls.
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import { ModelRefused } from '../ground/errors.ts';
import { MOST_EXACT } from '../ground/exact.ts';
import { TINY, UNIT_ROUNDOFF } from '../ground/rounding-error.ts';
import { describeNode, intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex } from './algebra/shape.ts';
import { checkEntries, selection } from './algebra/sparse-matrix.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { activated, composed } from './compile/nonlinear-action.ts';
import { gatedActivation } from './nonlinear/gated-activations.ts';
import { boundedOnBalls } from './nonlinear/local-map.ts';
import { products, quotients } from './nonlinear/products.ts';
import { writtenOutNormalisation } from './nonlinear/written-out-normalization.ts';
import type { Action, Constant, Operand, Operands, Operator } from './operator.ts';
import { dividing, squareOf } from './powers.ts';
import type { Tf, TrainingContext, TrainingForm, TrainingForms, TrainingOperands } from './training/form.ts';
import { operandAt, refuseTraining } from './training/operands.ts';

/** The second operand's shape; before opset 7 it is aligned at attribute `axis` instead of at the end. */
function aligned(node: Node, a: readonly number[], b: readonly number[]): readonly number[] {
  if (node.opset >= 7 || intAttribute(node, 'broadcast', 0) !== 1 || b.length >= a.length) return b;
  const axis = intAttribute(node, 'axis', a.length - b.length);
  return [...b, ...new Array<number>(Math.max(0, a.length - axis - b.length)).fill(1)];
}

/** Output shape, and the shape each operand broadcasts from. */
function broadcast(
  node: Node,
  a: Operand,
  b: Operand,
): { dims: number[]; from: [readonly number[], readonly number[]] } {
  const right = aligned(node, a.dims, b.dims);
  const dims = broadcastDims(a.dims, right);
  if (dims === null) {
    throw new ModelRefused({
      what: `${describeNode(node)}: shapes [${a.dims}] and [${b.dims}] do not broadcast`,
      remedy: 'Re-export the model.',
    });
  }
  return { dims, from: [a.dims, right] };
}

function sum(node: Node, operands: Operands, sign: 1 | -1): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  const { dims, from } = broadcast(node, a, b);
  const size = sizeOf(dims);
  return {
    kind: 'affine',
    dims,
    terms: [
      { operand: 0, matrix: selection(sizeOf(from[0]), broadcastIndex(from[0], dims)) },
      {
        operand: 1,
        matrix: selection(sizeOf(from[1]), broadcastIndex(from[1], dims), new Float64Array(size).fill(sign)),
      },
    ],
    bias: null,
  };
}

/** Both depend on the input: z = [a; b], bounded on balls. */
function pairwise(
  node: Node,
  a: Operand,
  b: Operand,
  dims: readonly number[],
  from: readonly [readonly number[], readonly number[]],
): Action {
  const count = sizeOf(dims);
  checkEntries(2 * count, describeNode(node));
  const half = (position: 0 | 1, operand: Operand) => {
    const source = new Int32Array(2 * count).fill(-1);
    source.set(broadcastIndex(from[position], dims), position * count);
    return { operand: position, matrix: selection(sizeOf(operand.dims), source) };
  };
  const map = node.opType === 'Div' ? quotients(count) : products(count);
  return composed(dims, [half(0, a), half(1, b)], boundedOnBalls(map));
}

/** A constant over a dependent divisor. */
function overDependent(
  node: Node,
  dividend: Constant,
  dims: readonly number[],
  from: readonly [readonly number[], readonly number[]],
): Action {
  const index = broadcastIndex(from[0], dims);
  if (dividend.values.some((c) => !Number.isFinite(c)))
    refuse(node, 'its dividend is not finite', 'Re-export the model.');
  const spread = selection(sizeOf(from[1]), broadcastIndex(from[1], dims));
  return activated(
    dims,
    dividing((i) => dividend.values[index[i]!]!),
    1,
    spread,
  );
}

/**
 * Quotients of whole numbers, which may be integers: they are kept exact, or refused. Null where a fraction among the
 * operands shows that they are floats.
 */
function wholeQuotients(
  node: Node,
  a: Constant,
  b: Constant,
  dims: readonly number[],
  from: readonly [readonly number[], readonly number[]],
): Action | null {
  if (![...a.values, ...b.values].every(Number.isInteger)) return null;
  const inB = broadcastIndex(from[1], dims);
  const values = Float64Array.from(broadcastIndex(from[0], dims), (k, i) => {
    const [dividend, divisor] = [a.values[k]!, b.values[inB[i]!]!];
    const quotient = dividend / divisor;
    // A quotient of larger numbers may be whole by rounding alone.
    return quotient * divisor === dividend && Math.abs(dividend) <= MOST_EXACT ? quotient : Number.NaN;
  });
  if (!values.every(Number.isInteger))
    refuse(
      node,
      'it divides one constant by another, whose rounding depends on their type',
      'Fold constants at export.',
    );
  return { kind: 'constant', constant: { dims, values } };
}

function scaled(node: Node, operands: Operands, divide: boolean): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  const { dims, from } = broadcast(node, a, b);
  if (divide && b.constant === null)
    return a.constant === null
      ? pairwise(node, a, b, dims, from)
      : overDependent(node, a.constant, dims, from);
  const whole =
    divide && a.constant !== null && b.constant !== null
      ? wholeQuotients(node, a.constant, b.constant, dims, from)
      : null;
  if (whole !== null) return whole;
  const constantSide = b.constant !== null ? 1 : 0;
  const constant = constantSide === 1 ? b.constant : a.constant;
  if (constant === null) return pairwise(node, a, b, dims, from);
  const factor = Float64Array.from(broadcastIndex(from[constantSide]!, dims), (k) =>
    divide ? 1 / constant.values[k]! : constant.values[k]!,
  );
  const largest = factor.reduce((most, f) => Math.max(most, Math.abs(f)), 0);
  if (!Number.isFinite(largest))
    refuse(node, 'it divides by zero', 'Re-export the model with a non-zero divisor.');
  const data = from[1 - constantSide]!;
  const matrix = selection(sizeOf(data), broadcastIndex(data, dims), factor);
  return {
    kind: 'affine',
    dims,
    terms: [
      {
        operand: 1 - constantSide,
        matrix: divide ? matrix.withError(2 * UNIT_ROUNDOFF * largest + TINY) : matrix,
      },
    ],
    bias: null,
  };
}

function negation(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const size = sizeOf(dims);
  const matrix = selection(
    size,
    Int32Array.from({ length: size }, (_, i) => i),
    new Float64Array(size).fill(-1),
  );
  return { kind: 'affine', dims, terms: [{ operand: 0, matrix }], bias: null };
}

/** Both operands in shapes that broadcast at the end. */
function pair(node: Node, operands: TrainingOperands, tf: Tf): [Tensor, Tensor] {
  const a = operandAt(node, operands, 0).tensor;
  const b = operandAt(node, operands, 1).tensor;
  const shape = aligned(node, a.shape, b.shape);
  return [a, shape === b.shape ? b : tf.reshape(b, [...shape])];
}

/** The dependent operand, the other one, and whether the dependent one comes first. Only where x keeps its shape. */
function around(
  node: Node,
  operands: TrainingOperands,
  tf: Tf,
): { x: Tensor; other: Tensor; first: boolean } {
  const [a, b] = pair(node, operands, tf);
  const first = operandAt(node, operands, 0).dependent;
  if (first && operandAt(node, operands, 1).dependent)
    refuseTraining(node, 'it combines two branches of the left half', 'Cut the network earlier.');
  const [x, other] = first ? [a, b] : [b, a];
  if (broadcastDims(x.shape, other.shape)?.join() !== x.shape.join())
    refuseTraining(node, 'it repeats the entries of its input', 'Cut the network earlier.');
  return { x, other, first };
}

/** Operators after which a constant summand is the layer's bias. */
const layers = new Set(['Conv', 'Gemm', 'MatMul']);

/** A constant added to a layer's result is its bias; other summands, factors and divisors are normalisation and stay. */
function biases(node: Node): number[] {
  const follows = (position: number): boolean => layers.has(node.inputs[position]?.producer?.opType ?? '');
  return [...(follows(1) ? [0] : []), ...(follows(0) ? [1] : [])];
}

type Linear = (node: Node, operands: TrainingOperands, context: TrainingContext) => Tensor;

const sums = (sign: 1 | -1): TrainingForm => ({
  ...(sign === 1 ? { parameters: biases } : {}),
  forward(node, operands, { tf }) {
    const [a, b] = pair(node, operands, tf);
    return sign === 1 ? tf.add(a, b) : tf.sub(a, b);
  },
  linear(node, operands, { tf }) {
    const { x, first } = around(node, operands, tf);
    return sign === 1 || first ? x : tf.neg(x);
  },
  squaredRows: (node, operands, { tf }) => around(node, operands, tf).x,
});

const product: Linear = (node, operands, { tf }) => tf.mul(...pair(node, operands, tf));

const quotient: Linear = (node, operands, { tf }) => tf.div(...pair(node, operands, tf));

const training: TrainingForms = {
  Add: sums(1),
  Sub: sums(-1),
  Mul: {
    forward: product,
    squaredRows(node, operands, { tf }) {
      const { x, other } = around(node, operands, tf);
      return tf.mul(x, tf.square(other));
    },
  },
  Div: {
    forward: quotient,
    squaredRows(node, operands, { tf }) {
      const { x, other, first } = around(node, operands, tf);
      if (!first) refuseTraining(node, 'its divisor depends on the input', 'Cut the network earlier.');
      return tf.div(x, tf.square(other));
    },
  },
  Neg: {
    forward: (node, operands, { tf }) => tf.neg(operandAt(node, operands, 0).tensor),
    squaredRows: (node, operands) => operandAt(node, operands, 0).tensor,
  },
};

export const arithmetic: Operator = {
  types: ['Add', 'Sub', 'Mul', 'Div', 'Neg'],
  /** A deviation from a mean reads all that is averaged. */
  work: (node, { inputs, output }) =>
    node.opType === 'Sub' && node.inputs[1]?.producer?.opType === 'ReduceMean'
      ? sizeOf(output) ** 2 / Math.max(1, sizeOf(inputs[1] ?? []))
      : 0,
  training,
  expression(node) {
    if (node.opType === 'Mul') return squareOf(node) ?? gatedActivation(node);
    return node.opType === 'Div' ? writtenOutNormalisation(node) : null;
  },
  compile(node, operands) {
    if (node.opType === 'Neg') return negation(node, operands);
    if (node.opType === 'Add' || node.opType === 'Sub')
      return sum(node, operands, node.opType === 'Add' ? 1 : -1);
    return scaled(node, operands, node.opType === 'Div');
  },
};
