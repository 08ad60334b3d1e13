/** Piecewise linear activations: Relu, LeakyRelu, PRelu, Clip (attributes before opset 11, inputs since). */
import { floatAttribute, type Node } from '../onnx/graph.ts';
import { type Activation, type Pieces, piecewiseLinear } from './activation.ts';
import { constantOperand, optionalConstant, refuse, required } from './compile-errors.ts';
import type { Operands, Operator } from './operator.ts';
import { broadcastDims, broadcastIndex } from './shape.ts';

function leaky(slope: number): Activation {
  const pieces: Pieces = { kinks: [0], slopes: [slope, 1] };
  return piecewiseLinear(
    () => pieces,
    (z) => (z >= 0 ? z : slope * z),
  );
}

/** PRelu: one slope per element, broadcast to the input (unidirectional). */
function parametric(node: Node, operands: Operands): Activation {
  const { dims } = required(node, operands, 0);
  const slope = constantOperand(node, operands, 1, 'slope');
  // Before opset 7 a slope vector belongs to axis 1 (channels).
  const from =
    slope.dims.length === 1 && node.opset < 7 && dims.length > 1
      ? [slope.dims[0]!, ...dims.slice(2).map(() => 1)]
      : slope.dims;
  const shape = broadcastDims(dims, from);
  if (shape === null || shape.length !== dims.length || shape.some((d, i) => d !== dims[i])) {
    refuse(node, `slope [${slope.dims}] does not broadcast to [${dims}]`, 'Re-export the model.');
  }
  const index = broadcastIndex(from, dims);
  const pieces = Array.from(slope.values, (s): Pieces => ({ kinks: [0], slopes: [s, 1] }));
  return piecewiseLinear(
    (i) => pieces[index[i]!]!,
    (z, i) => (z >= 0 ? z : slope.values[index[i]!]! * z),
  );
}

function clip(node: Node, operands: Operands): Activation {
  const limit = (position: number, name: 'min' | 'max', absent: number): number =>
    node.opset < 11
      ? floatAttribute(node, name, absent)
      : (optionalConstant(node, operands, position, `${name} limit`)?.values[0] ?? absent);
  const low = limit(1, 'min', Number.NEGATIVE_INFINITY);
  const high = limit(2, 'max', Number.POSITIVE_INFINITY);
  if (!(low < high)) refuse(node, `its limits are empty: [${low}, ${high}]`, 'Re-export the model.');
  const kinks = [low, high].filter(Number.isFinite);
  const slopes = [...(Number.isFinite(low) ? [0] : []), 1, ...(Number.isFinite(high) ? [0] : [])];
  return piecewiseLinear(
    () => ({ kinks, slopes }),
    (z) => Math.min(Math.max(z, low), high),
  );
}

export const rectifiers: Operator = {
  types: ['Relu', 'LeakyRelu', 'PRelu', 'Clip'],
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const activation =
      node.opType === 'Relu'
        ? leaky(0)
        : node.opType === 'LeakyRelu'
          ? leaky(floatAttribute(node, 'alpha', Math.fround(0.01)))
          : node.opType === 'PRelu'
            ? parametric(node, operands)
            : clip(node, operands);
    return { kind: 'activation', dims, operand: 0, activation };
  },
};
