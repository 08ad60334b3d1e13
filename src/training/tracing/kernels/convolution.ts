/**
 * Convolutions of images [N, rows, columns, C] with kernels [rows, columns, in, out], and their gradients, from ONNX's
 * inference operators. On ONNX's own layout no data moves.
 */
import {
  backend_util,
  type Conv2DAttrs,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropFilterInputs,
  type Conv2DBackpropInputAttrs,
  type Conv2DBackpropInputInputs,
  type Conv2DInputs,
} from '@tensorflow/tfjs-core';
import { type Kernels, kernel, type Tracing } from '../kernel.ts';
import type { Attributes, Value } from '../recorded.ts';
import { inOrder, permuted, reshape, type View } from '../view.ts';

/** Axes of a tfjs image in ONNX's order. */
export const CHANNELS_FIRST: readonly number[] = [0, 3, 1, 2];
/** Axes of a tfjs kernel in ONNX's order [out, in, rows, columns]. */
const OUT_FIRST: readonly number[] = [3, 2, 0, 1];
const IN_FIRST: readonly number[] = [2, 3, 0, 1];

type Info = backend_util.Conv2DInfo;
type Shape4 = [number, number, number, number];

function infoOf(
  image: readonly number[],
  filter: readonly number[],
  { strides, pad, dimRoundingMode }: Pick<Conv2DAttrs, 'strides' | 'pad' | 'dimRoundingMode'>,
  dilations: Conv2DAttrs['dilations'] = 1,
): Info {
  const shapes = [[...image] as Shape4, [...filter] as Shape4] as const;
  return backend_util.computeConv2DInfo(...shapes, strides, dilations, pad, dimRoundingMode);
}

const padsOf = ({ padInfo: { top, left, bottom, right } }: Info): number[] => [top, left, bottom, right];

const attributesOf = (info: Info): Attributes => ({
  kernel_shape: [info.filterHeight, info.filterWidth],
  strides: [info.strideHeight, info.strideWidth],
  dilations: [info.dilationHeight, info.dilationWidth],
  pads: padsOf(info),
});

/**
 * The direct form of the input gradient convolves dy padded to the input's size. ConvTranspose is faster where that makes
 * it much larger, and for few input channels (ONNX Runtime 1.30 on CPU: 39 against 9 ms for 5x5 on 12x12, 7.0 against 8.3
 * ms for 3x3 in 64 channels).
 */
const LARGEST_GROWTH = 1.3;
const FEW_CHANNELS = 8;

/** dx: for stride 1 the convolution of dy with the kernel turned by 180 degrees. */
function inputGradient(tracing: Tracing, dy: View, filter: View, info: Info): Value {
  const { recorder } = tracing;
  const { filterHeight: rows, filterWidth: columns, inChannels, outChannels, padInfo } = info;
  const gradient = inOrder(recorder, dy, CHANNELS_FIRST);
  const dims = [info.batchSize, inChannels, info.inHeight, info.inWidth];
  const pads = [
    rows - 1 - padInfo.top,
    columns - 1 - padInfo.left,
    info.inHeight - info.outHeight + padInfo.top,
    info.inWidth - info.outWidth + padInfo.left,
  ];
  const direct =
    info.strideHeight === 1 &&
    info.strideWidth === 1 &&
    inChannels >= FEW_CHANNELS &&
    info.inHeight * info.inWidth <= LARGEST_GROWTH * info.outHeight * info.outWidth &&
    pads.every((pad) => pad >= 0);
  if (direct) {
    const swapped = inOrder(recorder, filter, IN_FIRST);
    const turned = reversed(tracing, swapped, [inChannels, outChannels, rows * columns]);
    const kernel = reshape(recorder, turned, swapped.dims);
    return recorder.node('Conv', [gradient, kernel], dims, { kernel_shape: [rows, columns], pads });
  }
  const rest = [
    info.inHeight + padInfo.top + padInfo.bottom - ((info.outHeight - 1) * info.strideHeight + rows),
    info.inWidth + padInfo.left + padInfo.right - ((info.outWidth - 1) * info.strideWidth + columns),
  ];
  const kernel = inOrder(recorder, filter, OUT_FIRST);
  return recorder.node('ConvTranspose', [gradient, kernel], dims, {
    ...attributesOf(info),
    output_padding: rest,
  });
}

/** The last axis of the value, in the shape `dims`, backwards. */
function reversed({ recorder }: Tracing, value: Value, dims: readonly number[]): Value {
  const last = dims.at(-1) as number;
  const flat = reshape(recorder, value, dims);
  if (last === 1) return flat;
  const backwards = recorder.integers(Array.from({ length: last }, (_, k) => last - 1 - k));
  return recorder.node('Gather', [flat, backwards], dims, { axis: dims.length - 1 });
}

/**
 * Kernels of more taps than this have their gradient computed as a convolution on the CPU too: 15 against 23 ms for 5x5, but
 * 35 against 20 ms for 3x3.
 */
const MANY_TAPS = 16;

