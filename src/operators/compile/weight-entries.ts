/** How many entries a layer's matrix has, by its shapes alone. */
import { type Node, sizeOf } from '../../onnx/model/graph.ts';
import type { NodeShapes } from '../operator.ts';

/**
 * Every value of the output reads one kernel: all weights except along their output axis.
 * @param axis of the output that the weights produce
 * @returns 0 for a second operand that is not a constant matrix or kernel
 */
export function weightEntries(node: Node, { output }: NodeShapes, axis: number): number {
  const weight = node.inputs[1]?.constant?.dims ?? [];
  if (weight.length < 2) return 0;
  return (sizeOf(output) * sizeOf(weight)) / Math.max(1, output.at(axis) ?? 1);
}
