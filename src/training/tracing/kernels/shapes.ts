/** What moves, repeats, joins and picks entries. */
import {
  type BroadCastToAttrs,
  type ConcatAttrs,
  type ExpandDimsAttrs,
  type ExpandDimsInputs,
  type GatherV2Attrs,
  type GatherV2Inputs,
  type OneHotAttrs,
  type OneHotInputs,
  type PackAttrs,
  type PadV2Attrs,
  type ReshapeAttrs,
  type ReverseAttrs,
  type SliceAttrs,
  type SplitVAttrs,
  type StridedSliceAttrs,
  slice_util,
  type TensorInfo,
  type TileAttrs,
  type TransposeAttrs,
  type UnaryInputs,
  type UnpackAttrs,
  type UnpackInputs,
  type UnsortedSegmentSumAttrs,
  type UnsortedSegmentSumInputs,
  util,
} from '@tensorflow/tfjs-core';
import { ToolError } from '../../../ground/errors.ts';
import { sizeOf } from '../../../onnx/model/graph.ts';
import { axesOf, dense, type Kernels, kernel, listed, positive, type Tracing } from '../kernel.ts';
import type { Value } from '../recorded.ts';
import {
  broadcast,
  elementwise,
  filled,
  inOrder,
  laidOut,
  permuted,
  reshaped,
  transposed,
  type View,
  whole,
} from '../view.ts';

/** Below every index that a backward slice can end at. */
const BEFORE_START = -(2 ** 31);

/** Slices along every axis; `ends` are exclusive. */
function sliced(
  { recorder }: Tracing,
  x: View,
  begins: readonly number[],
  ends: readonly number[],
  strides: readonly number[],
): View {
  const { value, order } = laidOut(recorder, x);
  const size = (axis: number): number =>
    Math.max(0, Math.ceil(((ends[axis] as number) - (begins[axis] as number)) / (strides[axis] as number)));
  const cut = x.shape.flatMap((d, axis) => (size(axis) === d && strides[axis] === 1 ? [] : [axis]));
  if (cut.length === 0) return x;
  const ints = (pick: (axis: number) => number): Value => recorder.integers(cut.map(pick));
  const inputs = [
    value,
    ints((axis) => begins[axis] as number),
    ints((axis) => ((ends[axis] as number) < 0 ? BEFORE_START : (ends[axis] as number))),
    ints((axis) => order.indexOf(axis)),
    ints((axis) => strides[axis] as number),
  ];
  return permuted(recorder.node('Slice', inputs, order.map(size)), order);
}

/** Consecutive parts along an axis, in the order of the whole. */
function parts({ recorder }: Tracing, x: View, axis: number, sizes: readonly number[]): View[] {
  const { value, order } = laidOut(recorder, x);
  const position = order.indexOf(axis);
  const outputs = sizes.map((size) => ({
    type: value.type,
    dims: value.dims.map((d, i) => (i === position ? size : d)),
  }));
  return recorder
    .nodes('Split', [value, recorder.integers(sizes)], outputs, { axis: position })
    .map((part) => permuted(part, order));
}

function joined({ recorder }: Tracing, views: readonly View[], axis: number): View {
  const filledOnes = views.filter((view) => sizeOf(view.shape) > 0);
  const largest = filledOnes.reduce((a, b) => (sizeOf(b.value.dims) > sizeOf(a.value.dims) ? b : a));
  const { order } = laidOut(recorder, largest);
  const values = filledOnes.map((view) => inOrder(recorder, view, order));
  const position = order.indexOf(axis);
  const total = values.reduce((sum, { dims }) => sum + (dims[position] as number), 0);
  const dims = (values[0] as Value).dims.map((d, i) => (i === position ? total : d));
  return permuted(recorder.node('Concat', values, dims, { axis: position }), order);
}

const withAxis = (shape: readonly number[], axis: number): number[] => shape.toSpliced(axis, 0, 1);

/** tfjs helpers take a tensor for its shape. */
const shapeOnly = (view: View): TensorInfo => ({ dataId: {}, shape: [...view.shape], dtype: 'float32' });

