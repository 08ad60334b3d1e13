/** Squares as frameworks write them: x·x, or x to the power 2. */
import type { Value } from '../../onnx/model/graph.ts';
import { scalar } from './gated-activations.ts';

/** The x whose square a value is, or null. */
export function squaredIn(value: Value | null | undefined): Value | null {
  const node = value?.producer;
  const [a, b] = node?.inputs ?? [];
  if (node?.domain !== '' || !a) return null;
  if (node.opType === 'Mul') return a === b ? a : null;
  return node.opType === 'Pow' && scalar(b, []) === 2 ? a : null;
}
