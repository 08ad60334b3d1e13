/**
 * Max and Min of at most one dependent tensor and constants (a clip with one limit per cell): piecewise linear for any shape
 * of the limits. Part of max-min.ts, which sorts several dependent tensors.
 */
import type { Node } from '../../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex } from '../algebra/shape.ts';
import { refuse } from '../compile/compile-errors.ts';
import { againstConstant } from '../compile/constant-operand.ts';
import { activated } from '../compile/nonlinear-action.ts';
import type { Action, Constant, Operands } from '../operator.ts';
import { type Pieces, piecewiseLinear } from './activation.ts';

type Pick = (a: number, b: number) => number;

/** The elementwise extremum of constants. */
function merged(node: Node, constants: readonly Constant[], pick: Pick): Constant {
  const [first, ...rest] = constants;
  if (first === undefined) return refuse(node, 'it has no inputs', 'Re-export the model.');
  return rest.reduce((a, b) => {
    const dims = broadcastDims(a.dims, b.dims);
    if (dims === null)
      refuse(node, `shapes [${a.dims}] and [${b.dims}] do not broadcast`, 'Re-export the model.');
    const [ofA, ofB] = [broadcastIndex(a.dims, dims), broadcastIndex(b.dims, dims)];
    const values = Float64Array.from(ofA, (k, i) => pick(a.values[k]!, b.values[ofB[i]!]!));
    return { dims, values };
  }, first);
}

/** pick(z, limit) is z on one side of the limit and constant on the other; an infinite limit leaves one of the two. */
function piecesOf(limit: number, largest: boolean): Pieces {
  if (Number.isFinite(limit)) return { kinks: [limit], slopes: largest ? [0, 1] : [1, 0] };
  return { kinks: [], slopes: [limit > 0 === largest ? 0 : 1] };
}

/** @throws ModelRefused when a limit is NaN or the shapes do not broadcast; for at most one dependent operand */
export function extremeOfConstants(node: Node, operands: Operands): Action {
  const largest = node.opType === 'Max';
  const pick: Pick = largest ? Math.max : Math.min;
  const dependent = operands.flatMap((operand, k) => (operand !== null && !operand.constant ? [k] : []));
  const constants = operands.flatMap((operand) => (operand?.constant ? [operand.constant] : []));
  const [position] = dependent;
  if (position === undefined) return { kind: 'constant', constant: merged(node, constants, pick) };
  const limits =
    constants.length > 0
      ? merged(node, constants, pick)
      : { dims: [], values: Float64Array.of(largest ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) };
  if (limits.values.some(Number.isNaN)) refuse(node, 'one of its constants is NaN', 'Re-export the model.');
  const { dims, spread, index } = againstConstant(node, operands, position, limits);
  const pieces = Array.from(limits.values, (limit) => piecesOf(limit, largest));
  const activation = piecewiseLinear(
    (i) => pieces[index[i]!]!,
    (z, i) => pick(z, limits.values[index[i]!]!),
    { relativeError: 0 },
  );
  return activated(dims, activation, position, spread);
}
