/**
 * Gemm and MatMul with one constant factor: affine maps. MatMul of two input-dependent tensors (attention): bounded on
 * balls (bilinear.ts).
 */
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { TINY, UNIT_ROUNDOFF } from '../ground/rounding-error.ts';
import { describeNode, floatAttribute, intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex } from './algebra/shape.ts';
import { buildMatrix, checkEntries, selection } from './algebra/sparse-matrix.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { composed } from './compile/nonlinear-action.ts';
import { weightEntries } from './compile/weight-entries.ts';
import { type Blocks, matrixProducts } from './nonlinear/bilinear.ts';
import { boundedOnBalls } from './nonlinear/local-map.ts';
import type { Action, Operand, Operands, Operator } from './operator.ts';
import type { Tf, TrainingContext, TrainingForm, TrainingOperands } from './training/form.ts';
import { operandAt, optionalWeightAt, refuseTraining } from './training/operands.ts';

/** Which factor depends on the input, the other being constant (both may be: then the first); null when both depend. */
function variableFactor(a: Operand, b: Operand): 0 | 1 | null {
  if (b.constant !== null) return 0;
  return a.constant !== null ? 1 : null;
}

/** Flat position of entry (i, j) of the matrix that starts at 0, seen transposed or not. */
const entryOf =
  (columns: number, transposed: boolean) =>
  (i: number, j: number): number =>
    transposed ? j * columns + i : i * columns + j;

/** Gemm: Y = alpha A' B' + beta C with one constant factor (what every exporter writes for Linear). */
function gemm(node: Node, operands: Operands): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  const variable =
    variableFactor(a, b) ??
    refuse(
      node,
      'a Gemm of two tensors that both depend on the input has no bound here',
      'Export it as MatMul.',
    );
  if (a.dims.length !== 2 || b.dims.length !== 2)
    refuse(node, 'expects two matrices', 'Re-export the model.');
  const seen = (operand: Operand, transposed: boolean): [number, number] => {
    const [p = 0, q = 0] = operand.dims;
    return transposed ? [q, p] : [p, q];
  };
  const transA = intAttribute(node, 'transA', 0) !== 0;
  const transB = intAttribute(node, 'transB', 0) !== 0;
  const [rows, inner] = seen(a, transA);
  const [height, columns] = seen(b, transB);
  if (inner !== height)
    refuse(node, `factors [${a.dims}] and [${b.dims}] do not fit`, 'Re-export the model.');
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  const dims = [rows, columns];
  const entries = rows * columns * inner;
  checkEntries(entries, describeNode(node));
  const inA = entryOf(a.dims[1]!, transA);
  const inB = entryOf(b.dims[1]!, transB);
  const weight = (variable === 0 ? b : a).constant!.values;
  const product = buildMatrix(rows * columns, sizeOf((variable === 0 ? a : b).dims), entries, (row, add) => {
    const i = Math.floor(row / columns);
    const j = row % columns;
    for (let k = 0; k < inner; k++) {
      if (variable === 0) add(inA(i, k), alpha * weight[inB(k, j)]!);
      else add(inB(k, j), alpha * weight[inA(i, k)]!);
    }
  });
  // alpha * w rounds unless alpha is 1, and may vanish.
  const error = alpha === 1 ? 0 : 2 * UNIT_ROUNDOFF * product.absoluteNorm() + TINY;
  const matrix = product.withError(error);
  const terms = [{ operand: variable as number, matrix }];
  const c = operands[2];
  if (c !== undefined && c !== null) {
    const index = broadcastIndex(c.dims, dims);
    terms.push({
      operand: 2,
      matrix: selection(
        sizeOf(c.dims),
        index,
        index.length === 0 ? [] : new Float64Array(index.length).fill(beta),
      ),
    });
  }
  return { kind: 'affine', dims, terms, bias: null };
}

/** Both factors depend on the input: z = [blocks of A; blocks of B], as often as they are used. */
function ofDependents(
  dims: readonly number[],
  shape: Blocks,
  factors: readonly [Operand, Operand],
  used: readonly [Int32Array, Int32Array],
): Action {
  const sizes = [shape.rows * shape.inner, shape.inner * shape.columns] as const;
  const count = shape.blocks * (sizes[0] + sizes[1]);
  const starts = [0, shape.blocks * sizes[0]] as const;
  const terms = ([0, 1] as const).map((k) => {
    const source = new Int32Array(count).fill(-1);
    for (let h = 0; h < shape.blocks; h++)
      for (let i = 0; i < sizes[k]; i++) source[starts[k] + h * sizes[k] + i] = used[k][h]! * sizes[k] + i;
    return { operand: k, matrix: selection(sizeOf(factors[k].dims), source) };
  });
  return composed(dims, terms, boundedOnBalls(matrixProducts(shape)));
}

