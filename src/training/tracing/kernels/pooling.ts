/** Max and average pooling of images [N, rows, columns, C], and their gradients. */
import {
  type AvgPoolAttrs,
  type AvgPoolGradInputs,
  type AvgPoolInputs,
  backend_util,
  type MaxPoolAttrs,
  type MaxPoolGradInputs,
  type MaxPoolInputs,
} from '@tensorflow/tfjs-core';
import { sizeOf } from '../../../onnx/model/graph.ts';
import { type Kernels, kernel, type Tracing } from '../kernel.ts';
import type { Attributes, Value } from '../recorded.ts';
import type { GraphRecorder } from '../recorder.ts';
import { inOrder, permuted, reshape, type View } from '../view.ts';
import { CHANNELS_FIRST } from './convolution.ts';

type PoolInfo = backend_util.Conv2DInfo;

function infoOf(x: View, { filterSize, strides, pad, dimRoundingMode }: MaxPoolAttrs): PoolInfo {
  const shape = [...x.shape] as [number, number, number, number];
  return backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
}

function attributesOf(info: PoolInfo): Attributes {
  const { top, left, bottom, right } = info.padInfo;
  return {
    kernel_shape: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    pads: [top, left, bottom, right],
  };
}

const inputDims = ({ batchSize, inChannels, inHeight, inWidth }: PoolInfo): number[] => [
  batchSize,
  inChannels,
  inHeight,
  inWidth,
];
const outputDims = ({ batchSize, outChannels, outHeight, outWidth }: PoolInfo): number[] => [
  batchSize,
  outChannels,
  outHeight,
  outWidth,
];

/** Maxima and, flattened over the whole image, where they are; the first of equals. */
function maxPool(recorder: GraphRecorder, image: Value, info: PoolInfo): readonly [Value, Value] {
  const dims = outputDims(info);
  const outputs = [
    { dims, type: 'float32' },
    { dims, type: 'int64' },
  ] as const;
  return recorder.nodes('MaxPool', [image], outputs, attributesOf(info)) as [Value, Value];
}

/** dy at the maximum of each window, the first of equals; added up where windows share cells. */
function maxPoolGradient(tracing: Tracing, image: Value, dy: Value, info: PoolInfo): Value {
  if (tiles(info)) return gradientByEnlargement(tracing, image, dy, info);
  return tracing.target === 'webgpu'
    ? gradientByColumns(tracing, image, dy, info)
    : gradientByIndices(tracing, image, dy, info);
}

/** Whether the windows cover the image without overlap, gap or padding. */
const tiles = (info: PoolInfo): boolean =>
  info.filterHeight === info.strideHeight &&
  info.filterWidth === info.strideWidth &&
  info.outHeight * info.strideHeight === info.inHeight &&
  info.outWidth * info.strideWidth === info.inWidth;

const asNumber = (recorder: GraphRecorder, condition: Value): Value =>
  recorder.node('Cast', [condition], condition.dims, { to: 1 }, 'float32');

/**
 * Windows that tile: maxima and dy are enlarged to the image's size and compared with it. Among equals the highest code
 * wins; codes fall in reading order. ONNX Runtime's MaxPool with indices takes 15 times as long as MaxPool alone.
 */
