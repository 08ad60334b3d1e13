/** The left half as regularisers see it: the same maps, row norms and slopes as in the float64 left half. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import type { SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import type { TrainingContext } from '../../src/operators/training/form.ts';
import { trainableNetwork } from '../../src/training/network.ts';
import type { Segment } from '../../src/training/segments.ts';
import { floatTensor, intsAttr, intTensor, node, type Parts, tinyModel } from '../onnx/tiny-model.ts';
import { activationOf, leftHalfOf } from '../operators/compiled.ts';
import { randomSource } from '../operators/random.ts';
import { running, tensor } from '../operators/training.ts';
import { namedValue, stateOf } from './networks.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const random = randomSource(41);
const float = (name: string, dims: number[]): TensorProto =>
  floatTensor(name, dims, random.float32s(sizeOf(dims), 0.5));
const scalar = (name: string, value: number): TensorProto => floatTensor(name, [], [value]);
const padded = { attribute: [intsAttr('pads', [1, 1, 1, 1])] };
const pool = (size: number, stride: number): Partial<NodeProto> => ({
  attribute: [intsAttr('kernel_shape', [size, size]), intsAttr('strides', [stride, stride])],
});

/** x [N,2,5,5] → normalisation, conv, clip, conv, batch norm, relu, flatten, gemm; the chain is cut somewhere. */
const chain: Parts = {
  input: ['N', 2, 5, 5],
  nodes: [
    node('Sub', ['x', 'mean'], 'centred', { name: 'sub' }),
    node('Div', ['centred', 'std'], 'normal', { name: 'div' }),
    node('Conv', ['normal', 'w1', 'b1'], 'z1', { name: 'conv1', ...padded }),
    node('Clip', ['z1', 'low', 'high'], 'a1', { name: 'clip' }),
    node('Conv', ['a1', 'w2'], 'c2', { name: 'conv2' }),
    node('BatchNormalization', ['c2', 's', 't', 'm', 'v'], 'z2', { name: 'bn' }),
    node('Relu', ['z2'], 'a2', { name: 'relu' }),
    node('Reshape', ['a2', 'flat'], 'f', { name: 'flatten' }),
    node('Gemm', ['f', 'w3', 'b3'], 'y', { name: 'fc' }),
  ],
  initializers: [
    floatTensor('mean', [1, 2, 1, 1], [0.4, 0.6]),
    floatTensor('std', [1, 2, 1, 1], [0.2, 0.3]),
    float('w1', [3, 2, 3, 3]),
    float('b1', [3]),
    scalar('low', 0),
    scalar('high', 1),
    float('w2', [4, 3, 2, 2]),
    ...['s', 't', 'm'].map((name) => float(name, [4])),
    floatTensor('v', [4], [0.5, 1, 2, 0.1]),
    intTensor('flat', [0, -1]),
    float('w3', [64, 3]),
    float('b3', [3]),
  ],
};

const opened = (parts: Parts, cut: string) => {
  const model = tinyModel(parts);
  const network = trainableNetwork(model, namedValue(model, cut));
  return { model, network, state: stateOf(network), segments: network.segments() };
};

const closeTo = (actual: ArrayLike<number>, expected: ArrayLike<number>): void => {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const e = expected[i] as number;
    expect(Math.abs((actual[i] as number) - e)).toBeLessThan(1e-5 * (1 + Math.abs(e)));
  }
};

