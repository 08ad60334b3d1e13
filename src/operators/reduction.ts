/** ReduceMean and ReduceSum: affine maps that add cells along axes (an attribute first, an input in newer opsets). */
import { intAttribute, intsAttribute, sizeOf } from '../onnx/graph.ts';
import { integers, normalizeAxis, optionalConstant, required } from './compile-errors.ts';
import type { Operator } from './operator.ts';
import { UNIT_ROUNDOFF } from './rounding.ts';
import { stridesOf } from './shape.ts';
import { absoluteNorm, buildMatrix, identityMatrix } from './sparse-matrix.ts';

export const reduction: Operator = {
  types: ['ReduceMean', 'ReduceSum'],
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const given = optionalConstant(node, operands, 1, 'axes');
    const listed = given === null ? intsAttribute(node, 'axes') : integers(node, given);
    const size = sizeOf(dims);
    if ((listed === null || listed.length === 0) && intAttribute(node, 'noop_with_empty_axes', 0) === 1) {
      return { kind: 'affine', dims, terms: [{ operand: 0, matrix: identityMatrix(size) }], bias: null };
    }
    const axes =
      listed === null || listed.length === 0
        ? dims.map((_, i) => i)
        : listed.map((axis) => normalizeAxis(node, axis, dims.length));
    const kept = dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const strides = stridesOf(dims);
    const keptStrides = stridesOf(kept);
    const reduced = axes.reduce((product, axis) => product * dims[axis]!, 1);
    const cells: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
    for (let i = 0; i < size; i++) {
      let target = 0;
      for (let axis = 0; axis < dims.length; axis++) {
        if (kept[axis] !== 1) target += (Math.floor(i / strides[axis]!) % dims[axis]!) * keptStrides[axis]!;
      }
      cells[target]!.push(i);
    }
    const weight = node.opType === 'ReduceMean' ? 1 / reduced : 1;
    const matrix = buildMatrix(cells.length, size, size, (row, add) => {
      for (const cell of cells[row]!) add(cell, weight);
    });
    const keep = intAttribute(node, 'keepdims', 1) === 1;
    return {
      kind: 'affine',
      dims: keep ? kept : dims.filter((_, axis) => !axes.includes(axis)),
      terms: [{ operand: 0, matrix: { ...matrix, error: 2 * UNIT_ROUNDOFF * absoluteNorm(matrix) } }],
      bias: null,
    };
  },
};