function gradientByEnlargement({ recorder }: Tracing, image: Value, dy: Value, info: PoolInfo): Value {
  const { filterHeight, filterWidth, inHeight, inWidth } = info;
  const { dims } = image;
  const scales = recorder.constant('float32', [4], [1, 1, filterHeight, filterWidth]);
  const nearest = { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' };
  const enlarged = (value: Value): Value => recorder.node('Resize', [value, null, scales], dims, nearest);
  const isMaximum = (value: Value): Value => {
    const maxima = enlarged(maxPool(recorder, value, info)[0]);
    return asNumber(recorder, recorder.node('Equal', [value, maxima], dims, {}, 'bool'));
  };
  const codes = new Float32Array(inHeight * inWidth).map((_, i) => {
    const row = Math.floor(i / inWidth) % filterHeight;
    const column = (i % inWidth) % filterWidth;
    return filterHeight * filterWidth - (row * filterWidth + column);
  });
  const order = recorder.constant('float32', [1, 1, inHeight, inWidth], codes);
  const first = isMaximum(recorder.node('Mul', [isMaximum(image), order], dims));
  return recorder.node('Mul', [enlarged(dy), first], dims);
}

/** Any windows, where MaxPool gives indices. */
function gradientByIndices({ recorder }: Tracing, image: Value, dy: Value, info: PoolInfo): Value {
  const [, indices] = maxPool(recorder, image, info);
  const size = sizeOf(image.dims);
  const flat = (value: Value): Value => reshape(recorder, value, [sizeOf(value.dims)]);
  const zeros = recorder.node('Expand', [recorder.number(0), recorder.integers([size])], [size]);
  const attributes = { axis: 0, reduction: 'add' };
  const scattered = recorder.node('ScatterElements', [zeros, flat(indices), flat(dy)], [size], attributes);
  return reshape(recorder, scattered, image.dims);
}

/** Less than every value a network computes in float32. */
const LOWEST = -3e38;

/** Any windows, where it does not: a window's cells are gathered and put back by convolutions with one-hot kernels. */
function gradientByColumns({ recorder }: Tracing, image: Value, dy: Value, info: PoolInfo): Value {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  const { top, left, bottom, right } = padInfo;
  const [images, cells] = [info.batchSize * info.inChannels, filterHeight * filterWidth];
  const [height, width] = [info.inHeight + top + bottom, info.inWidth + left + right];
  const plain = { kernel_shape: [filterHeight, filterWidth], strides: [strideHeight, strideWidth] };
  const planes = reshape(recorder, image, [images, 1, info.inHeight, info.inWidth]);
  const pads = recorder.integers([0, 0, top, left, 0, 0, bottom, right]);
  const padded = recorder.node('Pad', [planes, pads, recorder.number(LOWEST)], [images, 1, height, width]);
  const hot = new Float32Array(cells * cells);
  for (let t = 0; t < cells; t++) hot[t * cells + t] = 1;
  const kernel = recorder.constant('float32', [cells, 1, filterHeight, filterWidth], hot);
  const dims = [images, cells, info.outHeight, info.outWidth];
  const columns = recorder.node('Conv', [padded, kernel], dims, plain);
  const codes = recorder.constant(
    'float32',
    [1, cells, 1, 1],
    Array.from({ length: cells }, (_, t) => cells - t),
  );
  const isMaximum = (value: Value): Value => {
    const highest = recorder.node('ReduceMax', [value], [images, 1, info.outHeight, info.outWidth], {
      axes: [1],
      keepdims: 1,
    });
    return asNumber(recorder, recorder.node('Equal', [value, highest], dims, {}, 'bool'));
  };
  const first = isMaximum(recorder.node('Mul', [isMaximum(columns), codes], dims));
  const gradient = reshape(recorder, dy, [images, 1, info.outHeight, info.outWidth]);
  const shares = recorder.node('Mul', [first, gradient], dims);
  return spread(recorder, shares, kernel, info);
}

/** Σ over windows: a transposed convolution of [N·C, k, rows, columns], each channel of the image by itself. */
function spread(recorder: GraphRecorder, shares: Value, kernel: Value, info: PoolInfo): Value {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  const rest = [
    info.inHeight + padInfo.top + padInfo.bottom - ((info.outHeight - 1) * strideHeight + filterHeight),
    info.inWidth + padInfo.left + padInfo.right - ((info.outWidth - 1) * strideWidth + filterWidth),
  ];
  const dims = [info.batchSize * info.inChannels, 1, info.inHeight, info.inWidth];
  const attributes = { ...attributesOf(info), output_padding: rest };
  return reshape(
    recorder,
    recorder.node('ConvTranspose', [shares, kernel], dims, attributes),
    inputDims(info),
  );
}

export const poolingKernels: Kernels = {
  MaxPool: kernel<MaxPoolInputs, MaxPoolAttrs>(({ x }, attributes, { recorder }) => {
    const image = inOrder(recorder, x, CHANNELS_FIRST);
    return permuted(maxPool(recorder, image, infoOf(x, attributes))[0], CHANNELS_FIRST);
  }),
  MaxPoolGrad: kernel<MaxPoolGradInputs, MaxPoolAttrs>(({ dy, input }, attributes, tracing) => {
    const image = inOrder(tracing.recorder, input, CHANNELS_FIRST);
    const gradient = inOrder(tracing.recorder, dy, CHANNELS_FIRST);
    return permuted(maxPoolGradient(tracing, image, gradient, infoOf(input, attributes)), CHANNELS_FIRST);
  }),
  AvgPool: kernel<AvgPoolInputs, AvgPoolAttrs>(({ x }, attributes, { recorder }) => {
    const info = infoOf(x, attributes);
    const image = inOrder(recorder, x, CHANNELS_FIRST);
    return permuted(
      recorder.node('AveragePool', [image], outputDims(info), attributesOf(info)),
      CHANNELS_FIRST,
    );
  }),
  // As in tfjs, every cell of a window gets dy divided by all of the window's cells.
  AvgPoolGrad: kernel<AvgPoolGradInputs, AvgPoolAttrs>(({ dy, input }, attributes, { recorder }) => {
    const info = infoOf(input, attributes);
    const { filterHeight, filterWidth } = info;
    const share = new Float32Array(filterHeight * filterWidth).fill(1 / (filterHeight * filterWidth));
    const kernel = recorder.constant('float32', [1, 1, filterHeight, filterWidth], share);
    const images = info.batchSize * info.inChannels;
    const gradient = inOrder(recorder, dy, CHANNELS_FIRST);
    const planes = reshape(recorder, gradient, [images, 1, info.outHeight, info.outWidth]);
    return permuted(spread(recorder, planes, kernel, info), CHANNELS_FIRST);
  }),
};
