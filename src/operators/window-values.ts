/**
 * LpPool and GlobalLpPool (p = 1, 2), ReduceL1, ReduceL2, ReduceMax, ReduceMin: one value per window of cells. Windows
 * that share cells cost a factor of the square root of how many do (vector-map.ts).
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { buildMatrix, identityMatrix, type SparseMatrix } from './algebra/sparse-matrix.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { composed } from './compile/nonlinear-action.ts';
import { type WindowValue, wholeVectors, windowed } from './nonlinear/vector-map.ts';
import type { Action, Operand, Operands, Operator } from './operator.ts';
import { pooled, poolWindows, trainedWindows, windowMatrix } from './pooling.ts';
import { reducedAxes, reducedCells } from './reduction.ts';
import type { Tf, TrainingForm } from './training/form.ts';
import { operandAt, refuseTraining, staticOperands } from './training/operands.ts';

const perWindow = (dims: readonly number[], size: number, windows: SparseMatrix, of: WindowValue): Action =>
  composed(dims, [{ operand: 0, matrix: identityMatrix(size) }], wholeVectors(windowed(windows, of)));

function pool(node: Node, operand: Operand): Action {
  const p = intAttribute(node, 'p', 2);
  if (p !== 1 && p !== 2) refuse(node, `p = ${p} has no bound here (1 and 2 do)`);
  const windows = poolWindows(node, operand);
  return perWindow(
    windows.outputDims,
    sizeOf(operand.dims),
    windowMatrix(windows, () => 1),
    p === 1 ? 'l1' : 'l2',
  );
}

const REDUCTIONS: Readonly<Record<string, WindowValue>> = {
  ReduceL1: 'l1',
  ReduceL2: 'l2',
  ReduceMax: 'max',
  ReduceMin: 'min',
};

/** One value per row of cells along the axes of a reduction. */
export function reducedTo(node: Node, operands: Operands, of: WindowValue): Action {
  const { dims } = required(node, operands, 0);
  const size = sizeOf(dims);
  const axes = reducedAxes(node, operands, dims);
  if (axes === null)
    return { kind: 'affine', dims, terms: [{ operand: 0, matrix: identityMatrix(size) }], bias: null };
  if (size === 0) refuse(node, 'it has no cells to reduce');
  const cells = reducedCells(dims, axes);
  const windows = buildMatrix(cells.length, size, size, (row, add) => {
    for (const cell of cells[row]!) add(cell, 1);
  });
  const keep = intAttribute(node, 'keepdims', 1) === 1;
  const out = keep
    ? dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    : dims.filter((_, axis) => !axes.includes(axis));
  return perWindow(out, size, windows, of);
}

/**
 * The norms of windows, given how sums over them are taken. The l2 norm has no gradient at 0; here it is 0 there, as the l1
 * norm's is.
 */
function norms(tf: Tf, p: number, x: Tensor, sums: (cells: Tensor) => Tensor): Tensor {
  return p === 1 ? sums(tf.abs(x)) : tf.sqrt(tf.add(sums(tf.square(x)), 1e-24));
}

const trainedReduction = (p: 1 | 2): TrainingForm => ({
  forward(node, operands, { tf }) {
    const x = operandAt(node, operands, 0).tensor;
    const axes = reducedAxes(node, staticOperands(operands), x.shape);
    if (axes === null) return x;
    return norms(tf, p, x, (cells) => tf.sum(cells, axes, intAttribute(node, 'keepdims', 1) === 1));
  },
});

const trainedLpPool: TrainingForm = {
  forward(node, operands, { tf }) {
    const x = operandAt(node, operands, 0).tensor;
    const p = intAttribute(node, 'p', 2);
    if (p !== 1 && p !== 2)
      refuseTraining(node, `p = ${p} has no gradient here (1 and 2 have one)`, 'Train a network with p = 2.');
    const windows = trainedWindows(node, x);
    return norms(tf, p, x, (cells) =>
      tf.mul(pooled(tf, tf.avgPool, cells, windows, 0), windows.y.kernel * windows.x.kernel),
    );
  },
};

export const windowValues: Operator = {
  types: ['LpPool', 'GlobalLpPool', ...Object.keys(REDUCTIONS)],
  training: {
    LpPool: trainedLpPool,
    GlobalLpPool: trainedLpPool,
    ReduceL1: trainedReduction(1),
    ReduceL2: trainedReduction(2),
  },
  compile(node, operands) {
    const of = REDUCTIONS[node.opType];
    return of === undefined ? pool(node, required(node, operands, 0)) : reducedTo(node, operands, of);
  },
};
