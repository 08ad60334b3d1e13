/** Split: several outputs, each a slice of the input along one axis. */
import { intAttribute, intsAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { mapIndex, stridesOf } from './algebra/shape.ts';
import { selection } from './algebra/sparse-matrix.ts';
import { integers, normalizeAxis, optionalConstant, refuse, required } from './compile/compile-errors.ts';
import type { Operands, Operator, SingleAction } from './operator.ts';

/** Lengths of the parts: listed (an attribute before opset 13, then an input), or equal with the rest in the last. */
function lengthsOf(node: Node, operands: Operands, length: number): readonly number[] {
  const given = optionalConstant(node, operands, 1, 'split');
  const listed = given === null ? intsAttribute(node, 'split') : integers(node, given);
  if (listed !== null) {
    if (listed.reduce((sum, part) => sum + part, 0) !== length || listed.some((part) => part < 0))
      refuse(node, `parts [${listed}] do not add up to ${length}`, 'Re-export the model.');
    return listed;
  }
  const count = intAttribute(node, 'num_outputs', node.outputs.length);
  const part = Math.ceil(length / count);
  return Array.from({ length: count }, (_, k) => Math.max(0, Math.min(part, length - k * part)));
}

export const splitting: Operator = {
  types: ['Split'],
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const axis = normalizeAxis(node, intAttribute(node, 'axis', 0), dims.length);
    const strides = stridesOf(dims);
    let start = 0;
    const outputs = lengthsOf(node, operands, dims[axis]!).map((length): SingleAction => {
      const out = dims.map((dim, a) => (a === axis ? length : dim));
      const source = mapIndex(out, (a) => strides[a]!, start * strides[axis]!);
      start += length;
      return {
        kind: 'affine',
        dims: out,
        terms: [{ operand: 0, matrix: selection(sizeOf(dims), source) }],
        bias: null,
      };
    });
    return { kind: 'several', outputs };
  },
};
