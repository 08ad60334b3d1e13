/** ReduceMean and ReduceSum: affine maps that add cells along axes (an attribute first, an input in newer opsets). */
import type { Tensor } from '@tensorflow/tfjs-core';
import { UNIT_ROUNDOFF } from '../ground/rounding-error.ts';
import { intAttribute, intsAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { stridesOf } from './algebra/shape.ts';
import { buildMatrix, identityMatrix } from './algebra/sparse-matrix.ts';
import { integers, normalizeAxis, optionalConstant, required } from './compile/compile-errors.ts';
import type { Operands, Operator } from './operator.ts';
import type { TrainingContext, TrainingForm, TrainingForms, TrainingOperands } from './training/form.ts';
import { operandAt, staticOperands } from './training/operands.ts';

/** The axes that are added up; null when the node does nothing. */
export function reducedAxes(node: Node, operands: Operands, dims: readonly number[]): number[] | null {
  const given = optionalConstant(node, operands, 1, 'axes');
  const listed = given === null ? intsAttribute(node, 'axes') : integers(node, given);
  if (listed !== null && listed.length > 0)
    return listed.map((axis) => normalizeAxis(node, axis, dims.length));
  return intAttribute(node, 'noop_with_empty_axes', 0) === 1 ? null : dims.map((_, i) => i);
}

/** For every cell of the result, the cells of `dims` that are reduced to it. */
export function reducedCells(dims: readonly number[], axes: readonly number[]): number[][] {
  const kept = dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const strides = stridesOf(dims);
  const keptStrides = stridesOf(kept);
  const cells: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
  const size = sizeOf(dims);
  for (let i = 0; i < size; i++) {
    let target = 0;
    for (let axis = 0; axis < dims.length; axis++) {
      if (kept[axis] !== 1) target += (Math.floor(i / strides[axis]!) % dims[axis]!) * keptStrides[axis]!;
    }
    cells[target]!.push(i);
  }
  return cells;
}

/** Sums over the axes; `scale` is applied to them, given how many entries each adds up. */
function reduced(
  node: Node,
  operands: TrainingOperands,
  { tf }: TrainingContext,
  scale: (count: number) => number,
): Tensor {
  const x = operandAt(node, operands, 0).tensor;
  const axes = reducedAxes(node, staticOperands(operands), x.shape);
  if (axes === null) return x;
  const sum = tf.sum(x, axes, intAttribute(node, 'keepdims', 1) === 1);
  const factor = scale(axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1));
  return factor === 1 ? sum : tf.mul(sum, factor);
}

/** Sums of entries with equal weights; an average's squared weights are 1/count². */
const sums = (weight: (count: number) => number): TrainingForm => ({
  mixes: () => true,
  forward: (node, operands, context) => reduced(node, operands, context, weight),
  squaredRows: (node, operands, context) => reduced(node, operands, context, (count) => weight(count) ** 2),
});

const training: TrainingForms = { ReduceSum: sums(() => 1), ReduceMean: sums((count) => 1 / count) };

export const reduction: Operator = {
  types: ['ReduceMean', 'ReduceSum'],
  training,
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const size = sizeOf(dims);
    const axes = reducedAxes(node, operands, dims);
    if (axes === null) {
      return { kind: 'affine', dims, terms: [{ operand: 0, matrix: identityMatrix(size) }], bias: null };
    }
    const kept = dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const reduced = axes.reduce((product, axis) => product * dims[axis]!, 1);
    const cells = reducedCells(dims, axes);
    const weight = node.opType === 'ReduceMean' ? 1 / reduced : 1;
    const matrix = buildMatrix(cells.length, size, size, (row, add) => {
      for (const cell of cells[row]!) add(cell, weight);
    });
    const keep = intAttribute(node, 'keepdims', 1) === 1;
    return {
      kind: 'affine',
      dims: keep ? kept : dims.filter((_, axis) => !axes.includes(axis)),
      terms: [{ operand: 0, matrix: matrix.withError(2 * UNIT_ROUNDOFF * matrix.absoluteNorm()) }],
      bias: null,
    };
  },
};
