/** A network that takes blue, green, red is certified as its twin that takes red, green, blue. */
import { expect, it } from 'vitest';
import { leftHalfBoundAt, probesOf } from '../../src/methods/splitz/left-half.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import type { ChannelOrder } from '../../src/onnx/intake/pixel-layout.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';

const [outputs, channels, kernel] = [4, 3, 9];
const weight = (output: number, channel: number, k: number): number =>
  Math.sin(1 + 7 * output + 3 * channel + 1.3 * k);

/** Convolution, Relu, mean, with the kernels' channels in the given order. */
const network = (order: ChannelOrder) => {
  const values: number[] = [];
  for (let o = 0; o < outputs; o++)
    for (let c = 0; c < channels; c++)
      for (let k = 0; k < kernel; k++) values.push(weight(o, order === 'rgb' ? c : channels - 1 - c, k));
  return tinyModel({
    nodes: [
      node('Conv', ['x', 'w'], 'h', { name: 'conv' }),
      node('Relu', ['h'], 'a', { name: 'relu' }),
      node('GlobalAveragePool', ['a'], 'p'),
      node('Flatten', ['p'], 'y'),
    ],
    initializers: [floatTensor('w', [outputs, channels, 3, 3], values)],
    input: ['N', 3, 6, 6],
    output: ['N', outputs],
  });
};

async function bounded(order: ChannelOrder) {
  const classifier = await prepareClassifier(network(order), undefined, {
    ...{ layout: 'nchw', channelOrder: order, scale: 255, imageShape: [3, 6, 6] },
    mean: order === 'rgb' ? [110, 120, 130] : [130, 120, 110],
  });
  const left = leftHalfBoundAt(classifier, findCut(classifier.cuts, 'relu'), 'secant', 1e-6);
  if (left === null) throw new Error('the cut is behind a convolution');
  const image = Float64Array.from({ length: 108 }, (_, k) => Math.fround(((k * 37) % 101) / 101));
  const evaluation = left.evaluate(image);
  return { latent: evaluation.latent.value, ...left.inputRadius(evaluation, 40, probesOf(1n, 0)) };
}

it('with the same latent and the same radius', async () => {
  const [rgb, bgr] = [await bounded('rgb'), await bounded('bgr')];
  expect(rgb.radius).toBeGreaterThan(0);
  expect(Math.abs(bgr.radius - rgb.radius)).toBeLessThanOrEqual(1e-6 * rgb.radius);
  for (const [k, value] of rgb.latent.entries()) expect(bgr.latent[k]).toBeCloseTo(value, 6);
});