describe('the segments of a chain', () => {
  const dims = [1, 2, 5, 5];
  const { model, network, state, segments } = opened(chain, 'y');
  const half = leftHalfOf(model, dims);
  const x = Float32Array.from(randomSource(2).normals(50), (v) => 0.5 + 0.3 * v);
  const { inputs } = evaluateLeftHalf(half, Float64Array.from(x));
  const inputDims = [dims, [1, 3, 5, 5], [1, 4, 4, 4]];
  const matrices = [...half.steps.map((step) => step.input), half.output].map(
    (form) => form.terms[0]?.matrix as SparseMatrix,
  );

  it('are affine runs with the activation on each, named by their nodes', () => {
    expect(
      segments.map(({ input, affine, activation }) => [input.name, affine.name, activation?.name]),
    ).toEqual([
      ['x', "Sub node 'sub' to Conv node 'conv1'", "Clip node 'clip'"],
      ['a1', "Conv node 'conv2' to BatchNormalization node 'bn'", "Relu node 'relu'"],
      ['a2', "Reshape node 'flatten' to Gemm node 'fc'", undefined],
    ]);
  });

  it('compose to the left half, with the pre-activations of the float64 one', () => {
    let h: tf.Tensor = tensor(x, dims);
    for (const [k, { affine, activation }] of segments.entries()) {
      const z = affine.apply(running, state, h);
      if (k < inputs.length) closeTo(z.dataSync(), inputs[k]?.value ?? []);
      h = activation === null ? z : activation.forward(running, state, z);
    }
    closeTo(h.dataSync(), network.left(running, state, tensor(x, dims)).dataSync());
  });

  it.each([0, 1, 2])('segment %i has the matrix and the squared rows of the float64 one', (k) => {
    const { affine } = segments[k] as Segment;
    const matrix = matrices[k] as SparseMatrix;
    const v = Float32Array.from(randomSource(k).normals(matrix.cols));
    closeTo(
      affine.linear(running, state, tensor(v, inputDims[k] ?? [])).dataSync(),
      matrix.apply(Float64Array.from(v)),
    );
    const positive = v.map(Math.abs);
    const squares = matrix.withValues(matrix.value.map((a) => a * a));
    closeTo(
      affine.squaredRows(running, state, tensor(positive, inputDims[k] ?? [])).dataSync(),
      squares.apply(Float64Array.from(positive)),
    );
  });

  it.each([0, 1])('activation %i has the slopes and the dead zones of the float64 one', (k) => {
    const { activation } = segments[k] as Segment;
    const exact = activationOf(half.steps[k]);
    const z = inputs[k]?.value ?? new Float64Array();
    const shape = [1, ...(inputDims[k + 1] ?? []).slice(1)];
    const reach = Float32Array.from(z, (_, i) => 0.05 + 0.01 * (i % 40));
    const [at, within] = [tensor(z, shape), tensor(reach, shape)];
    closeTo(
      activation?.secantSlope(running, state, at, within).dataSync() ?? [],
      Array.from(z, (value, i) => exact.secant(value, reach[i] as number, 0, i)),
    );
    closeTo(
      activation?.variesWithin(running, state, at, within).dataSync() ?? [],
      Array.from(z, (value, i) => (exact.isConstant(value, reach[i] as number, 0, i) ? 0 : 1)),
    );
  });

  it('take one reach for the whole batch', () => {
    const { activation } = segments[0] as Segment;
    const z = tensor(randomSource(4).normals(150), [2, 3, 5, 5]);
    const slopes = (reach: tf.Tensor): tf.Tensor =>
      tf.sum(activation?.secantSlope(running, state, z, reach) as tf.Tensor);
    const one = tf.fill([1, 3, 5, 5], 0.3);
    const [atOne] = tf.grads((reach) => slopes(reach as tf.Tensor))([one]) as [tf.Tensor];
    const [atEach] = tf.grads((reach) => slopes(reach as tf.Tensor))([tf.tile(one, [2, 1, 1, 1])]) as [
      tf.Tensor,
    ];
    closeTo(atOne.dataSync(), tf.sum(atEach, 0, true).dataSync());
  });

  it('count BatchNormalization with its running statistics while training', () => {
    const batch: TrainingContext = { ...running, statistics: 'batch' };
    const h = tensor(randomSource(6).normals(150), [2, 3, 5, 5]);
    const { affine } = segments[1] as Segment;
    // The context throws on an update.
    closeTo(affine.apply(batch, state, h).dataSync(), affine.apply(running, state, h).dataSync());
  });

  it('pass gradients to weights, normalisation left as it is', () => {
    const { affine } = segments[0] as Segment;
    const [gradient] = tf.grads((w1) =>
      tf.sum(affine.squaredRows(running, { ...state, w1: w1 as tf.Tensor }, tf.ones(dims))),
    )([state['w1'] as tf.Tensor]) as [tf.Tensor];
    // d/dw of sum over outputs of w² times the squared scales it meets: positive where w is.
    const w1 = (state['w1'] as tf.Tensor).dataSync();
    gradient.dataSync().forEach((g, i) => {
      expect(Math.sign(g)).toBe(Math.sign(w1[i] as number));
    });
  });
});

describe('the chain ends', () => {
  const convolutions = (tail: NodeProto[]): Parts => ({
    input: ['N', 1, 6, 6],
    nodes: [node('Conv', ['x', 'w'], 'z', padded), node('Relu', ['z'], 'a'), ...tail],
    initializers: [float('w', [2, 1, 3, 3])],
  });

  it('before a max pool without overlap, which is 1-Lipschitz', () => {
    const { segments } = opened(convolutions([node('MaxPool', ['a'], 'y', pool(2, 2))]), 'y');
    expect(segments).toHaveLength(1);
    expect(segments[0]?.activation?.name).toContain('Relu');
  });

  it('in an affine run, where the cut is before an activation', () => {
    const { segments } = opened(convolutions([node('Neg', ['a'], 'y')]), 'z');
    expect(segments).toHaveLength(1);
    expect(segments[0]?.activation).toBeNull();
  });

  const withActivation = (more: NodeProto[], initializers: TensorProto[] = []): Parts => ({
    ...convolutions(more),
    initializers: [float('w', [2, 1, 3, 3]), ...initializers],
  });
  const cases: [string, Parts, RegExp][] = [
    [
      'an overlapping max pool',
      withActivation([node('MaxPool', ['a'], 'y', { name: 'pool', ...pool(3, 2) })]),
      /train refuses MaxPool node 'pool': regularisers do not know a bound/,
    ],
    [
      'a max pool with layers behind it',
      withActivation([node('MaxPool', ['a'], 'p', { name: 'pool', ...pool(2, 2) }), node('Neg', ['p'], 'y')]),
      /train refuses MaxPool node 'pool'/,
    ],
    [
      'an activation without secant slopes',
      withActivation([node('Sigmoid', ['a'], 'y', { name: 'gate' })]),
      /train refuses Sigmoid node 'gate'/,
    ],
    [
      'a residual connection',
      withActivation(
        [node('Conv', ['a', 'v'], 'c', padded), node('Add', ['c', 'a'], 'y', { name: 'skip' })],
        [float('v', [2, 2, 3, 3])],
      ),
      /train refuses Add node 'skip': it joins two branches/,
    ],
  ];

  it.each(cases)('with a refusal by name at %s', (_, parts, message) => {
    const { network } = (() => {
      const model = tinyModel(parts);
      return { network: trainableNetwork(model, namedValue(model, 'y')) };
    })();
    expect(() => network.segments()).toThrow(message);
  });

  it('row norms of two layers without an activation between them are refused by name', () => {
    const parts = withActivation(
      [node('Conv', ['z', 'v'], 'y', { name: 'second', ...padded })],
      [float('v', [2, 2, 3, 3])],
    );
    const { segments, state } = opened(parts, 'y');
    expect(() => segments[0]?.affine.squaredRows(running, state, tf.ones([1, 1, 6, 6]))).toThrow(
      /train refuses Conv node 'second': Conv node #0 .* comes before it without an activation/,
    );
  });
});
