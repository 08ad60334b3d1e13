/** Gemm and MatMul with one constant factor: affine maps. A product of two input-dependent tensors is refused. */
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { describeNode, floatAttribute, intAttribute, type Node } from '../onnx/graph.ts';
import { refuse, required } from './compile-errors.ts';
import type { Action, Constant, Operands, Operator } from './operator.ts';
import { UNIT_ROUNDOFF } from './rounding.ts';
import { broadcastIndex } from './shape.ts';
import { absoluteNorm, buildMatrix, checkEntries, selection } from './sparse-matrix.ts';
import type { Tf, TrainingContext, TrainingForm, TrainingOperands } from './training-form.ts';
import { operandAt, optionalWeightAt, refuseTraining } from './training-operands.ts';

/** A matrix of the constant factor, read with optional transposition: `at(i, j)`. */
function reader(
  constant: Constant,
  transposed: boolean,
): { rows: number; cols: number; at(i: number, j: number): number } {
  const [p = 1, q = 1] = constant.dims;
  const { values } = constant;
  return transposed
    ? { rows: q, cols: p, at: (i, j) => values[j * q + i]! }
    : { rows: p, cols: q, at: (i, j) => values[i * q + j]! };
}

/** Gemm: Y = alpha A' B' + beta C with A input-dependent and B constant (what every exporter writes for Linear). */
function gemm(node: Node, operands: Operands): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  if (b.constant === null)
    refuse(node, 'its second factor depends on the input: a product of two such tensors has no global bound');
  if (a.dims.length !== 2 || b.dims.length !== 2)
    refuse(node, 'expects two matrices', 'Re-export the model.');
  if (intAttribute(node, 'transA', 0) !== 0)
    refuse(node, 'a transposed input (transA = 1) has no bound here');
  const weight = reader(b.constant, intAttribute(node, 'transB', 0) !== 0);
  const [batch = 1, inner = 0] = a.dims;
  if (inner !== weight.rows)
    refuse(node, `factors [${a.dims}] and [${b.dims}] do not fit`, 'Re-export the model.');
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  const dims = [batch, weight.cols];
  checkEntries(batch * weight.cols * inner, describeNode(node));
  const product = buildMatrix(batch * weight.cols, batch * inner, batch * weight.cols * inner, (row, add) => {
    const image = Math.floor(row / weight.cols);
    const out = row % weight.cols;
    for (let k = 0; k < inner; k++) add(image * inner + k, alpha * weight.at(k, out));
  });
  // alpha * w rounds unless alpha is 1.
  const matrix = alpha === 1 ? product : { ...product, error: 2 * UNIT_ROUNDOFF * absoluteNorm(product) };
  const terms = [{ operand: 0, matrix }];
  const c = operands[2];
  if (c !== undefined && c !== null) {
    const index = broadcastIndex(c.dims, dims);
    terms.push({
      operand: 2,
      matrix: selection(
        c.dims.reduce((p, d) => p * d, 1),
        index,
        index.length === 0 ? [] : new Float64Array(index.length).fill(beta),
      ),
    });
  }
  return { kind: 'affine', dims, terms, bias: null };
}

/** MatMul of X [..., m, k] with constant W [k, n], or of constant W [m, k] with X [..., k, n]. */
function matMul(node: Node, operands: Operands): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  if (b.constant !== null && b.dims.length === 2) {
    const weight = reader(b.constant, false);
    const inner = a.dims.at(-1) ?? 0;
    if (inner !== weight.rows)
      refuse(node, `factors [${a.dims}] and [${b.dims}] do not fit`, 'Re-export the model.');
    const count = a.dims.slice(0, -1).reduce((p, d) => p * d, 1);
    checkEntries(count * weight.cols * inner, describeNode(node));
    const matrix = buildMatrix(
      count * weight.cols,
      count * inner,
      count * weight.cols * inner,
      (row, add) => {
        const from = Math.floor(row / weight.cols) * inner;
        for (let k = 0; k < inner; k++) add(from + k, weight.at(k, row % weight.cols));
      },
    );
    return {
      kind: 'affine',
      dims: [...a.dims.slice(0, -1), weight.cols],
      terms: [{ operand: 0, matrix }],
      bias: null,
    };
  }
  if (a.constant !== null && a.dims.length === 2 && b.dims.length >= 2) {
    const weight = reader(a.constant, false);
    const [inner = 0, n = 0] = b.dims.slice(-2);
    if (inner !== weight.cols)
      refuse(node, `factors [${a.dims}] and [${b.dims}] do not fit`, 'Re-export the model.');
    const count = b.dims.slice(0, -2).reduce((p, d) => p * d, 1);
    const outPlane = weight.rows * n;
    checkEntries(count * outPlane * inner, describeNode(node));
    const matrix = buildMatrix(count * outPlane, count * inner * n, count * outPlane * inner, (row, add) => {
      const block = Math.floor(row / outPlane);
      const i = Math.floor((row % outPlane) / n);
      for (let k = 0; k < inner; k++) add((block * inner + k) * n + (row % n), weight.at(i, k));
    });
    return {
      kind: 'affine',
      dims: [...b.dims.slice(0, -2), weight.rows, n],
      terms: [{ operand: 1, matrix }],
      bias: null,
    };
  }
  if (a.constant === null && b.constant === null) {
    refuse(node, 'a product of two tensors that both depend on the input has no global bound');
  }
  return refuse(
    node,
    `a constant factor of rank ${(b.constant ?? a.constant)?.dims.length} has no bound here (2 has)`,
  );
}

