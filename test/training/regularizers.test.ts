import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileLeftHalf } from '../../src/lipschitz/compile-left-half.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import type { TensorProto } from '../../src/onnx/model/proto.ts';
import { trainableNetwork } from '../../src/training/network.ts';
import { localBound, vectorSegments } from '../../src/training/regularizers.ts';
import { denseColumns, largestSingularValue } from '../lipschitz/dense-svd.ts';
import { floatTensor, intAttr, intsAttr, node, tinyModel } from '../onnx/tiny-model.ts';
import { activationOf } from '../operators/compiled.ts';
import { randomSource } from '../operators/random.ts';

const DIMS = [2, 5, 4];

type Weights = { readonly [name: string]: { readonly dims: number[]; readonly values: number[] } };

/** Normalisation, two convolutions with clips between, as many of them as `depth` says; cut at 'cut'. */
function network(weights: Weights, depth: 1 | 2): Model {
  const padded = [intsAttr('pads', [1, 1, 1, 1])];
  const first = [
    node('Sub', ['x', 'mean'], 'centred'),
    node('Div', ['centred', 'std'], 'scaled'),
    node('Conv', ['scaled', 'w1', 'b1'], 'z1', { attribute: padded }),
  ];
  const nodes =
    depth === 1
      ? [...first, node('Clip', ['z1', 'low', 'high'], 'cut')]
      : [
          ...first,
          node('Clip', ['z1', 'low', 'high'], 'a1'),
          node('Conv', ['a1', 'w2', 'b2'], 'z2', { attribute: [intsAttr('strides', [2, 2]), ...padded] }),
          node('Relu', ['z2'], 'cut'),
        ];
  const constants: TensorProto[] = [
    floatTensor('mean', [1, 2, 1, 1], [0.4, 0.5]),
    floatTensor('std', [1, 2, 1, 1], [0.5, 0.25]),
    floatTensor('low', [], [0]),
    floatTensor('high', [], [0.75]),
  ];
  return tinyModel({
    nodes: [
      ...nodes,
      node('Flatten', ['cut'], 'flat', { attribute: [intAttr('axis', 1)] }),
      node('ReduceSum', ['flat', 'axes'], 'y'),
    ].slice(0, nodes.length + 1),
    initializers: [
      ...constants,
      ...Object.entries(weights).map(([name, { dims, values }]) => floatTensor(name, dims, values)),
    ],
    input: ['N', ...DIMS],
    outputs: [{ name: 'flat', type: { tensorType: { elemType: 1, shape: { dim: [{}, {}] } } } }],
  });
}

function randomWeights(seed: number, depth: 1 | 2): Weights {
  const random = randomSource(seed);
  const tensor = (dims: number[], spread: number) => ({
    dims,
    values: random.float32s(
      dims.reduce((a, b) => a * b, 1),
      spread,
    ),
  });
  return {
    w1: tensor([3, 2, 3, 3], 0.3),
    b1: tensor([3], 0.4),
    ...(depth === 1 ? {} : { w2: tensor([2, 3, 3, 3], 0.3), b2: tensor([2], 0.3) }),
  };
}

/** Π ||I_k W_k I_{k-1}|| or Π ||M_k W_k|| in float64, by dense singular values. */
function reference(
  half: LeftHalf,
  image: Float64Array,
  radius: number,
  kind: 'mask' | 'secant' | 'linear',
): number {
  if (kind === 'linear') return linearReference(half, image, radius);
  const { inputs } = evaluateLeftHalf(half, image);
  let product = 1;
  let before: Float64Array | null = null;
  half.steps.forEach((step, k) => {
    const [term] = step.input.terms;
    if (term === undefined) throw new Error('a chain');
    const activation = activationOf(step);
    const { value: z } = inputs[k] as (typeof inputs)[number];
    const norms = term.matrix.rowNorms();
    const slopes = z.map((v, i) => {
      const reach = radius * product * (norms[i] as number);
      if (activation.isConstant(v, reach, 0, i)) return 0;
      return kind === 'mask' ? 1 : activation.secant(v, reach, 0, i);
    });
    product *= largestSingularValue(denseColumns(term.matrix, slopes, kind === 'mask' ? before : null));
    before = slopes;
  });
  return product;
}