export const shapeKernels: Kernels = {
  Reshape: kernel<UnaryInputs, ReshapeAttrs>(({ x }, { shape }, { recorder }) =>
    reshaped(recorder, x, util.inferFromImplicitShape(shape, sizeOf(x.shape))),
  ),
  ExpandDims: kernel<ExpandDimsInputs, ExpandDimsAttrs>(({ input }, { dim }, { recorder }) =>
    reshaped(recorder, input, withAxis(input.shape, positive(dim, input.shape.length + 1))),
  ),
  Transpose: kernel<UnaryInputs, TransposeAttrs>(({ x }, { perm }) => transposed(x, perm)),
  BroadcastTo: kernel<UnaryInputs, BroadCastToAttrs>(({ x }, { shape }) => broadcast(x, shape)),
  Tile: kernel<UnaryInputs, TileAttrs>(({ x }, { reps }, { recorder }) => {
    const shape = x.shape.map((d, i) => d * (reps[i] as number));
    // Along an axis that repeats already nothing needs to be copied.
    if (x.axes.every((axis, i) => axis < 0 || reps[i] === 1)) return { ...x, shape };
    const { value, order } = laidOut(recorder, x);
    const repeats = recorder.integers(order.map((axis) => reps[axis] as number));
    const dims = order.map((axis) => shape[axis] as number);
    return permuted(recorder.node('Tile', [value, repeats], dims), order);
  }),

  Concat: (inputs, attributes, tracing) => {
    const views = listed(inputs);
    const { axis } = attributes as ConcatAttrs;
    return joined(tracing, views, positive(axis, (views[0] as View).shape.length));
  },
  Pack: (inputs, attributes, tracing) => {
    const views = listed(inputs);
    const axis = positive((attributes as PackAttrs).axis, (views[0] as View).shape.length + 1);
    return joined(
      tracing,
      views.map((view) => reshaped(tracing.recorder, view, withAxis(view.shape, axis))),
      axis,
    );
  },
  SplitV: kernel<UnaryInputs, SplitVAttrs>(({ x }, { numOrSizeSplits, axis }, tracing) => {
    const along = positive(axis, x.shape.length);
    const total = x.shape[along] as number;
    const sizes =
      typeof numOrSizeSplits === 'number'
        ? new Array<number>(numOrSizeSplits).fill(total / numOrSizeSplits)
        : numOrSizeSplits.map((size) =>
            size < 0 ? total - numOrSizeSplits.reduce((sum, s) => sum + Math.max(s, 0), 0) : size,
          );
    return parts(tracing, x, along, sizes);
  }),
  Unpack: kernel<UnpackInputs, UnpackAttrs>(({ value }, { axis }, tracing) => {
    const along = positive(axis, value.shape.length);
    const shape = value.shape.toSpliced(along, 1);
    return parts(tracing, value, along, new Array<number>(value.shape[along] as number).fill(1)).map((part) =>
      reshaped(tracing.recorder, part, shape),
    );
  }),

  Slice: kernel<UnaryInputs, SliceAttrs>(({ x }, { begin, size }, tracing) => {
    const [begins = [], sizes = []] = slice_util.parseSliceParams(shapeOnly(x), begin, size);
    const ends = begins.map((b, i) => b + (sizes[i] as number));
    return sliced(
      tracing,
      x,
      begins,
      ends,
      begins.map(() => 1),
    );
  }),
  StridedSlice: kernel<UnaryInputs, StridedSliceAttrs>(({ x }, attributes, tracing) => {
    const info = slice_util.sliceInfo(
      [...x.shape],
      attributes.begin,
      attributes.end,
      attributes.strides,
      attributes.beginMask,
      attributes.endMask,
      attributes.ellipsisMask,
      attributes.newAxisMask,
      attributes.shrinkAxisMask,
    );
    const picked = sliced(tracing, x, info.begin, info.end, info.strides);
    return reshaped(tracing.recorder, picked, info.finalShape);
  }),
  Reverse: kernel<UnaryInputs, ReverseAttrs>(({ x }, { dims }, { recorder }) => {
    const { value, order } = laidOut(recorder, x);
    const backward = axesOf(dims, x.shape.length).map((axis) => order.indexOf(axis));
    if (backward.length === 0) return x;
    const all = (n: number): Value => recorder.integers(backward.map(() => n));
    const inputs = [value, all(-1), all(BEFORE_START), recorder.integers(backward), all(-1)];
    return permuted(recorder.node('Slice', inputs, value.dims), order);
  }),
  PadV2: kernel<UnaryInputs, PadV2Attrs>(({ x }, { paddings, constantValue }, { recorder }) => {
    if (paddings.every(([before, after]) => before === 0 && after === 0)) return x;
    const { value, order } = laidOut(recorder, x);
    const ends = order.map((axis) => paddings[axis] as [number, number]);
    const pads = recorder.integers([...ends.map(([before]) => before), ...ends.map(([, after]) => after)]);
    const dims = value.dims.map((d, i) => d + (ends[i]?.[0] as number) + (ends[i]?.[1] as number));
    const fill = recorder.constant(value.type, [], [constantValue]);
    return permuted(recorder.node('Pad', [value, pads, fill], dims), order);
  }),

  GatherV2: kernel<GatherV2Inputs, GatherV2Attrs>(({ x, indices }, { axis, batchDims }, tracing) => {
    if (batchDims !== 0)
      throw new ToolError({
        what: 'tf.gather with batchDims cannot be traced',
        remedy: 'Gather batch by batch.',
      });
    const { recorder } = tracing;
    const along = positive(axis, x.shape.length);
    const index = dense(tracing, indices);
    const dims = [...x.shape.slice(0, along), ...indices.shape, ...x.shape.slice(along + 1)];
    return whole(recorder.node('Gather', [dense(tracing, x), index], dims, { axis: along }));
  }),
  UnsortedSegmentSum: kernel<UnsortedSegmentSumInputs, UnsortedSegmentSumAttrs>(
    ({ x, segmentIds }, { numSegments }, tracing) => {
      const { recorder } = tracing;
      const rows = segmentIds.shape[0] as number;
      const ids = reshaped(recorder, segmentIds, [rows, 1]);
      const at = recorder.node('Cast', [dense(tracing, ids)], [rows, 1], { to: 7 }, 'int64');
      const dims = [numSegments, ...x.shape.slice(1)];
      const zeros = dense(tracing, filled(recorder.constant(x.value.type, [], [0]), dims));
      const inputs = [zeros, at, dense(tracing, x)];
      return whole(recorder.node('ScatterND', inputs, dims, { reduction: 'add' }));
    },
  ),
  OneHot: kernel<OneHotInputs, OneHotAttrs>(
    ({ indices }, { depth, onValue, offValue, dtype }, { recorder }) => {
      const type = dtype === 'int32' ? 'int32' : 'float32';
      const classes = whole(
        recorder.constant(
          'int32',
          [depth],
          Array.from({ length: depth }, (_, k) => k),
        ),
      );
      const column = reshaped(recorder, indices, [...indices.shape, 1]);
      return elementwise(recorder, [column, classes], (values, dims) => {
        const equal = recorder.node('Equal', values, dims, {}, 'bool');
        const [on, off] = [onValue, offValue].map((x) => recorder.constant(type, [], [x])) as [Value, Value];
        return recorder.node('Where', [equal, on, off], dims, {}, type);
      });
    },
  ),
};
