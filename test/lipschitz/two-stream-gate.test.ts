/** The left half of a gate of two streams: no larger in memory than its kernels, and nothing is proved that no bound uses. */
import { expect, it } from 'vitest';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { ConvolutionMap } from '../../src/operators/algebra/convolution-map.ts';
import { leftHalfOf } from '../operators/compiled.ts';
import { randomSource } from '../operators/random.ts';
import { encodedGate } from './two-stream-gate.ts';

const DIMS = [1, 3, 64, 64];
const half = (channels: number) =>
  leftHalfOf(modelFromBytes(encodedGate({ channels, side: 64 })), DIMS, 'gated');

it('keeps both streams as convolutions, and draws no probe for norms that no ball uses', () => {
  const gate = half(10);
  const streams = gate.steps.slice(0, 2).map(({ input }) => input.terms[0]?.matrix);
  expect(streams.map((matrix) => matrix instanceof ConvolutionMap)).toEqual([true, true]);
  const bound = createLeftHalfBound(gate, 'secant', 1e-6);
  let probes = 0;
  const counted = (size: number): Float64Array => {
    probes++;
    return randomSource(1).normals(size);
  };
  expect(bound.globalLipschitz(counted)).toBe(Number.POSITIVE_INFINITY);
  expect(probes).toBe(0);
});

it('counts the products of both streams together', () => {
  // 5 million multiplications each.
  expect(createLeftHalfBound(half(46), 'secant', 1e-6).costly).toBe(true);
  expect(createLeftHalfBound(half(16), 'secant', 1e-6).costly).toBe(false);
});

it('has a bound that random points of the ball stay below', () => {
  const gate = half(10);
  const random = randomSource(2);
  const image = Float64Array.from({ length: 3 * 64 * 64 }, () => random.uniform(0, 1));
  const bound = createLeftHalfBound(gate, 'secant', 1e-6);
  const centre = evaluateLeftHalf(gate, image);
  const radius = 0.05;
  const D = bound.displacementAt(centre, radius, randomSource(3).normals);
  for (let k = 0; k < 5; k++) {
    const direction = random.normals(image.length);
    const length = Math.hypot(...direction);
    const point = image.map((pixel, i) => pixel + (0.999 * radius * direction[i]!) / length);
    const { value } = evaluateLeftHalf(gate, point).latent;
    const moved = Math.hypot(...value.map((v, i) => v - centre.latent.value[i]!));
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(D);
  }
});