const unitColumns = (size: number): Float64Array[] =>
  Array.from({ length: size }, (_, i) => new Float64Array(size).map((_v, k) => (k === i ? 1 : 0)));

const scaledRows = (columns: readonly Float64Array[], rows: Float64Array): Float64Array[] =>
  columns.map((column) => column.map((v, i) => v * (rows[i] as number)));

/** min(Π ||M_k W_k||, Σ_s ||L_s|| φ_s / r) in float64, with every L_s written out. */
function linearReference(half: LeftHalf, image: Float64Array, radius: number): number {
  const { inputs } = evaluateLeftHalf(half, image);
  const sum = (parts: readonly { columns: Float64Array[]; most: number }[], rows?: Float64Array): number =>
    parts.reduce(
      (all, { columns, most }) =>
        all + most * largestSingularValue(rows === undefined ? columns : scaledRows(columns, rows)),
      0,
    );
  let parts = [{ columns: unitColumns(image.length), most: radius }];
  let product = 1;
  half.steps.forEach((step, k) => {
    const [term] = step.input.terms;
    if (term === undefined) throw new Error('a chain');
    const { value: z } = inputs[k] as (typeof inputs)[number];
    const norms = term.matrix.rowNorms();
    const reach = z.map((_, i) => radius * product * (norms[i] as number));
    const most = z.map((v, i) => activationOf(step).secant(v, reach[i] as number, 0, i));
    const at = (sign: number) => step.nonlinearity.value(z.map((v, i) => v + sign * (reach[i] as number)));
    const [up, here, down] = [at(1), at(0), at(-1)] as [Float64Array, Float64Array, Float64Array];
    const least = z.map((_, i) => Math.min(up[i]! - here[i]!, here[i]! - down[i]!) / (reach[i] as number));
    const before = parts.map((part) => ({
      ...part,
      columns: part.columns.map((column) => term.matrix.apply(column)),
    }));
    const rest = sum(
      before,
      most.map((v, i) => (v - least[i]!) / 2),
    );
    const middle = most.map((v, i) => (v + least[i]!) / 2);
    parts = [
      ...before.map((part) => ({ ...part, columns: scaledRows(part.columns, middle) })),
      { columns: unitColumns(z.length), most: rest },
    ];
    product *= largestSingularValue(denseColumns(term.matrix, most, null));
  });
  return Math.min(product, sum(parts) / radius);
}

function halfOf(weights: Weights, depth: 1 | 2): LeftHalf {
  const { graph } = network(weights, depth);
  return compileLeftHalf(graph.inputs[0]!, [1, ...DIMS], graph.values.get('cut')!);
}

/** `value` with a gradient of 0 in every tensor it does not depend on (a mask bound knows no bias). */
const untouched = (tensors: readonly tf.Tensor[], value: tf.Scalar): tf.Scalar =>
  tf.addN([value, ...tensors.map((t) => tf.mul(tf.sum(t), 0))]) as tf.Scalar;

