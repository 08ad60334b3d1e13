/** Operators that take the entries of axis 0 one by one, each an image with channels: convolution, pooling, resizing. */
import { intsAttribute, stringAttribute } from '../../model/graph.ts';
import { aligned } from './broadcasting.ts';
import {
  fromFront,
  integersOf,
  isOmitted,
  type Operand,
  onFirst,
  type Rule,
  rowsBeside,
  rowsOf,
} from './step.ts';

const elsewhere = (axis: number): string => `takes axis 0 for the rows, which are along axis ${axis}`;

/** Of axis 0; what else it reads is the same for every row. */
export const perImage: Rule = onFirst((data, axis) => {
  if (axis !== 0) return elsewhere(axis);
  return data.dims.length < 2 ? 'has no axis of channels' : 0;
});

/** The second output of MaxPool holds positions in the whole batch. */
export const maxPool: Rule = (step) =>
  (step.node.outputs[1] ?? null) === null ? perImage(step) : 'gives positions in the whole batch';

/** Further outputs are statistics over the batch, which only training needs. */
export const batchNormalization: Rule = (step) =>
  step.node.outputs.slice(1).every((value) => value === null)
    ? perImage(step)
    : 'gives statistics over the batch';

/** Microsoft's FusedConv may add a tensor of the result's shape. */
export const fusedConv: Rule = (step) => {
  const [data, , , added] = step.operands;
  const beside = rowsBeside(step, [0, 3]);
  if (beside !== null) return beside;
  const axis = rowsOf(data);
  if (data == null || axis !== 0) return 'does not take the rows as its first operand';
  const result: Operand = { ...data, dims: data.dims.map(() => 1) };
  return aligned([result, added]) === 0 ? 0 : 'adds something that is not of the same row';
};

/** Interpolation in places where a batch of scale 1 stays as it is, whatever the rounding. */
const PLACES: ReadonlyMap<string, readonly string[]> = new Map([
  ['nearest', ['half_pixel', 'pytorch_half_pixel', 'asymmetric']],
  ['linear', ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners']],
  ['cubic', ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners']],
]);

/**
 * Resize and Upsample. Between rows nothing is interpolated when the batch has the scale 1 and is the first of four axes or
 * more (of fewer, ONNX Runtime takes the first for the height of an image, and multiplies its neighbours by 0).
 */
export const resize: Rule = onFirst((data, axis, step) => {
  const { node, operands } = step;
  const rank = data.dims.length;
  if (axis !== 0) return elsewhere(axis);
  const mode = stringAttribute(node, 'mode', 'nearest');
  const old = node.opType === 'Upsample' || node.opset < 11;
  const place = old ? 'asymmetric' : stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
  if (PLACES.get(mode)?.includes(place) !== true) return `interpolates by ${mode}, ${place}`;
  if (mode !== 'nearest' && rank < 4) return 'interpolates between the first axes';
  const axes = intsAttribute(node, 'axes')?.map((a) => fromFront(a, rank)) ?? data.dims.map((_, k) => k);
  const at = axes.indexOf(axis);
  if (at < 0) return axis;
  if (stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    return 'chooses one scale for all axes, the batch among them';
  if (!isOmitted(step, 3)) {
    const whole = data.place.kind === 'rows' && data.place.block === 1;
    return whole && integersOf(operands[3])?.[at] === 'rows' ? axis : 'resizes the batch axis to a size';
  }
  const stored = operands[old ? 1 : 2]?.constant;
  const attribute = node.attributes.get('scales');
  const scale = attribute?.kind === 'floats' ? attribute.value[at] : stored?.float64()[at];
  return scale === 1 ? axis : 'resizes the batch axis by a scale';
});
