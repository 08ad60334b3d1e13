/**
 * InstanceNormalization, LayerNormalization, GroupNormalization, RMSNormalization and LpNormalization: groups of cells
 * brought to unit scale (unit-scale.ts), then scaled and shifted by constants. The statistics are those of one image, so
 * these are not affine maps, and the flatter a group is around the image, the steeper they are there.
 */
import { floatAttribute, intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex } from './algebra/shape.ts';
import { identityMatrix, selection } from './algebra/sparse-matrix.ts';
import {
  constantOperand,
  normalizeAxis,
  optionalConstant,
  refuse,
  required,
} from './compile/compile-errors.ts';
import { composed } from './compile/nonlinear-action.ts';
import { boundedOnBalls } from './nonlinear/local-map.ts';
import { normalized } from './nonlinear/unit-scale.ts';
import type { Action, Affine, Constant, Operands, Operator } from './operator.ts';
import { reducedCells } from './reduction.ts';

const EPSILON = Math.fround(1e-5);

/** What a group is divided by. */
type Scale = 'deviation' | 'root mean square' | 'norm';

/**
 * Operand 0 in groups.
 * @param shape of the tensor that the groups are cut from; as many cells as `dims` has
 * @param axes of `shape` that a group stretches over
 */
export function grouped(
  dims: readonly number[],
  shape: readonly number[],
  axes: readonly number[],
  scale: Scale,
  epsilon: number,
  after: Affine | null,
): Action {
  const cells = reducedCells(shape, axes);
  const length = cells[0]?.length ?? 1;
  const map = normalized({
    cells: Int32Array.from(cells.flat()),
    length,
    centred: scale === 'deviation',
    gain: scale === 'norm' ? 1 : Math.sqrt(length),
    floor: Math.sqrt(length * epsilon),
  });
  const whole = [{ operand: 0, matrix: identityMatrix(sizeOf(dims)) }];
  return { ...composed(dims, whole, boundedOnBalls(map)), after };
}

function epsilonOf(node: Node): number {
  const epsilon = floatAttribute(node, 'epsilon', EPSILON);
  return epsilon >= 0 ? epsilon : refuse(node, `epsilon = ${epsilon} is negative`, 'Re-export the model.');
}

/** y = scale f + bias, each value of a constant used where `index` says. */
function scaledAndShifted(
  scale: { readonly constant: Constant; readonly index: ArrayLike<number> },
  bias: { readonly constant: Constant; readonly index: ArrayLike<number> } | null,
): Affine | null {
  const size = scale.index.length;
  const valuesOf = ({ constant, index }: typeof scale): Float64Array =>
    Float64Array.from({ length: size }, (_, i) => constant.values[index[i]!]!);
  return {
    matrix: selection(
      size,
      Int32Array.from({ length: size }, (_, i) => i),
      valuesOf(scale),
    ),
    bias: bias === null ? null : valuesOf(bias),
  };
}

/** Per channel or, for GroupNormalization before opset 21, per group of channels. */
function perChannel(node: Node, operands: Operands, dims: readonly number[], position: number, name: string) {
  const constant = constantOperand(node, operands, position, name);
  const [channels = 1] = dims.slice(1);
  const count = constant.values.length;
  if (
    channels % count !== 0 ||
    (count !== channels && (node.opType !== 'GroupNormalization' || node.opset >= 21))
  )
    refuse(node, `its ${name} has ${count} values for ${channels} channels`, 'Re-export the model.');
  const plane = sizeOf(dims.slice(2));
  const index = Int32Array.from({ length: sizeOf(dims) }, (_, i) =>
    Math.floor((Math.floor(i / plane) % channels) / (channels / count)),
  );
  return { constant, index };
}

/** A constant that broadcasts to the shape of the data. */
function broadcast(node: Node, constant: Constant, dims: readonly number[]) {
  if (broadcastDims(constant.dims, dims)?.join() !== dims.join())
    refuse(node, `a constant [${constant.dims}] does not fit its input [${dims}]`, 'Re-export the model.');
  return { constant, index: broadcastIndex(constant.dims, dims) };
}

/** InstanceNormalization and GroupNormalization: groups of whole channels. */
function overChannels(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const [batch = 1, channels = 1] = dims;
  const groups = node.opType === 'GroupNormalization' ? intAttribute(node, 'num_groups', 0) : channels;
  if (!(groups > 0) || channels % groups !== 0)
    refuse(node, `${groups} groups do not divide ${channels} channels`, 'Re-export the model.');
  return grouped(
    dims,
    [batch, groups, sizeOf(dims) / (batch * groups)],
    [2],
    'deviation',
    epsilonOf(node),
    scaledAndShifted(
      perChannel(node, operands, dims, 1, 'scale'),
      perChannel(node, operands, dims, 2, 'bias'),
    ),
  );
}

/** LayerNormalization and RMSNormalization: all axes from one on. */
function overLastAxes(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const axis = normalizeAxis(node, intAttribute(node, 'axis', -1), dims.length);
  const centred = node.opType === 'LayerNormalization';
  const scale = broadcast(node, constantOperand(node, operands, 1, 'scale'), dims);
  const bias = centred ? optionalConstant(node, operands, 2, 'bias') : null;
  return grouped(
    dims,
    dims,
    dims.map((_, k) => k).slice(axis),
    centred ? 'deviation' : 'root mean square',
    epsilonOf(node),
    scaledAndShifted(scale, bias === null ? null : broadcast(node, bias, dims)),
  );
}

function lpNormalization(node: Node, operands: Operands): Action {
  const { dims } = required(node, operands, 0);
  const p = intAttribute(node, 'p', 2);
  if (p !== 2) refuse(node, `p = ${p} has no bound here (2 does)`);
  const axis = normalizeAxis(node, intAttribute(node, 'axis', -1), dims.length);
  return grouped(dims, dims, [axis], 'norm', 0, null);
}

export const normalizations: Operator = {
  types: [
    'GroupNormalization',
    'InstanceNormalization',
    'LayerNormalization',
    'LpNormalization',
    'RMSNormalization',
  ],
  compile(node, operands) {
    if (node.opType === 'LpNormalization') return lpNormalization(node, operands);
    return node.opType === 'LayerNormalization' || node.opType === 'RMSNormalization'
      ? overLastAxes(node, operands)
      : overChannels(node, operands);
  },
};
