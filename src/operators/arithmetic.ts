/**
 * Add, Sub, Mul, Div, Neg with numpy broadcasting. Sums of input-dependent tensors (residual connections) are affine in
 * both; a product or quotient needs a constant factor or divisor.
 */
import { ModelRefused } from '../errors.ts';
import { describeNode, intAttribute, type Node, sizeOf } from '../onnx/graph.ts';
import { refuse, required } from './compile-errors.ts';
import type { Action, Operand, Operands, Operator } from './operator.ts';
import { UNIT_ROUNDOFF } from './rounding.ts';
import { broadcastDims, broadcastIndex } from './shape.ts';
import { selection } from './sparse-matrix.ts';

/** Output shape, and the shape each operand broadcasts from. */
function broadcast(
  node: Node,
  a: Operand,
  b: Operand,
): { dims: number[]; from: [readonly number[], readonly number[]] } {
  let right = b.dims;
  // Before opset 7 the second operand is aligned at attribute `axis` instead of at the end.
  if (node.opset < 7 && intAttribute(node, 'broadcast', 0) === 1 && b.dims.length < a.dims.length) {
    const axis = intAttribute(node, 'axis', a.dims.length - b.dims.length);
    right = [...b.dims, ...new Array<number>(Math.max(0, a.dims.length - axis - b.dims.length)).fill(1)];
  }
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

function scaled(node: Node, operands: Operands, divide: boolean): Action {
  const a = required(node, operands, 0);
  const b = required(node, operands, 1);
  const { dims, from } = broadcast(node, a, b);
  if (divide && b.constant === null)
    refuse(node, 'its divisor depends on the input: no bound without a range away from zero');
  if (divide && a.constant !== null)
    refuse(
      node,
      'it divides one constant by another, whose rounding depends on their type',
      'Fold constants at export.',
    );
  const constantSide = b.constant !== null ? 1 : 0;
  const constant = constantSide === 1 ? b.constant : a.constant;
  if (constant === null)
    refuse(node, 'a product of two tensors that both depend on the input has no global bound');
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
      { operand: 1 - constantSide, matrix: { ...matrix, error: divide ? 2 * UNIT_ROUNDOFF * largest : 0 } },
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

export const arithmetic: Operator = {
  types: ['Add', 'Sub', 'Mul', 'Div', 'Neg'],
  compile(node, operands) {
    if (node.opType === 'Neg') return negation(node, operands);
    if (node.opType === 'Add' || node.opType === 'Sub')
      return sum(node, operands, node.opType === 'Add' ? 1 : -1);
    return scaled(node, operands, node.opType === 'Div');
  },
};
