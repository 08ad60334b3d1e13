/** Secant slopes and dead zones in TensorFlow.js, against the float64 activations that certificates use. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Activation } from '../../src/operators/nonlinear/activation.ts';
import { floatTensor, node } from '../onnx/tiny-model.ts';
import { activationOf, compiled, encoded } from './compiled.ts';
import { floatAttr, type OneOperator } from './one-operator.ts';
import { type Random, randomSource } from './random.ts';
import { running, tensor, trainedModel } from './training.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SIZE = 400;
const dims = [1, SIZE];

const one = (
  type: string,
  attributes: Record<string, number>,
  inputs: Record<string, readonly number[]> = {},
  opset = 17,
): OneOperator => ({
  nodes: [
    node(type, ['x', ...Object.keys(inputs)], 'y', {
      attribute: Object.entries(attributes).map(([name, value]) => floatAttr(name, value)),
    }),
  ],
  initializers: Object.entries(inputs).map(([name, v]) =>
    floatTensor(name, v.length === 1 ? [] : [v.length], v),
  ),
  dims,
  opset,
});

const slopes = randomSource(3).float32s(SIZE);

const cases: Record<string, { model: OneOperator; kinks: number[] }> = {
  Relu: { model: one('Relu', {}), kinks: [0] },
  'LeakyRelu 0.1': { model: one('LeakyRelu', { alpha: 0.1 }), kinks: [0] },
  'LeakyRelu -0.7': { model: one('LeakyRelu', { alpha: -0.7 }), kinks: [0] },
  'LeakyRelu 3': { model: one('LeakyRelu', { alpha: 3 }), kinks: [0] },
  'LeakyRelu 0': { model: one('LeakyRelu', { alpha: 0 }), kinks: [0] },
  PRelu: { model: one('PRelu', {}, { slope: slopes }), kinks: [0] },
  'Clip [0, 1]': { model: one('Clip', {}, { low: [0], high: [1] }), kinks: [0, 1] },
  'Clip [0.25, 0.5], by attributes': {
    model: one('Clip', { min: 0.25, max: 0.5 }, {}, 9),
    kinks: [0.25, 0.5],
  },
  'Clip [-0.5, inf)': { model: one('Clip', {}, { low: [-0.5] }), kinks: [-0.5] },
};

function compiledActivation(model: OneOperator): Activation {
  return activationOf(compiled(model).steps[0]);
}

/** The forms' secant slope and mask, as functions of z and reach and of the trained weights, if any. */
function formsOf(model: OneOperator, weights: { [name: string]: tf.Tensor } = {}) {
  const names = new Set(Object.keys(weights));
  const trained = trainedModel(modelFromBytes(encoded(model)), (n) =>
    n.inputs.flatMap((value, position) => (value !== null && names.has(value.name) ? [position] : [])),
  );
  const through =
    (method: 'secantSlope' | 'variesWithin') =>
    (z: tf.Tensor, reach: tf.Tensor, state: { [name: string]: tf.Tensor } = weights): tf.Tensor =>
      trained.run(z, state, running, (form, n, operands, context) => {
        const found = form[method];
        if (found === undefined) throw new Error(`no ${method}`);
        return found(n, operands, context, z, reach);
      });
  return { secantSlope: through('secantSlope'), variesWithin: through('variesWithin') };
}

/** Centres and reaches on both sides of every kink, near and far, in float32, none of them within 1e-3 of a tie. */
function samples(random: Random, kinks: readonly number[]): { z: Float32Array; reach: Float32Array } {
  const z = new Float32Array(SIZE);
  const reach = new Float32Array(SIZE);
  for (let i = 0; i < SIZE; ) {
    z[i] = random.pick(kinks) + random.pick([0.1, 1, 5]) * random.normal();
    reach[i] = random.pick([0.02, 0.3, 1, 4]) * random.uniform(0.5, 1.5);
    const [centre, ball] = [z[i] as number, reach[i] as number];
    const tie = kinks.some((kink) => {
      const distance = Math.abs(kink - centre);
      return distance < 1e-3 || Math.abs(distance - ball) < 1e-3;
    });
    if (!tie) i++;
  }
  return { z, reach };
}