/** MatMul of any rank, as numpy defines it: leading axes broadcast, vectors gain an axis. */
function matMul(node: Node, operands: Operands): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  const variable = variableFactor(a, b);
  const left = a.dims.length === 1 ? [1, ...a.dims] : a.dims;
  const right = b.dims.length === 1 ? [...b.dims, 1] : b.dims;
  const [m = 0, inner = 0] = left.slice(-2);
  const [height = 0, n = 0] = right.slice(-2);
  const outer = broadcastDims(left.slice(0, -2), right.slice(0, -2));
  if (inner !== height || outer === null || a.dims.length === 0 || b.dims.length === 0)
    refuse(node, `factors [${a.dims}] and [${b.dims}] do not fit`, 'Re-export the model.');
  const plane = m * n;
  const rows = sizeOf(outer) * plane;
  checkEntries(rows * inner, describeNode(node));
  const blockA = broadcastIndex(left.slice(0, -2), outer);
  const blockB = broadcastIndex(right.slice(0, -2), outer);
  const dims = [...outer, ...(a.dims.length === 1 ? [] : [m]), ...(b.dims.length === 1 ? [] : [n])];
  if (variable === null) {
    const shape = { blocks: blockA.length, rows: m, inner, columns: n };
    return ofDependents(dims, shape, [a, b], [blockA, blockB]);
  }
  const weight = (variable === 0 ? b : a).constant!.values;
  const size = sizeOf((variable === 0 ? a : b).dims);
  const matrix = buildMatrix(rows, size, rows * inner, (row, add) => {
    const block = Math.floor(row / plane);
    const fromA = blockA[block]! * m * inner + Math.floor((row % plane) / n) * inner;
    const fromB = blockB[block]! * inner * n + (row % n);
    for (let k = 0; k < inner; k++) {
      if (variable === 0) add(fromA + k, weight[fromB + k * n]!);
      else add(fromB + k * n, weight[fromA + k]!);
    }
  });
  return {
    kind: 'affine',
    dims,
    terms: [{ operand: variable, matrix }],
    bias: null,
  };
}

/** alpha A' B', with alpha as given and the constant factor W replaced by `weight(W)`. */
function scaledProduct(
  node: Node,
  operands: TrainingOperands,
  tf: Tf,
  alpha: number,
  weight: (w: Tensor) => Tensor,
): Tensor {
  const [a, b] = [0, 1].map((position) => {
    const { tensor, dependent } = operandAt(node, operands, position);
    return dependent ? tensor : weight(tensor);
  }) as [Tensor, Tensor];
  if (a.rank !== 2 || b.rank !== 2)
    refuseTraining(
      node,
      `it expects two matrices, not shapes [${a.shape}] and [${b.shape}]`,
      'Export the model again.',
    );
  const transposed = (name: string): boolean => intAttribute(node, name, 0) !== 0;
  const product = tf.matMul(a as Tensor2D, b as Tensor2D, transposed('transA'), transposed('transB'));
  return alpha === 1 ? product : tf.mul(product, alpha);
}

const trainedGemm: TrainingForm = {
  parameters: () => [0, 1, 2],
  mixes: () => true,
  forward(node, operands, { tf }) {
    const product = scaledProduct(node, operands, tf, floatAttribute(node, 'alpha', 1), (w) => w);
    const c = optionalWeightAt(node, operands, 2, 'bias')?.tensor;
    if (c === undefined) return product;
    const beta = floatAttribute(node, 'beta', 1);
    return tf.add(product, beta === 1 ? c : tf.mul(c, beta));
  },
  linear: (node, operands, { tf }) =>
    scaledProduct(node, operands, tf, floatAttribute(node, 'alpha', 1), (w) => w),
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
  roles: { Gemm: 'weights', MatMul: 'weights' },
  work: (node, shapes) => weightEntries(node, shapes, -1),
  training: { Gemm: trainedGemm, MatMul: trainedMatMul },
  compile: (node, operands) => (node.opType === 'Gemm' ? gemm(node, operands) : matMul(node, operands)),
};
