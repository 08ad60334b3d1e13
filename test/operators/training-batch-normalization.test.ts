/** BatchNormalization on the statistics of a batch: value, gradient and running statistics, against float64. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { TrainingContext } from '../../src/operators/training/form.ts';
import { floatTensor, intAttr, node } from '../onnx/tiny-model.ts';
import { encoded } from './compiled.ts';
import { floatAttr } from './one-operator.ts';
import { randomSource } from './random.ts';
import { tensor, trainedModel } from './training.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const EPSILON = Math.fround(0.003);
const MOMENTUM = Math.fround(0.8);
const names = ['scale', 'bias', 'mean', 'var'] as const;
type Statistics = Record<(typeof names)[number], number[]>;

/** The definition (Ioffe & Szegedy 2015, algorithm 1) in float64, on x of [batch, channels, cells]. */
function normalized(
  x: readonly number[],
  [batch, channels, cells]: readonly [number, number, number],
  { scale, bias }: { scale: readonly number[]; bias: readonly number[] },
): { y: number[]; mean: number[]; variance: number[] } {
  const of = (c: number): number[] => x.filter((_, i) => Math.floor(i / cells) % channels === c);
  const count = batch * cells;
  const mean = scale.map((_, c) => of(c).reduce((a, b) => a + b) / count);
  const variance = scale.map((_, c) => of(c).reduce((a, b) => a + (b - (mean[c] as number)) ** 2, 0) / count);
  const y = x.map((v, i) => {
    const c = Math.floor(i / cells) % channels;
    const deviation = Math.sqrt((variance[c] as number) + EPSILON);
    return ((scale[c] as number) * (v - (mean[c] as number))) / deviation + (bias[c] as number);
  });
  return { y, mean, variance };
}

const shapes = [
  [4, 3, 2, 5],
  [6, 3],
  [3, 3, 7],
] as const;

describe.each(shapes.map((dims) => [dims.join(' × '), [...dims]] as const))('over %s', (_, dims) => {
  const random = randomSource(dims.length);
  const [batch = 1, channels = 1, ...spatial] = dims;
  const shape = [batch, channels, spatial.reduce((a, b) => a * b, 1)] as const;
  const size = shape[0] * shape[1] * shape[2];
  const x = random.float32s(size).map((v, i) => Math.fround(2 * v + (i % 3)));
  const constants: Statistics = {
    scale: random.float32s(channels),
    bias: random.float32s(channels),
    mean: random.float32s(channels),
    var: random.float32s(channels).map((v) => Math.fround(v * v + 0.1)),
  };
  const model = modelFromBytes(
    encoded({
      nodes: [
        node('BatchNormalization', ['x', ...names], 'y', {
          attribute: [floatAttr('epsilon', EPSILON), floatAttr('momentum', MOMENTUM)],
        }),
      ],
      initializers: names.map((name) => floatTensor(name, [channels], constants[name])),
      dims: [...dims],
      opset: 17,
    }),
  );
  const trained = trainedModel(model, () => [1, 2, 3, 4]);
  const updated = new Map<string, tf.Tensor>();
  const context: TrainingContext = {
    tf,
    statistics: 'batch',
    updateStatistic: (name, value) => {
      updated.set(name, value);
    },
  };
  const state = Object.fromEntries(names.map((name) => [name, tf.tensor1d(constants[name])]));
  const expected = normalized(x, shape, constants);

  it('normalises by mean and biased variance of the batch', () => {
    const y = trained.run(tensor(x, dims), state, context);
    expect(y.shape).toEqual(dims);
    y.dataSync().forEach((v, i) => {
      expect(v).toBeCloseTo(expected.y[i] as number, 4);
    });
  });

  it('reports running = momentum · running + (1 - momentum) · batch', () => {
    trained.run(tensor(x, dims), state, context);
    expect([...updated.keys()]).toEqual(['mean', 'var']);
    for (const [name, of] of [
      ['mean', expected.mean],
      ['var', expected.variance],
    ] as const)
      updated
        .get(name)
        ?.dataSync()
        .forEach((v, c) => {
          const wanted = MOMENTUM * (constants[name][c] as number) + (1 - MOMENTUM) * (of[c] as number);
          expect(v).toBeCloseTo(wanted, 5);
        });
  });

  it('has the gradient of the definition, in input, scale and bias', () => {
    const r = random.float32s(size);
    const [atX, atScale, atBias] = tf.grads((input, scale, bias) => {
      // A tidy inside: the backward pass may only need what it was told to keep.
      const y = tf.tidy(() =>
        trained.run(
          input as tf.Tensor,
          { ...state, scale: scale as tf.Tensor, bias: bias as tf.Tensor },
          { ...context, updateStatistic: () => {} },
        ),
      );
      return tf.sum(tf.mul(y, tensor(r, dims)));
    })([tensor(x, dims), state['scale'] as tf.Tensor, state['bias'] as tf.Tensor]) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const value = (changed: { x?: readonly number[]; scale?: number[]; bias?: number[] }): number =>
      normalized(changed.x ?? x, shape, { ...constants, ...changed }).y.reduce(
        (sum, y, i) => sum + y * (r[i] as number),
        0,
      );
    const h = 1e-5;
    const moved = (values: readonly number[], i: number, t: number): number[] =>
      values.map((v, k) => (k === i ? v + t : v));
    const check = (gradient: tf.Tensor, at: (i: number, t: number) => number) => {
      gradient.dataSync().forEach((g, i) => {
        expect(g).toBeCloseTo((at(i, h) - at(i, -h)) / (2 * h), 3);
      });
    };
    check(atX, (i, t) => value({ x: moved(x, i, t) }));
    check(atScale, (i, t) => value({ scale: moved(constants.scale, i, t) }));
    check(atBias, (i, t) => value({ bias: moved(constants.bias, i, t) }));
  });
});

describe('before operator set 9', () => {
  it('statistics per cell (spatial = 0) are refused by name', () => {
    const model = modelFromBytes(
      encoded({
        nodes: [
          node('BatchNormalization', ['x', ...names], 'y', {
            name: 'bn',
            attribute: [intAttr('spatial', 0)],
          }),
        ],
        initializers: names.map((name) => floatTensor(name, [2], [1, 1])),
        dims: [1, 2],
        opset: 7,
      }),
    );
    expect(() =>
      trainedModel(model).run(tensor([1, 2], [1, 2]), {
        scale: tf.tensor1d([1, 1]),
        bias: tf.tensor1d([0, 0]),
      }),
    ).toThrow(/train refuses BatchNormalization node 'bn'.*spatial = 0/);
  });
});
