/** Expand and Tile: cells repeated along axes. */
import { describeNode, type Node, sizeOf } from '../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex, stridesOf } from './algebra/shape.ts';
import { checkEntries, selection } from './algebra/sparse-matrix.ts';
import { constantOperand, integers, refuse, required } from './compile/compile-errors.ts';
import type { Operands, Operator } from './operator.ts';

function tiles(node: Node, operands: Operands, dims: readonly number[]): number[] {
  if (node.opset < 6) refuse(node, 'before opset 6 it has no bound here', 'Convert the model to opset 17.');
  const repeats = integers(node, constantOperand(node, operands, 1, 'number of repeats'));
  if (repeats.length !== dims.length || repeats.some((r) => r < 0))
    refuse(node, `repeats [${repeats}] do not fit [${dims}]`, 'Re-export the model.');
  return dims.map((dim, axis) => dim * repeats[axis]!);
}

/** For every cell of `out`, the cell of `dims` it repeats. */
function tiledIndex(dims: readonly number[], out: readonly number[]): Int32Array {
  const strides = stridesOf(dims);
  const outStrides = stridesOf(out);
  return Int32Array.from({ length: sizeOf(out) }, (_, i) =>
    dims.reduce(
      (from, dim, axis) => from + ((Math.floor(i / outStrides[axis]!) % out[axis]!) % dim) * strides[axis]!,
      0,
    ),
  );
}

export const repeating: Operator = {
  types: ['Expand', 'Tile'],
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const tile = node.opType === 'Tile';
    const target = tile ? [] : integers(node, constantOperand(node, operands, 1, 'target shape'));
    const out = tile
      ? tiles(node, operands, dims)
      : (broadcastDims(dims, target) ??
        refuse(node, `[${dims}] does not broadcast to [${target}]`, 'Re-export the model.'));
    checkEntries(sizeOf(out), describeNode(node));
    const source = tile ? tiledIndex(dims, out) : broadcastIndex(dims, out);
    return {
      kind: 'affine',
      dims: out,
      terms: [{ operand: 0, matrix: selection(sizeOf(dims), source) }],
      bias: null,
    };
  },
};
