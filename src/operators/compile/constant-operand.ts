/** An elementwise operator of one tensor that depends on the input and one that does not, broadcast against each other. */
import type { Node } from '../../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex } from '../algebra/shape.ts';
import { type SparseMatrix, selection } from '../algebra/sparse-matrix.ts';
import type { Constant, Operands } from '../operator.ts';
import { refuse, required } from './compile-errors.ts';

export interface AgainstConstant {
  readonly dims: readonly number[];
  /** Repeats the cells of the tensor; null where it has the output's shape. */
  readonly spread: SparseMatrix | null;
  /** Flat index into the constant for every cell of the output. */
  readonly index: Int32Array;
}

/** How input `position` and a constant broadcast to the output. */
export function againstConstant(
  node: Node,
  operands: Operands,
  position: number,
  constant: Constant,
): AgainstConstant {
  const from = required(node, operands, position).dims;
  const dims = broadcastDims(from, constant.dims);
  if (dims === null)
    refuse(node, `shapes [${from}] and [${constant.dims}] do not broadcast`, 'Re-export the model.');
  const size = from.reduce((product, dim) => product * dim, 1);
  const same = dims.length === from.length && dims.every((dim, axis) => dim === from[axis]);
  return {
    dims,
    spread: same ? null : selection(size, broadcastIndex(from, dims)),
    index: broadcastIndex(constant.dims, dims),
  };
}
