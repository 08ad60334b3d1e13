/** Refusals and operand access shared by the operators: each names the node and says what to do. */
import { ModelRefused } from '../../ground/errors.ts';
import { describeNode, type Node } from '../../onnx/model/graph.ts';
import type { Constant, Operand, Operands } from '../operator.ts';

/** Ends the compilation of a left half: this node has no sound bound here. */
export function refuse(node: Node, what: string, remedy = 'Cut the network earlier.'): never {
  throw new ModelRefused({ what: `${describeNode(node)}: ${what}`, remedy });
}

/** The operand at a position that must be there. */
export function required(node: Node, operands: Operands, position: number): Operand {
  return operands[position] ?? refuse(node, `input ${position} is missing`, 'Re-export the model.');
}

/** The operand at a position that must be constant, e.g. a weight or a shape. */
export function constantOperand(node: Node, operands: Operands, position: number, meaning: string): Constant {
  const operand = required(node, operands, position);
  return (
    operand.constant ??
    refuse(node, `its ${meaning} depends on the network's input, which has no sound bound`)
  );
}

/** As `constantOperand`, for an input that may be omitted. */
export function optionalConstant(
  node: Node,
  operands: Operands,
  position: number,
  meaning: string,
): Constant | null {
  return operands[position] === undefined || operands[position] === null
    ? null
    : constantOperand(node, operands, position, meaning);
}

/** Integers of a constant operand (axes, shapes, pads). */
export function integers(node: Node, constant: Constant): number[] {
  return Array.from(constant.values, (value) =>
    Number.isSafeInteger(value)
      ? value
      : refuse(node, `expected integers, found ${value}`, 'Re-export the model.'),
  );
}

/** An axis in 0..rank-1 from ONNX's -rank..rank-1. */
export function normalizeAxis(node: Node, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(positive) || positive < 0 || positive >= Math.max(rank, 1)) {
    refuse(node, `axis ${axis} is out of range for rank ${rank}`, 'Re-export the model.');
  }
  return positive;
}
