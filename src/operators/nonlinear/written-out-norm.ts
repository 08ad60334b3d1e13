/**
 * An l2 norm along axes as frameworks write it where they do not say ReduceL2: Sqrt of ReduceSum of squares. Its parts have a
 * bound only where no norm may become 0; the whole is 1-Lipschitz everywhere.
 */
import { intAttribute, intsAttribute, type Node } from '../../onnx/model/graph.ts';
import type { Expression } from '../operator.ts';
import { reducedTo } from '../window-values.ts';
import { scalar } from './gated-activations.ts';
import { squaredIn } from './squares.ts';

/** @param node a Sqrt, or a Pow */
export function writtenOutNorm(node: Node): Expression | null {
  const [base, exponent] = node.inputs;
  if (!base || (node.opType === 'Pow' && scalar(exponent, []) !== 0.5)) return null;
  const sum = base.producer;
  if (sum?.domain !== '' || sum.opType !== 'ReduceSum' || !reduces(sum)) return null;
  const x = squaredIn(sum.inputs[0]);
  if (x === null) return null;
  return { inputs: [x, sum.inputs[1] ?? null], compile: (operands) => reducedTo(sum, operands, 'l2') };
}

/** Whether it adds cells up whatever its axes are: without any, and told so, it leaves squares as they are. */
const reduces = (sum: Node): boolean =>
  intAttribute(sum, 'noop_with_empty_axes', 0) === 0 || (intsAttribute(sum, 'axes') ?? []).length > 0;
