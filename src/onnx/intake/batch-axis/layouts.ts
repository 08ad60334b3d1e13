/** Operators that only change the shape of a tensor, or the order of its axes. */
import { intAttribute, intsAttribute, sizeOf } from '../../model/graph.ts';
import { fromFront, integersOf, type Length, numbersOf, onFirst, type Rule, type Step } from './step.ts';

const LEAVES = 'moves numbers between the rows of the batch';

/**
 * Row-major order is kept by a Reshape, so that the rows stay apart where the lengths in front of their axis multiply to
 * the same number before and after: the block of a row then only absorbs, or releases, lengths behind it. The target
 * must grow with the batch in one place: where it counts the rows, copies their axis (0) or is inferred (-1).
 */
export const reshape: Rule = onFirst((data, axis, step) => {
  const target = integersOf(step.operands[1]) ?? intsAttribute(step.node, 'shape');
  if (target === null) return 'has a target that is not known in advance';
  if (data.place.kind !== 'rows') return LEAVES;
  const copies = intAttribute(step.node, 'allowzero', 0) === 0;
  let grows: { at: number; block: number } | null = null;
  const lengths: number[] = [];
  for (const [at, wanted] of target.entries()) {
    const copied = wanted === 0 && copies;
    const block = wanted === 'rows' ? 1 : copied && at === axis ? data.place.block : null;
    if (block !== null) {
      if (grows !== null) return 'has a target that counts the rows twice';
      grows = { at, block };
    }
    lengths.push(block ?? (copied ? (data.dims[at] ?? 0) : (wanted as number)));
  }
  const inferred = lengths.indexOf(-1);
  const rest = sizeOf(lengths.filter((_, at) => at !== inferred));
  if (rest < 1) return 'has a target of no numbers';
  if (inferred >= 0) {
    const length = sizeOf(data.dims) / rest;
    if (!Number.isInteger(length)) return LEAVES;
    lengths[inferred] = length;
    grows ??= { at: inferred, block: length };
  }
  if (grows === null) return 'has a target of fixed size, which does not grow with the batch';
  const before = (dims: readonly number[], at: number): number => sizeOf(dims.slice(0, at));
  if (sizeOf(lengths) !== sizeOf(data.dims)) return LEAVES;
  if (before(lengths, grows.at) !== before(data.dims, axis)) return LEAVES;
  return { axis: grows.at, block: grows.block };
});

/** [d0, …] to [d0 ⋯ d(k−1), dk ⋯]: a Reshape to two lengths, of which the one with the rows is the inferred one. */
export const flatten: Rule = onFirst((data, axis, { node }) => {
  if (data.place.kind !== 'rows') return LEAVES;
  const rank = data.dims.length;
  const at = fromFront(intAttribute(node, 'axis', 1), rank);
  const first = axis < at;
  if (sizeOf(data.dims.slice(first ? 0 : at, axis)) !== 1) return LEAVES;
  return { axis: first ? 0 : 1, block: sizeOf(first ? data.dims.slice(0, at) : data.dims.slice(at)) };
});

export const transpose: Rule = onFirst((data, axis, { node }) => {
  const rank = data.dims.length;
  const order = intsAttribute(node, 'perm') ?? data.dims.map((_, k) => rank - 1 - k);
  const to = order.indexOf(axis);
  return to < 0 ? 'has a permutation that omits the batch axis' : to;
});

/** Axes of Squeeze, Unsqueeze: an attribute, from operator set 13 on an operand. */
const axesOf = ({ node, operands }: Step): readonly number[] | null =>
  intsAttribute(node, 'axes') ?? numbersOf(operands[1]);

export const squeeze: Rule = onFirst((data, axis, step) => {
  const axes = axesOf(step)?.map((a) => fromFront(a, data.dims.length));
  // Without a list, every axis of length 1 goes: that of the batch, too, when there is one row.
  if (axes === undefined) return 'does not say which axes it removes';
  return axes.includes(axis)
    ? 'removes the batch axis, which only one row allows'
    : axis - axes.filter((a) => a < axis).length;
});

export const unsqueeze: Rule = onFirst((data, axis, step) => {
  const axes = axesOf(step);
  if (axes === null) return 'does not say which axes it adds';
  const rank = data.dims.length + axes.length;
  const added = new Set(axes.map((a) => fromFront(a, rank)));
  const kept = Array.from({ length: rank }, (_, k) => k).filter((k) => !added.has(k));
  return kept[axis] ?? 'adds an axis twice';
});

export const expand: Rule = onFirst((data, axis, step) => {
  const target = integersOf(step.operands[1]);
  if (target === null) return 'has a target that is not known in advance';
  const fromEnd = data.dims.length - axis;
  const rank = Math.max(target.length, data.dims.length);
  const block = data.place.kind === 'rows' ? data.place.block : 0;
  const along = (wanted: Length, at: number): boolean =>
    target.length - at === fromEnd ? wanted === 1 || (wanted === 'rows' && block === 1) : wanted !== 'rows';
  if (!target.every(along)) return 'repeats its operand along the batch axis, or by the number of rows';
  return rank - fromEnd;
});

export const tile: Rule = onFirst((_, axis, step) => {
  const repeats = numbersOf(step.operands[1]);
  if (repeats === null) return 'has repeats that are not known in advance';
  return repeats[axis] === 1 ? axis : 'repeats the rows of the batch';
});