const BATCH = 3;
const images = (() => {
  const random = randomSource(7);
  return Float32Array.from({ length: BATCH * 40 }, () => random.uniform(0, 1));
})();
const imageOf = (k: number): Float64Array => Float64Array.from(images.subarray(40 * k, 40 * (k + 1)));

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each([
  ['mask', 1],
  ['mask', 2],
  ['secant', 1],
  ['secant', 2],
  ['linear', 1],
  ['linear', 2],
] as const)('the %s bound of %i segments in training', (kind, depth) => {
  const weights = randomWeights(8, depth);
  const radius = 0.4;
  const model = network(weights, depth);
  const net = trainableNetwork(model, model.graph.values.get('cut')!);
  const segments = net.segments();
  const names = Object.keys(weights);
  const bound = (...values: tf.Tensor[]): ReturnType<typeof localBound> => {
    const state = Object.fromEntries(names.map((name, k) => [name, values[k] as tf.Tensor]));
    const context = { tf, statistics: 'batch' as const, updateStatistic: () => undefined };
    const warm = vectorSegments(kind, segments).map((k) =>
      tf.randomUniform([BATCH, ...(k === 0 ? DIMS : [3, 5, 4])], 0.5, 1.5, 'float32', 5),
    );
    const x = tf.tensor(images, [BATCH, ...DIMS]);
    return localBound(
      kind,
      segments,
      context,
      state,
      x,
      tf.scalar(radius),
      warm,
      kind === 'linear' ? 100 : 200,
    );
  };
  const tensors = (): tf.Tensor[] =>
    names.map((name) =>
      tf.tensor((weights[name] as Weights[string]).values, (weights[name] as Weights[string]).dims),
    );

  it('is, image by image, the bound in float64 with dense singular values', () => {
    const actual = tf.tidy(() => bound(...tensors()).lipschitz.dataSync());
    const half = halfOf(weights, depth);
    for (let k = 0; k < BATCH; k++)
      expect((actual[k] as number) / reference(half, imageOf(k), radius, kind)).toBeCloseTo(1, 4);
  });

  it('has the gradient that finite differences find in float64', () => {
    const { grads } = tf.valueAndGrads((...values: tf.Tensor[]) =>
      untouched(values, tf.sum(bound(...values).lipschitz)),
    )(tensors());
    const total = (changed: Weights): number => {
      const half = halfOf(changed, depth);
      return [0, 1, 2].reduce((sum, k) => sum + reference(half, imageOf(k), radius, kind), 0);
    };
    const step = 2 ** -13;
    names.forEach((name, n) => {
      const { dims, values } = weights[name] as Weights[string];
      const gradient = (grads[n] as tf.Tensor).dataSync();
      const scale = Math.max(0.1, ...Array.from(gradient, Math.abs));
      for (let i = 0; i < values.length; i += kind === 'linear' ? 17 : 6) {
        const at = (sign: number): [number, number] => {
          const moved = values.map((v, j) => (j === i ? Math.fround(v + sign * step) : v));
          return [moved[i] as number, total({ ...weights, [name]: { dims, values: moved } })];
        };
        const [[up, above], [down, below]] = [at(1), at(-1)];
        expect((gradient[i] as number) / scale).toBeCloseTo((above - below) / (up - down) / scale, 2);
      }
    });
  });
});

describe('the linear bound of two segments in training', () => {
  it('is smaller than the secant bound, by what the product of norms does not see', () => {
    const half = halfOf(randomWeights(8, 2), 2);
    for (let k = 0; k < BATCH; k++)
      expect(reference(half, imageOf(k), 0.1, 'linear')).toBeLessThan(
        0.9 * reference(half, imageOf(k), 0.1, 'secant'),
      );
  });
});

describe('where nothing can move', () => {
  it('the bound is 0, its gradient finite, and the start vector survives', () => {
    const weights = randomWeights(3, 1);
    const off: Weights = { ...weights, b1: { dims: [3], values: [-50, -50, -50] } };
    const model = network(off, 1);
    const net = trainableNetwork(model, model.graph.values.get('cut')!);
    const context = { tf, statistics: 'batch' as const, updateStatistic: () => undefined };
    const x = tf.tensor(images, [BATCH, ...DIMS]);
    const kernel = tf.tensor((off.w1 as Weights[string]).values, [3, 2, 3, 3]);
    for (const kind of ['mask', 'secant', 'linear'] as const) {
      const run = (w1: tf.Tensor) =>
        localBound(
          kind,
          net.segments(),
          context,
          { w1, b1: tf.tensor([-50, -50, -50]) },
          x,
          tf.scalar(0.5),
          vectorSegments(kind, net.segments()).map(() => tf.ones([BATCH, ...DIMS])),
          5,
        );
      const { lipschitz, vectors } = run(kernel);
      for (const value of lipschitz.dataSync()) expect(value).toBeLessThan(1e-9);
      expect(tf.sum(tf.square(vectors[0] as tf.Tensor)).dataSync()[0]).toBeCloseTo(BATCH, 3);
      const gradient = tf
        .grad((w1) => tf.sum(run(w1).lipschitz))(kernel)
        .dataSync();
      for (const value of gradient) expect(Math.abs(value)).toBeLessThan(1e-3);
    }
  });
});