/** alpha A' B', with alpha and B as given. */
function scaledProduct(
  node: Node,
  operands: TrainingOperands,
  tf: Tf,
  alpha: number,
  weight: (b: Tensor) => Tensor,
): Tensor {
  const a = operandAt(node, operands, 0).tensor;
  const b = operandAt(node, operands, 1).tensor;
  if (a.rank !== 2 || b.rank !== 2)
    refuseTraining(
      node,
      `it expects two matrices, not shapes [${a.shape}] and [${b.shape}]`,
      'Export the model again.',
    );
  const transposed = (name: string): boolean => intAttribute(node, name, 0) !== 0;
  const product = tf.matMul(a as Tensor2D, weight(b) as Tensor2D, transposed('transA'), transposed('transB'));
  return alpha === 1 ? product : tf.mul(product, alpha);
}

const trainedGemm: TrainingForm = {
  parameters: () => [1, 2],
  mixes: () => true,
  forward(node, operands, { tf }) {
    const product = scaledProduct(node, operands, tf, floatAttribute(node, 'alpha', 1), (b) => b);
    const c = optionalWeightAt(node, operands, 2, 'bias')?.tensor;
    if (c === undefined) return product;
    const beta = floatAttribute(node, 'beta', 1);
    return tf.add(product, beta === 1 ? c : tf.mul(c, beta));
  },
  linear: (node, operands, { tf }) =>
    scaledProduct(node, operands, tf, floatAttribute(node, 'alpha', 1), (b) => b),
  squaredRows: (node, operands, { tf }) =>
    scaledProduct(node, operands, tf, floatAttribute(node, 'alpha', 1) ** 2, tf.square),
};

/** X [..., m, k] times W [k, n], with the leading axes of X as rows: the gradient needs no sum over broadcast axes. */
function timesWeight(tf: Tf, x: Tensor, weight: Tensor2D): Tensor {
  const inner = x.shape.at(-1) ?? 1;
  const product = tf.matMul(tf.reshape(x, [-1, inner]) as Tensor2D, weight);
  return tf.reshape(product, [...x.shape.slice(0, -1), weight.shape[1]]);
}

/** W [m, k] times X [..., k, n], as the transpose of X' W'. */
function weightTimes(tf: Tf, weight: Tensor2D, x: Tensor): Tensor {
  const swapped = x.shape.map((_, axis) => axis);
  swapped.splice(-2, 2, x.rank - 1, x.rank - 2);
  return tf.transpose(timesWeight(tf, tf.transpose(x, swapped), tf.transpose(weight)), swapped);
}

/** The product with W replaced by `weight(W)` where one factor is a weight. */
function matrixProductOf(
  node: Node,
  operands: TrainingOperands,
  { tf }: TrainingContext,
  weight: (w: Tensor) => Tensor,
): Tensor {
  const a = operandAt(node, operands, 0);
  const b = operandAt(node, operands, 1);
  if (!b.dependent && b.tensor.rank === 2 && a.tensor.rank >= 2)
    return timesWeight(tf, a.tensor, weight(b.tensor) as Tensor2D);
  if (!a.dependent && a.tensor.rank === 2 && b.tensor.rank >= 2)
    return weightTimes(tf, weight(a.tensor) as Tensor2D, b.tensor);
  const shapes = `[${a.tensor.shape}] and [${b.tensor.shape}]`;
  const outer = (t: Tensor): string => t.shape.slice(0, -2).join();
  if (!a.dependent || !b.dependent || a.tensor.rank < 2 || outer(a.tensor) !== outer(b.tensor))
    refuseTraining(
      node,
      `its factors have the shapes ${shapes}; a constant factor must be a matrix, and leading axes must agree`,
      'Export the network with linear layers as Gemm, or MatMul by a matrix.',
    );
  return tf.matMul(a.tensor as Tensor3D, b.tensor as Tensor3D);
}

const trainedMatMul: TrainingForm = {
  parameters: () => [0, 1],
  mixes: () => true,
  forward: (node, operands, context) => matrixProductOf(node, operands, context, (w) => w),
  squaredRows: (node, operands, context) => matrixProductOf(node, operands, context, context.tf.square),
};

export const matrixProduct: Operator = {
  types: ['Gemm', 'MatMul'],
  training: { Gemm: trainedGemm, MatMul: trainedMatMul },
  compile: (node, operands) => (node.opType === 'Gemm' ? gemm(node, operands) : matMul(node, operands)),
};
