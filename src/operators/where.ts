/**
 * Where. With a constant condition it selects cells of both operands, an affine map. With one that depends on the input it may
 * jump, and it is bounded only as the Softplus that PyTorch writes with it:
 *
 *   f(x) = x where b x > t, else softplus(b x)/b
 *
 * Beyond the threshold that differs from softplus(b x)/b by log(1 + exp(-b x))/b, at most J = log(1 + exp(-t))/b (2e-9 for
 * PyTorch's t = 20). So f_L is the network with softplus(b x)/b in its place, and J an error of each of its values, which is
 * counted like that of rounding: at the image and everywhere in the ball.
 */
import { describeNode, type Node, sizeOf, type Value } from '../onnx/model/graph.ts';
import { broadcastDims, broadcastIndex } from './algebra/shape.ts';
import { checkEntries, selection } from './algebra/sparse-matrix.ts';
import { constantOperand, refuse, required } from './compile/compile-errors.ts';
import { activated } from './compile/nonlinear-action.ts';
import { rescaled } from './gelus.ts';
import type { Activation } from './nonlinear/activation.ts';
import { multiples, scalar } from './nonlinear/gated-activations.ts';
import type { Action, Expression, Operands, Operator } from './operator.ts';
import { softplus } from './sigmoids.ts';

function selected(node: Node, operands: Operands): Action {
  const condition = constantOperand(node, operands, 0, 'condition');
  const parts = [1, 2].map((position) => required(node, operands, position));
  if (parts.some(({ constant }) => constant?.values.some((v) => !Number.isFinite(v))))
    refuse(node, 'it chooses values that are not finite', 'Cut the network before it.');
  const dims = [condition, ...parts].reduce<readonly number[]>(
    (shape, part) =>
      broadcastDims(shape, part.dims) ??
      refuse(node, `shapes [${shape}] and [${part.dims}] do not broadcast`, 'Re-export the model.'),
    [],
  );
  const size = sizeOf(dims);
  checkEntries(size, describeNode(node));
  const holds = Array.from(broadcastIndex(condition.dims, dims), (k) => condition.values[k] !== 0);
  const terms = parts.map((part, k) => ({
    operand: k + 1,
    matrix: selection(
      sizeOf(part.dims),
      broadcastIndex(part.dims, dims).map((from, i) => (holds[i] === (k === 0) ? from : -1)),
    ),
  }));
  return { kind: 'affine', dims, terms, bias: null };
}

const made = (value: Value | null | undefined, type: string): Node | null =>
  value?.producer?.domain === '' && value.producer.opType === type ? value.producer : null;

/** The b of b x; null for anything else. */
const factorOf = (value: Value | null | undefined, x: Value, ranks: number[]): number | null =>
  (value && multiples(value, ranks).find((multiple) => multiple.x === x)?.times) ?? null;

/** Where(b x > t, x, softplus(b x)/b), or null. */
function thresholdedSoftplus(node: Node): Expression | null {
  const ranks: number[] = [0];
  const [condition, x, below] = node.inputs;
  const greater = made(condition, 'Greater');
  if (!x || !below || greater === null) return null;
  const threshold = scalar(greater.inputs[1], ranks);
  const soft = multiples(below, ranks).find((multiple) => made(multiple.x, 'Softplus') !== null);
  const compared = factorOf(greater.inputs[0], x, ranks);
  const inner = factorOf(soft?.x.producer?.inputs[0], x, ranks);
  if (threshold === null || soft === undefined || inner === null || compared !== inner) return null;
  if (!(inner > 0) || Math.abs(soft.times * inner - 1) > 2 ** -50) return null;
  const jump = (Math.log1p(Math.exp(-threshold)) / inner) * (1 + 2 ** -40);
  if (!Number.isFinite(jump)) return null;
  const activation = withThreshold(inner, threshold, jump);
  return {
    inputs: [x],
    compile(operands) {
      const { dims } = required(node, operands, 0);
      const ones = new Array<number>(Math.max(0, Math.max(...ranks) - dims.length)).fill(1);
      return activated([...ones, ...dims], activation);
    },
  };
}

function withThreshold(inner: number, threshold: number, jump: number): Activation {
  const smooth = rescaled(softplus, inner, 1 / inner);
  return {
    ...smooth,
    value: (z, i) => (inner * z > threshold ? z : smooth.value(z, i)),
    absoluteError: smooth.absoluteError + jump + 2 ** -1000,
  };
}

export const choosing: Operator = {
  types: ['Where'],
  expression: thresholdedSoftplus,
  compile: selected,
};
