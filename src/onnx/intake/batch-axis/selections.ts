/** Operators that take, join or place parts of tensors along an axis. */
import { intAttribute, intsAttribute } from '../../model/graph.ts';
import { fromFront, integersOf, numbersOf, onFirst, type Rule, rowsBeside, rowsOf } from './step.ts';

const SELECTS = 'selects rows of the batch';

/** Rows that are indexed, or indices that are rows of a table that is the same for all of them. */
export const gather: Rule = (step) => {
  const [data, indices] = step.operands;
  if (data == null || indices == null) return 'has no indices';
  const along = fromFront(intAttribute(step.node, 'axis', 0), data.dims.length);
  const [inData, inIndices] = [rowsOf(data), rowsOf(indices)];
  if (inData === null) return inIndices === null ? SELECTS : along + inIndices;
  if (inIndices !== null) return 'selects from rows of the batch by other rows';
  if (inData === along) return SELECTS;
  return inData < along ? inData : inData - 1 + indices.dims.length;
};

/** Every index belongs to the entry of the data at the same place, but for the axis along which it selects. */
export const gatherElements: Rule = (step) => {
  const [data, indices] = step.operands;
  const axis = rowsOf(data);
  if (data == null || axis === null || rowsOf(indices) !== axis)
    return 'selects from places whose rows are not those of its indices';
  return fromFront(intAttribute(step.node, 'axis', 0), data.dims.length) === axis ? SELECTS : axis;
};

export const concat: Rule = (step) => {
  const [first] = step.operands;
  const axis = rowsOf(first);
  if (axis === null || first == null || step.operands.some((operand) => rowsOf(operand) !== axis))
    return 'joins rows of the batch with something else';
  return fromFront(intAttribute(step.node, 'axis', 1), first.dims.length) === axis
    ? 'joins its operands along the batch axis'
    : axis;
};

export const split: Rule = onFirst((data, axis, { node }) =>
  fromFront(intAttribute(node, 'axis', 0), data.dims.length) === axis ? 'splits the batch' : axis,
);

/** "To the end", in 32 or in 64 bits. */
const END = 2 ** 31 - 1;

export const slice: Rule = onFirst((data, axis, { node, operands }) => {
  const starts = intsAttribute(node, 'starts') ?? numbersOf(operands[1]);
  const ends = intsAttribute(node, 'ends') ?? integersOf(operands[2]);
  const steps = operands[4] == null ? starts?.map(() => 1) : numbersOf(operands[4]);
  const named = operands[3] == null ? intsAttribute(node, 'axes') : numbersOf(operands[3]);
  const axes = named ?? (operands[3] == null ? starts?.map((_, k) => k) : null);
  if (starts == null || ends === null || steps == null || axes == null)
    return 'has ends that are not known in advance';
  for (const [k, along] of axes.entries()) {
    const [start, end, step] = [starts[k], ends[k], steps[k]];
    if (fromFront(along, data.dims.length) !== axis) {
      if (end === 'rows') return 'has an end that counts the rows of the batch';
      continue;
    }
    const rows = data.place.kind === 'rows' && data.place.block === 1 ? 'rows' : null;
    const all = start === 0 && step === 1 && (end === rows || (typeof end === 'number' && end >= END));
    if (!all) return SELECTS;
  }
  return axis;
});

export const pad: Rule = onFirst((data, axis, { node, operands }) => {
  const rank = data.dims.length;
  const pads = intsAttribute(node, 'pads') ?? intsAttribute(node, 'paddings') ?? numbersOf(operands[1]);
  const named = numbersOf(operands[3]);
  if (pads === null || (operands[3] != null && named === null))
    return 'has widths that are not known in advance';
  const axes = named?.map((a) => fromFront(a, rank)) ?? data.dims.map((_, k) => k);
  const still = axes.every((a, k) => a !== axis || (pads[k] === 0 && pads[k + axes.length] === 0));
  return still ? axis : 'pads the batch';
});

/** A new axis of the depth at the place `axis`. */
export const oneHot: Rule = onFirst((data, axis, { node }) => {
  const at = fromFront(intAttribute(node, 'axis', -1), data.dims.length + 1);
  return axis < at ? axis : axis + 1;
});

/** Of the last two axes. */
export const triangle: Rule = onFirst((data, axis) =>
  axis < data.dims.length - 2 ? axis : 'cuts a triangle out of the batch axis',
);

/** GridSample: places to look at, in the image of the same row. */
export const sample: Rule = (step) => {
  if (rowsOf(step.operands[0]) !== 0 || rowsOf(step.operands[1]) !== 0)
    return 'does not take an image and a grid of the same row';
  return rowsBeside(step, [0, 1]) ?? 0;
};

/** Dropout in evaluation mode, which is what classifiers are held to (determinism.ts). */
export const dropout: Rule = onFirst((_, axis) => axis);

/** The second operand only gives the type. */
export const castLike: Rule = ({ operands: [data] }) =>
  rowsOf(data) ?? 'takes nothing but a type from the rows of the batch';