/** dW [out, in, rows, columns]. */
function filterGradient(tracing: Tracing, x: View, dy: View, info: Info): Value {
  const { recorder } = tracing;
  const image = inOrder(recorder, x, CHANNELS_FIRST);
  const gradient = inOrder(recorder, dy, CHANNELS_FIRST);
  return tracing.target === 'cpu' && info.filterHeight * info.filterWidth <= MANY_TAPS
    ? filterGradientByColumns(tracing, image, gradient, info)
    : filterGradientByConvolution(tracing, image, gradient, info);
}

/** Σ over positions and images of x at the tap times dy: a convolution whose channels are the images. */
function filterGradientByConvolution({ recorder }: Tracing, x: Value, dy: Value, info: Info): Value {
  const swap = (value: Value): Value => {
    const [n, c, h, w] = value.dims as Shape4;
    return recorder.node('Transpose', [value], [c, n, h, w], { perm: [1, 0, 2, 3] });
  };
  const { outHeight, outWidth, strideHeight, strideWidth, inChannels, outChannels } = info;
  const reach = (size: number, begin: number, end: number, outputs: number, stride: number): number =>
    size + begin + end - (outputs - 1) * stride;
  const { padInfo } = info;
  const height = reach(info.inHeight, padInfo.top, padInfo.bottom, outHeight, strideHeight);
  const width = reach(info.inWidth, padInfo.left, padInfo.right, outWidth, strideWidth);
  const attributes = {
    kernel_shape: [outHeight, outWidth],
    dilations: [strideHeight, strideWidth],
    pads: padsOf(info),
  };
  const dims = [inChannels, outChannels, height, width];
  const taps = recorder.node('Conv', [swap(x), swap(dy)], dims, attributes);
  // Where the stride leaves a rest of the image, taps that no window has appear behind the kernel's.
  const { filterHeight: rows, filterWidth: columns } = info;
  const kept =
    height === rows && width === columns
      ? taps
      : recorder.node(
          'Slice',
          [taps, recorder.integers([0, 0]), recorder.integers([rows, columns]), recorder.integers([2, 3])],
          [inChannels, outChannels, rows, columns],
        );
  return swap(kept);
}

/** An image's columns (im2col, by a convolution with one-hot kernels) times dy, added up over the images. */
function filterGradientByColumns({ recorder }: Tracing, x: Value, dy: Value, info: Info): Value {
  const { filterHeight: rows, filterWidth: columns, inChannels, outChannels, batchSize } = info;
  const cells = info.outHeight * info.outWidth;
  const taps = rows * columns;
  let spread = x;
  if (taps > 1 || info.strideHeight > 1 || info.strideWidth > 1) {
    const hot = new Float32Array(inChannels * taps * taps);
    for (let c = 0; c < inChannels; c++) for (let t = 0; t < taps; t++) hot[(c * taps + t) * taps + t] = 1;
    const kernel = recorder.constant('float32', [inChannels * taps, 1, rows, columns], hot);
    const dims = [batchSize, inChannels * taps, info.outHeight, info.outWidth];
    spread = recorder.node('Conv', [x, kernel], dims, { ...attributesOf(info), group: inChannels });
  }
  const matrix = reshape(recorder, spread, [batchSize, inChannels * taps, cells]);
  const flat = reshape(recorder, dy, [batchSize, outChannels, cells]);
  const turned = recorder.node('Transpose', [flat], [batchSize, cells, outChannels], { perm: [0, 2, 1] });
  const each = recorder.node('MatMul', [matrix, turned], [batchSize, inChannels * taps, outChannels]);
  const first = recorder.integers([0]);
  const sum = recorder.node('ReduceSum', [each, first], [inChannels * taps, outChannels], { keepdims: 0 });
  const outFirst = recorder.node('Transpose', [sum], [outChannels, inChannels * taps], { perm: [1, 0] });
  return reshape(recorder, outFirst, [outChannels, inChannels, rows, columns]);
}

export const convolutionKernels: Kernels = {
  Conv2D: kernel<Conv2DInputs, Conv2DAttrs>(({ x, filter }, attributes, { recorder }) => {
    const info = infoOf(x.shape, filter.shape, attributes, attributes.dilations);
    const values = [inOrder(recorder, x, CHANNELS_FIRST), inOrder(recorder, filter, OUT_FIRST)];
    const dims = [info.batchSize, info.outChannels, info.outHeight, info.outWidth];
    return permuted(recorder.node('Conv', values, dims, attributesOf(info)), CHANNELS_FIRST);
  }),
  Conv2DBackpropInput: kernel<Conv2DBackpropInputInputs, Conv2DBackpropInputAttrs>(
    ({ dy, filter }, attributes, tracing) => {
      const info = infoOf(attributes.inputShape, filter.shape, attributes);
      return permuted(inputGradient(tracing, dy, filter, info), CHANNELS_FIRST);
    },
  ),
  Conv2DBackpropFilter: kernel<Conv2DBackpropFilterInputs, Conv2DBackpropFilterAttrs>(
    ({ x, dy }, attributes, tracing) => {
      const info = infoOf(x.shape, attributes.filterShape, attributes);
      return permuted(filterGradient(tracing, x, dy, info), OUT_FIRST);
    },
  ),
};