describe.each(Object.entries(cases))('%s', (_, { model, kinks }) => {
  const phi = compiledActivation(model);
  const forms = formsOf(model);
  const { z, reach } = samples(randomSource(17), kinks);
  const secants = (atZ: ArrayLike<number>, atReach: ArrayLike<number>): number[] =>
    Array.from(atZ, (value, i) => phi.secant(value, atReach[i] as number, 0, i));

  it('has the secant slopes of the certificates', () => {
    const ours = forms.secantSlope(tensor(z, dims), tensor(reach, dims)).dataSync();
    const theirs = secants(z, reach);
    for (let i = 0; i < SIZE; i++)
      expect(Math.abs((ours[i] as number) - (theirs[i] as number))).toBeLessThan(1e-5);
    expect(new Set(theirs.map((m) => m.toFixed(6))).size).toBeGreaterThan(1);
  });

  it('has their dead zones', () => {
    const ours = forms.variesWithin(tensor(z, dims), tensor(reach, dims)).dataSync();
    const theirs = Array.from(z, (value, i) => (phi.isConstant(value, reach[i] as number, 0, i) ? 0 : 1));
    // A trained slope of PRelu is never taken to be 0, and none of these is.
    expect(Array.from(ours)).toEqual(theirs);
  });

  it('has their gradient in the centre and in the reach', () => {
    const [atZ, atReach] = tf.grads((a, b) => tf.sum(forms.secantSlope(a as tf.Tensor, b as tf.Tensor)))([
      tensor(z, dims),
      tensor(reach, dims),
    ]) as [tf.Tensor, tf.Tensor];
    const h = 1e-6;
    const difference = (dz: number, dr: number): number[] => {
      const up = secants(
        z.map((v) => v).length ? Array.from(z, (v) => v + dz) : [],
        Array.from(reach, (v) => v + dr),
      );
      const down = secants(
        Array.from(z, (v) => v - dz),
        Array.from(reach, (v) => v - dr),
      );
      return up.map((u, i) => (u - (down[i] as number)) / (2 * h));
    };
    for (const [gradient, expected] of [
      [atZ.dataSync(), difference(h, 0)],
      [atReach.dataSync(), difference(0, h)],
    ] as const)
      for (let i = 0; i < SIZE; i++) {
        const e = expected[i] as number;
        expect(Math.abs((gradient[i] as number) - e), `z ${z[i]}, reach ${reach[i]}`).toBeLessThan(
          1e-3 * (1 + Math.abs(e)),
        );
      }
  });

  it('stays finite, value and gradient, at the kinks, far from them and for tiny reaches', () => {
    const centres = [...kinks, ...kinks.map((k) => k + 1e-7), ...kinks.map((k) => k - 1e-7), 1e6, -1e6, 0];
    for (const ball of [1e-30, 1e-12, 1e-6, 1, 1e6]) {
      const at = tensor(
        Array.from({ length: SIZE }, (_unused, i) => centres[i % centres.length] as number),
        dims,
      );
      const balls = tf.fill(dims, ball);
      const values = forms.secantSlope(at, balls).dataSync();
      expect(values.every(Number.isFinite)).toBe(true);
      const gradients = tf.grads((a, b) => tf.sum(forms.secantSlope(a as tf.Tensor, b as tf.Tensor)))([
        at,
        balls,
      ]);
      for (const gradient of gradients) expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
    }
  });
});

describe('a trained limit of Clip', () => {
  const limit = 0.7;
  const model = (high: number): OneOperator => one('Clip', {}, { low: [0], high: [high] });
  const forms = formsOf(model(limit), { high: tf.scalar(limit) });
  const random = randomSource(23);
  const { z, reach } = samples(random, [0, limit]);
  const r = random.normals(SIZE);

  it('gets the gradient of the clipped value', () => {
    const trained = trainedModel(modelFromBytes(encoded(model(limit))), () => [2]);
    const [gradient] = tf.grads((high) =>
      tf.sum(tf.mul(trained.run(tensor(z, dims), { high: high as tf.Tensor }), tensor(r, dims))),
    )([tf.scalar(limit)]) as [tf.Tensor];
    const expected = Array.from(z, (v, i) => (v > limit ? (r[i] as number) : 0)).reduce((a, b) => a + b);
    expect(gradient.shape).toEqual([]);
    expect(gradient.dataSync()[0]).toBeCloseTo(expected, 4);
  });

  it('gets the gradient of the secant slopes', () => {
    const [gradient] = tf.grads((high) =>
      tf.sum(
        tf.mul(
          forms.secantSlope(tensor(z, dims), tensor(reach, dims), { high: high as tf.Tensor }),
          tensor(r, dims),
        ),
      ),
    )([tf.scalar(limit)]) as [tf.Tensor];
    // The float64 side reads its limits from the file, in float32.
    const h = 2 ** -12;
    const value = (high: number): number => {
      const phi = compiledActivation(model(high));
      return r.reduce((sum, w, i) => sum + w * phi.secant(z[i] as number, reach[i] as number, 0, i), 0);
    };
    const [up, down] = [Math.fround(limit + h), Math.fround(limit - h)];
    const expected = (value(up) - value(down)) / (up - down);
    expect(Math.abs((gradient.dataSync()[0] as number) - expected)).toBeLessThan(1e-2 * Math.abs(expected));
  });
});
