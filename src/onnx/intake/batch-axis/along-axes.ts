/** Operators that put together the numbers along some axes: sums, maxima, sorting, normalisation. */
import { intAttribute, intsAttribute } from '../../model/graph.ts';
import { aligned } from './broadcasting.ts';
import {
  fromFront,
  numbersOf,
  type Operand,
  onFirst,
  type Rule,
  rowsBeside,
  rowsOf,
  type Step,
} from './step.ts';

const REDUCES = 'reduces over the batch axis';

/** Axes are an attribute, or the second operand; without any, all are meant, or none when the node says so. */
export const reduce: Rule = onFirst((data, axis, step) => {
  const rank = data.dims.length;
  const keeps = intAttribute(step.node, 'keepdims', 1) !== 0;
  const operand = step.operands[1] ?? null;
  const given = intsAttribute(step.node, 'axes') ?? (operand === null ? [] : numbersOf(operand));
  if (given === null) return 'reduces over axes that are not known in advance';
  if (given.length === 0) return intAttribute(step.node, 'noop_with_empty_axes', 0) === 0 ? REDUCES : axis;
  return reduced(
    axis,
    given.map((a) => fromFront(a, rank)),
    keeps,
  );
});

function reduced(axis: number, over: readonly number[], keeps: boolean): number | string {
  if (over.includes(axis)) return REDUCES;
  return keeps ? axis : axis - new Set(over.filter((a) => a < axis)).size;
}

/** ArgMax and ArgMin: one axis, by default the first. */
export const argument: Rule = onFirst((data, axis, { node }) => {
  const over = fromFront(intAttribute(node, 'axis', 0), data.dims.length);
  return reduced(axis, [over], intAttribute(node, 'keepdims', 1) !== 0);
});

/** One axis, named by an attribute, along which a row's numbers meet. */
export const along = (what: string, fallback: number): Rule =>
  onFirst((data, axis, { node }) =>
    fromFront(intAttribute(node, 'axis', fallback), data.dims.length) === axis ? what : axis,
  );

/** Softmax and its variants: before operator set 13, all axes from the named one on are treated as one. */
export const softmax: Rule = onFirst((data, axis, { node }) => {
  const from = fromFront(intAttribute(node, 'axis', node.opset < 13 ? 1 : -1), data.dims.length);
  const meets = node.opset < 13 ? axis >= from : axis === from;
  return meets ? 'normalises over the batch axis' : axis;
});

export const cumulate: Rule = onFirst((data, axis, step) => {
  const at = numbersOf(step.operands[1])?.[0];
  if (at === undefined) return 'sums along an axis that is not known in advance';
  return fromFront(at, data.dims.length) === axis ? 'sums along the batch axis' : axis;
});

/** All axes from the named one on; scale and bias are broadcast. */
function layerNorm(parameters: (step: Step) => readonly (Operand | null | undefined)[]): Rule {
  return onFirst((data, axis, step) => {
    const from = fromFront(intAttribute(step.node, 'axis', -1), data.dims.length);
    if (axis >= from) return 'normalises over the batch axis';
    const together = aligned([data, ...parameters(step)]);
    return together === axis || typeof together === 'string'
      ? together
      : 'has a scale of more axes than data';
  });
}

export const layerNormalization: Rule = layerNorm(({ operands }) => operands.slice(1));

/** Microsoft's SkipLayerNormalization: a sum of two tensors of the same shape, normalised over the last axis. */
export const skipLayerNormalization: Rule = (step) => {
  const beside = rowsBeside(step, [0, 1]);
  if (beside !== null) return beside;
  const [data] = step.operands;
  const axis = aligned(step.operands);
  if (typeof axis === 'string' || data == null) return axis;
  return axis !== rowsOf(data) || axis === data.dims.length - 1 ? 'normalises over the batch axis' : axis;
};

/** Over the named axes; by default those of images, and the batch among them. */
export const meanVariance: Rule = onFirst((data, axis, { node }) => {
  const over = (intsAttribute(node, 'axes') ?? [0, 2, 3]).map((a) => fromFront(a, data.dims.length));
  return over.includes(axis) ? 'normalises over the batch axis' : axis;
});
