/**
 * A normalisation that exporters write out in primitives: its parts have bounds too, but the whole has a much better one.
 * Recognised only where every part is exactly as expected; anything else is bounded part by part.
 */
import { intAttribute, type Node, type Value } from '../../onnx/model/graph.ts';
import { required } from '../compile/compile-errors.ts';
import { grouped } from '../normalizations.ts';
import type { Expression } from '../operator.ts';
import { reducedAxes } from '../reduction.ts';

type Maybe = Value | null | undefined;

/** The node that produces a value, if it is of that type. */
function made(value: Maybe, type: string): Node | null {
  const node = value?.producer;
  return node?.domain === '' && node.opType === type ? node : null;
}

/** The number a constant of one element holds; null for anything else, and where it could add an axis. */
function numberOf(value: Maybe): number | null {
  const constant = value?.constant;
  if (!constant || constant.dims.length > 1 || (constant.dims[0] ?? 1) !== 1) return null;
  return constant.float64()[0] ?? null;
}

/** The operand and the number of a commutative node with one constant number. */
function withNumber(node: Node | null): { readonly value: Maybe; readonly number: number } | null {
  for (const [at, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const number = numberOf(node?.inputs[other]);
    if (number !== null) return { value: node?.inputs[at], number };
  }
  return null;
}

/**
 * d / sqrt(mean(d²) + epsilon), d being x minus its mean where a LayerNormalization is written out: the same map, with the
 * mean in the affine segment before it.
 *
 * @param node a Div
 */
export function writtenOutNormalisation(node: Node): Expression | null {
  const [d, root] = node.inputs;
  const shifted = withNumber(made(made(root, 'Sqrt')?.inputs[0], 'Add'));
  const reduction = made(shifted?.value, 'ReduceMean');
  if (!d || shifted === null || reduction === null || !(shifted.number >= 0)) return null;
  const [square, axes] = reduction.inputs;
  const product = made(square, 'Mul');
  const power = made(square, 'Pow');
  const squares =
    (product?.inputs[0] === d && product.inputs[1] === d) ||
    (power?.inputs[0] === d && numberOf(power.inputs[1]) === 2);
  if (!squares || intAttribute(reduction, 'keepdims', 1) !== 1) return null;
  return {
    inputs: [d, axes ?? null],
    compile(operands) {
      const { dims } = required(node, operands, 0);
      const over = reducedAxes(reduction, operands, dims) ?? [];
      return grouped(dims, dims, over, 'root mean square', shifted.number, null);
    },
  };
}
