/** sign(a) |a|, which PyTorch writes for the pools of an lp norm, is a: a Sign alone has no bound. Relu of |a| is |a|. */
import type { Node, Value } from '../model/graph.ts';
import type { Model } from '../model/model.ts';
import { replaceNodes } from './replace-nodes.ts';
import type { Rewrite } from './rewrite.ts';

export const removeSignedMagnitudes: Rewrite = {
  name: 'writing sign(a) |a| as a',
  apply: (model: Model) => Promise.resolve(replaceNodes(model, signed)),
};

const operand = (value: Value | null | undefined, type: string): Value | null => {
  const node = value?.producer;
  return node?.domain === '' && node.opType === type ? (node.inputs[0] ?? null) : null;
};

function signed(node: Node): string | null {
  if (node.domain !== '' || node.opType !== 'Mul') return null;
  const [a, b] = node.inputs;
  return wholeOf(a, b) ?? wholeOf(b, a);
}

function wholeOf(sign: Value | null | undefined, magnitude: Value | null | undefined): string | null {
  const of = operand(sign, 'Sign');
  const inner = operand(magnitude, 'Relu') ?? magnitude;
  return of !== null && operand(inner, 'Abs') === of ? of.name : null;
}
