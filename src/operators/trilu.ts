/** Trilu (cells below or above a diagonal become 0) and CumSum (running sums along an axis). */
import { describeNode, intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { stridesOf } from './algebra/shape.ts';
import { buildMatrix, checkEntries, selection } from './algebra/sparse-matrix.ts';
import {
  constantOperand,
  integers,
  normalizeAxis,
  optionalConstant,
  refuse,
  required,
} from './compile/compile-errors.ts';
import type { Action, Operands, Operator } from './operator.ts';

function triangle(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  if (dims.length < 2) refuse(node, `[${dims}] has no triangle`, 'Re-export the model.');
  const given = optionalConstant(node, operands, 1, 'diagonal');
  const diagonal = given === null ? 0 : (integers(node, given)[0] ?? 0);
  const upper = intAttribute(node, 'upper', 1) === 1;
  const [rows = 1, columns = 1] = dims.slice(-2);
  const source = Int32Array.from({ length: sizeOf(dims) }, (_, i) => {
    const offset = (i % columns) - (Math.floor(i / columns) % rows);
    return (upper ? offset >= diagonal : offset <= diagonal) ? i : -1;
  });
  return {
    kind: 'affine',
    dims,
    terms: [{ operand: 0, matrix: selection(source.length, source) }],
    bias: null,
  };
}

function runningSum(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const [given = 0] = integers(node, constantOperand(node, operands, 1, 'axis'));
  const axis = normalizeAxis(node, given, dims.length);
  const exclusive = intAttribute(node, 'exclusive', 0) === 1;
  const reverse = intAttribute(node, 'reverse', 0) === 1;
  const length = dims[axis]!;
  const stride = stridesOf(dims)[axis]!;
  const size = sizeOf(dims);
  const entries = (size / Math.max(1, length)) * ((length * (length + 1)) / 2);
  checkEntries(entries, describeNode(node));
  const matrix = buildMatrix(size, size, entries, (row, add) => {
    const at = Math.floor(row / stride) % length;
    const first = row - at * stride;
    const [from, to] = reverse ? [exclusive ? at + 1 : at, length] : [0, exclusive ? at : at + 1];
    for (let k = from; k < to; k++) add(first + k * stride, 1);
  });
  return { kind: 'affine', dims, terms: [{ operand: 0, matrix }], bias: null };
}

export const triangles: Operator = {
  types: ['CumSum', 'Trilu'],
  compile: (node, operands) =>
    node.opType === 'Trilu' ? triangle(node, operands) : runningSum(node, operands),
};
