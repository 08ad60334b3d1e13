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
import { type Kernels, kernel, type Tracing } from '../kernel.ts';
import { type Attributes, sizeOf, type Value } from '../recorder.ts';
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

/** Maxima and, flattened over the whole input, where they are; the first of equals. */
function maxPool({ recorder }: Tracing, x: View, info: PoolInfo): readonly [Value, Value] {
  const dims = outputDims(info);
  const outputs = [
    { dims, type: 'float32' },
    { dims, type: 'int64' },
  ] as const;
  const value = inOrder(recorder, x, CHANNELS_FIRST);
  return recorder.nodes('MaxPool', [value], outputs, attributesOf(info)) as [Value, Value];
}

/** Puts dy where the maxima were. */
function maxPoolGradient(tracing: Tracing, dy: View, x: View, info: PoolInfo): Value {
  const { recorder } = tracing;
  const [, indices] = maxPool(tracing, x, info);
  const size = sizeOf(inputDims(info));
  const flat = (value: Value): Value => reshape(recorder, value, [sizeOf(value.dims)]);
  const zeros = recorder.node('Expand', [recorder.number(0), recorder.integers([size])], [size]);
  const gradient = flat(inOrder(recorder, dy, CHANNELS_FIRST));
  const overlap = info.filterHeight > info.strideHeight || info.filterWidth > info.strideWidth;
  const attributes = { axis: 0, reduction: overlap ? 'add' : 'none' };
  const scattered = recorder.node('ScatterElements', [zeros, flat(indices), gradient], [size], attributes);
  return reshape(recorder, scattered, inputDims(info));
}

/**
 * Σ over windows of dy: a transposed convolution with ones, each channel an image of its own.
 */
function spread({ recorder }: Tracing, dy: Value, info: PoolInfo): Value {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  const images = info.batchSize * info.inChannels;
  const ones = new Float32Array(filterHeight * filterWidth).fill(1);
  const kernel = recorder.constant('float32', [1, 1, filterHeight, filterWidth], ones);
  const covered = (outputs: number, stride: number, size: number): number => (outputs - 1) * stride + size;
  const restY =
    info.inHeight + padInfo.top + padInfo.bottom - covered(info.outHeight, strideHeight, filterHeight);
  const restX =
    info.inWidth + padInfo.left + padInfo.right - covered(info.outWidth, strideWidth, filterWidth);
  const planes = reshape(recorder, dy, [images, 1, info.outHeight, info.outWidth]);
  const attributes = { ...attributesOf(info), output_padding: [restY, restX] };
  const dims = [images, 1, info.inHeight, info.inWidth];
  return reshape(
    recorder,
    recorder.node('ConvTranspose', [planes, kernel], dims, attributes),
    inputDims(info),
  );
}

export const poolingKernels: Kernels = {
  MaxPool: kernel<MaxPoolInputs, MaxPoolAttrs>(({ x }, attributes, tracing) =>
    permuted(maxPool(tracing, x, infoOf(x, attributes))[0], CHANNELS_FIRST),
  ),
  MaxPoolGrad: kernel<MaxPoolGradInputs, MaxPoolAttrs>(({ dy, input }, attributes, tracing) =>
    permuted(maxPoolGradient(tracing, dy, input, infoOf(input, attributes)), CHANNELS_FIRST),
  ),
  AvgPool: kernel<AvgPoolInputs, AvgPoolAttrs>(({ x }, attributes, { recorder }) => {
    const info = infoOf(x, attributes);
    const value = inOrder(recorder, x, CHANNELS_FIRST);
    return permuted(
      recorder.node('AveragePool', [value], outputDims(info), attributesOf(info)),
      CHANNELS_FIRST,
    );
  }),
  // As in tfjs, every cell of a window gets dy divided by all of the window's cells.
  AvgPoolGrad: kernel<AvgPoolGradInputs, AvgPoolAttrs>(({ dy, input }, attributes, tracing) => {
    const { recorder } = tracing;
    const info = infoOf(input, attributes);
    const area = info.filterHeight * info.filterWidth;
    const gradient = inOrder(recorder, dy, CHANNELS_FIRST);
    const shares = recorder.node('Div', [gradient, recorder.number(area)], gradient.dims);
    return permuted(spread(tracing, shares, info), CHANNELS_FIRST);
  }),
};
