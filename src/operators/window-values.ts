/**
 * LpPool and GlobalLpPool (p = 1, 2), ReduceL1, ReduceL2, ReduceMax, ReduceMin: one value per window of cells. Windows
 * that share cells cost a factor of the square root of how many do (vector-map.ts).
 */
import { intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { buildMatrix, identityMatrix, type SparseMatrix } from './algebra/sparse-matrix.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { composed } from './compile/nonlinear-action.ts';
import { type WindowValue, wholeVectors, windowed } from './nonlinear/vector-map.ts';
import type { Action, Operand, Operands, Operator } from './operator.ts';
import { poolWindows, windowMatrix } from './pooling.ts';
import { reducedAxes, reducedCells } from './reduction.ts';

const perWindow = (dims: readonly number[], size: number, windows: SparseMatrix, of: WindowValue): Action =>
  composed(dims, [{ operand: 0, matrix: identityMatrix(size) }], wholeVectors(windowed(windows, of)));

function pooled(node: Node, operand: Operand): Action {
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

function reduced(node: Node, operands: Operands, of: WindowValue): Action {
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

export const windowValues: Operator = {
  types: ['LpPool', 'GlobalLpPool', ...Object.keys(REDUCTIONS)],
  compile(node, operands) {
    const of = REDUCTIONS[node.opType];
    return of === undefined ? pooled(node, required(node, operands, 0)) : reduced(node, operands, of);
  },
};
