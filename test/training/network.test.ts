/** An ONNX file as a TensorFlow.js function: the scores of ONNX Runtime, the gradients of float64, refusals by name. */
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelRefused, type SplitzError } from '../../src/ground/errors.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { loadModel, modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import { AttributeType } from '../../src/onnx/model/proto.ts';
import { checkRows, relativeDifference } from '../../src/onnx/runtime/check-rows.ts';
import type { TrainingContext } from '../../src/operators/training/form.ts';
import { trainableNetwork } from '../../src/training/network.ts';
import { writeBack } from '../../src/training/parameters.ts';
import type { HostTensor } from '../../src/training/program.ts';
import { modelFiles, noShared, titled } from '../onnx/shared.ts';
import {
  floatTensor,
  intAttr,
  intsAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  tinyProto,
  twoLayers,
  weights,
} from '../onnx/tiny-model.ts';
import { leftHalfOf } from '../operators/compiled.ts';
import { randomSource } from '../operators/random.ts';
import { running, tensor } from '../operators/training.ts';
import { images, namedValue, runtimeScores, scores, scoresOf, stateOf, tensorOf } from './networks.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const folder = fileURLToPath(new URL('../../models', import.meta.url));
const shipped = readdirSync(folder)
  .filter((file) => file.endsWith('.onnx') && !file.startsWith('denoiser'))
  .map((file) => `${folder}/${file}`);

/** Files that are not classifiers of float32 images, and in which words they are refused. */
const refused: Record<string, RegExp> = {
  'squeezenet10_fp16_ir3_op7.onnx': /train refuses Softmax node/,
};

/** The input, the first cut behind it and one in the middle: pure JavaScript is slow on the deep ones. */
function someCuts<T>(cuts: readonly T[]): T[] {
  const at = [0, 1, Math.floor(cuts.length / 2)];
  return [...new Set(at)].flatMap((k) => cuts[k] ?? []);
}

/** As `train` prepares it: tensors are written back by the names of the file. */
const prepared = (model: Model) => prepareClassifier(model, undefined, null, undefined, 'as delivered');

async function compare(path: string): Promise<void> {
  const { model, inputDims, cuts } = await prepared(await loadModel(path));
  const rowDims = inputDims.slice(1);
  const rows = checkRows(2, sizeOf(rowDims));
  const expected = await runtimeScores(model, rows, rowDims);
  for (const cut of someCuts(cuts.cuts)) {
    const network = trainableNetwork(model, cut.value);
    const state = stateOf(network);
    tf.tidy(() => {
      const latent = network.left(running, state, images(rows, rowDims));
      expect(latent.shape).toEqual([2, ...cut.dims.slice(1)]);
      const actual = scoresOf(network, network.right(running, state, latent)).dataSync();
      expect(relativeDifference(expected, Float32Array.from(actual)), cut.name).toBeLessThan(1e-5);
    });
  }
}

/** The file with every trained tensor changed a little, run by ONNX Runtime and by us. */
async function compareChanged(path: string): Promise<void> {
  const source = await loadModel(path);
  const { model, inputDims, cuts } = await prepared(source);
  const rowDims = inputDims.slice(1);
  const rows = checkRows(2, sizeOf(rowDims));
  const network = trainableNetwork(model, (cuts.cuts[1] ?? cuts.cuts[0])?.value ?? namedValue(model, ''));
  const random = randomSource(5);
  const changed = new Map(
    [...network.parameters, ...network.statistics].map(([name, { dims, values }]): [string, HostTensor] => [
      name,
      { dims, values: values.map((v) => Math.fround(v * random.uniform(0.8, 1.2))) },
    ]),
  );
  const state = Object.fromEntries([...changed].map(([name, host]) => [name, tensorOf(host)]));
  const ours = scores(network, state, images(rows, rowDims));
  const before = await runtimeScores(model, rows, rowDims);
  expect(relativeDifference(before, ours)).toBeGreaterThan(1e-3);

  // Into the file as it was loaded: what makes it a classifier for us is not written.
  const written = writeBack(source.proto, changed);
  expect(written.graph?.input).toBe(source.proto.graph?.input);
  expect(written.graph?.output).toBe(source.proto.graph?.output);
  const again = await prepared(modelFromBytes(encodeModel(written), basename(path)));
  const theirs = await runtimeScores(again.model, rows, rowDims);
  expect(relativeDifference(theirs, ours)).toBeLessThan(1e-5);
}

for (const [title, files, skipped] of [
  ['shipped models', shipped, null],
  [titled('real models'), modelFiles('real'), noShared],
  [titled('noise-trained models'), modelFiles('noise-trained'), noShared],
  [titled('the exports of one network'), modelFiles('one-network-many-exports'), noShared],
] as const) {
  describe.skipIf(skipped !== null)(title, () => {
    it.skipIf(skipped !== null)('has files to compare', () => expect(files.length).toBeGreaterThan(0));
    const listed = files.map((file) => [basename(file), file] as const);

    it.each(listed)(
      '%s gives ONNX Runtime’s scores wherever it is cut, or is refused in words',
      async (name, path) => {
        const outcome = refused[name];
        const error: unknown = await compare(path).then(
          () => null,
          (e: unknown) => e,
        );
        if (outcome === undefined && error !== null) throw error;
        if (outcome !== undefined) expect((error as SplitzError).message).toMatch(outcome);
      },
    );

    it.each(listed.filter(([name]) => refused[name] === undefined))(
      '%s with other weights written back gives our scores for them, behind the same interface',
      (_name, path) => compareChanged(path),
    );
  });
}

/** x [N,2,6,6] → residual network with normalisation, bias, BatchNormalization, Shape arithmetic → y [N,3]. */
function residual(): Parts {
  const random = randomSource(8);
  const float = (name: string, dims: number[], spread = 0.5): TensorProto =>
    floatTensor(name, dims, random.float32s(sizeOf(dims), spread));
  const positive = (name: string, dims: number[]): TensorProto =>
    floatTensor(
      name,
      dims,
      random.float32s(sizeOf(dims)).map((v) => Math.fround(v * v + 0.2)),
    );
  return {
    input: ['N', 2, 6, 6],
    nodes: [
      node('Sub', ['x', 'mean'], 'centred'),
      node('Div', ['centred', 'std'], 'normal'),
      node('Conv', ['normal', 'w1', 'b1'], 'c1', { attribute: [intsAttr('pads', [1, 1, 1, 1])] }),
      node('BatchNormalization', ['c1', 'g1', 'h1', 'm1', 'v1'], 'n1'),
      node('LeakyRelu', ['n1'], 'a1'),
      node('Conv', ['a1', 'w2'], 'c2', { attribute: [intsAttr('pads', [1, 1, 1, 1])] }),
      node('Identity', ['m1'], 'm2'),
      node('BatchNormalization', ['c2', 'g1', 'h2', 'm2b', 'v2'], 'n2'),
      node('Add', ['n2', 'a1'], 'r'),
      node('Elu', ['r'], 'a2'),
      node('AveragePool', ['a2'], 'p', {
        attribute: [intsAttr('kernel_shape', [2, 2]), intsAttr('strides', [2, 2])],
      }),
      node('Shape', ['p'], 's'),
      node('Gather', ['s', 'zero'], 'n'),
      node('Unsqueeze', ['n', 'axis'], 'n0'),
      node('Concat', ['n0', 'rest'], 'target', { attribute: [intAttr('axis', 0)] }),
      node('Reshape', ['p', 'target'], 'f'),
      node('Transpose', ['w3'], 'w3t'),
      node('MatMul', ['f', 'w3t'], 'z'),
      node('Add', ['b3', 'z'], 'y'),
    ].filter((n) => n.output?.[0] !== 'm2'),
    initializers: [
      float('mean', [1, 2, 1, 1]),
      positive('std', [1, 2, 1, 1]),
      float('w1', [4, 2, 3, 3]),
      float('b1', [4]),
      ...['g1', 'h1', 'm1', 'h2', 'm2b'].map((name) => float(name, [4])),
      positive('v1', [4]),
      positive('v2', [4]),
      float('w2', [4, 4, 3, 3], 0.3),
      { name: 'zero', dataType: DataType.INT64, dims: [], int64Data: [0] },
      intTensor('axis', [0]),
      intTensor('rest', [-1]),
      float('w3', [3, 36], 0.3),
      float('b3', [3]),
    ],
  };
}

describe('the trained tensors', () => {
  const network = (parts: Parts, cut: string) => {
    const model = tinyModel(parts);
    return trainableNetwork(model, namedValue(model, cut));
  };

  it('are the weights by their names in the file, without normalisation', () => {
    const { parameters, statistics, leftNames, limits, ending } = network(residual(), 'a1');
    // g1 scales both normalisations: it is trained once.
    expect([...parameters.keys()]).toEqual(['w1', 'b1', 'g1', 'h1', 'w2', 'h2', 'w3', 'b3']);
    expect([...statistics.keys()]).toEqual(['m1', 'v1', 'm2b', 'v2']);
    expect([...leftNames]).toEqual(['w1', 'b1', 'g1', 'h1', 'm1', 'v1']);
    expect(parameters.get('w1')?.dims).toEqual([4, 2, 3, 3]);
    expect([limits.size, ending]).toEqual([0, null]);
  });

  it('at the cut ‘input’ are all right of it, and the latent is the image', () => {
    const model = tinyModel(twoLayers);
    const atInput = trainableNetwork(model, namedValue(model, 'x'));
    expect(atInput.leftNames.size).toBe(0);
    expect(atInput.segments()).toEqual([]);
    const x = tf.ones([2, 4]);
    expect(atInput.left(running, {}, x)).toBe(x);
  });

  it('may reach their layer through Identity, Transpose and Reshape, or stand in Constant nodes', async () => {
    const t = weights('', [3, 4]);
    const parts: Parts = {
      nodes: [
        node('Constant', [], 'w', { attribute: [{ name: 'value', type: AttributeType.TENSOR, t }] }),
        node('Identity', ['w'], 'same'),
        node('Transpose', ['same'], 'turned'),
        node('MatMul', ['x', 'turned'], 'z'),
        node('Reshape', ['b', 'shape'], 'row'),
        node('Add', ['z', 'row'], 'y'),
      ],
      initializers: [weights('b', [3]), intTensor('shape', [1, 3])],
    };
    const model = tinyModel(parts);
    const found = trainableNetwork(model, namedValue(model, 'z'));
    expect([...found.parameters].map(([name, { dims }]) => [name, dims])).toEqual([
      ['w', [3, 4]],
      ['b', [3]],
    ]);
    expect([...found.leftNames]).toEqual(['w']);
    const changed = new Map(
      [...found.parameters].map(([name, { dims, values }]) => [
        name,
        { dims, values: values.map((v) => 2 * v) },
      ]),
    );
    const rows = checkRows(2, 4);
    const state = Object.fromEntries([...changed].map(([name, host]) => [name, tensorOf(host)]));
    const ours = scores(found, state, images(rows, [4]));
    const theirs = await runtimeScores(encodeModel(writeBack(model.proto, changed)), rows, [4]);
    expect(relativeDifference(theirs, ours)).toBeLessThan(1e-6);
  });
});

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, v, i) => sum + v * (b[i] as number), 0);

describe('the gradient of a whole network', () => {
  it('is that of its float64 value, in images and weights', () => {
    const parts = residual();
    const dims = [1, 2, 6, 6];
    const random = randomSource(31);
    const x = Float32Array.from(random.normals(72));
    const r = random.normals(3);
    const valueAt = (initializers: readonly TensorProto[], at: Float64Array): number => {
      const half = leftHalfOf(tinyModel({ ...parts, initializers: [...initializers] }), dims);
      return evaluateLeftHalf(half, at).latent.value.reduce((sum, y, i) => sum + y * (r[i] as number), 0);
    };
    const model = tinyModel(parts);
    const network = trainableNetwork(model, namedValue(model, 'a1'));
    const state = stateOf(network);
    const names = [...network.parameters.keys()];
    const [atX, ...atWeights] = tf.grads((input, ...values) => {
      const now = { ...state, ...Object.fromEntries(names.map((name, k) => [name, values[k] as tf.Tensor])) };
      const y = network.right(running, now, network.left(running, now, input as tf.Tensor));
      return tf.sum(tf.mul(y, tensor(r, [1, 3])));
    })([tensor(x, dims), ...names.map((name) => state[name] as tf.Tensor)]) as [tf.Tensor, ...tf.Tensor[]];

    const initializers = parts.initializers as TensorProto[];
    const exact = Float64Array.from(x);
    const along = random.normals(72);
    const step = (t: number): number =>
      valueAt(
        initializers,
        exact.map((v, i) => v + t * (along[i] as number)),
      );
    const slope = dot(atX.dataSync(), along);
    expect(slope).toBeCloseTo((step(1e-6) - step(-1e-6)) / 2e-6, 3);

    for (const [k, name] of names.entries()) {
      const { dims: shape, values } = network.parameters.get(name) as HostTensor;
      const direction = random.normals(values.length);
      // float32 weights: the step that was really made counts.
      const moved = (t: number): Float32Array => values.map((v, i) => v + t * (direction[i] as number));
      const [up, down] = [moved(1e-4), moved(-1e-4)];
      const at = (w: Float32Array): number =>
        valueAt(
          initializers.map((t) => (t.name === name ? floatTensor(name, [...shape], [...w]) : t)),
          exact,
        );
      const steps = up.map((v, i) => v - (down[i] as number));
      const predicted = dot((atWeights[k] as tf.Tensor).dataSync(), steps);
      const risen = at(up) - at(down);
      expect(Math.abs(predicted - risen), name).toBeLessThan(1e-3 * Math.abs(risen) + 1e-7);
    }
  });
});

describe('batch statistics', () => {
  it('are reported under the names of the running ones, by both halves; validation changes nothing', () => {
    const model = tinyModel(residual());
    const network = trainableNetwork(model, namedValue(model, 'a1'));
    const state = stateOf(network);
    const updated = new Map<string, tf.Tensor>();
    const context: TrainingContext = {
      tf,
      statistics: 'batch',
      updateStatistic: (name, value) => updated.set(name, value),
    };
    const x = tf.randomNormal([5, 2, 6, 6], 0, 1, 'float32', 3);
    scores(network, state, x, context);
    expect([...updated].map(([name]) => name).sort()).toEqual([...network.statistics.keys()].sort());
    // The context used everywhere else throws on an update.
    scores(network, state, x);
  });

  it('that reach their node through Identity keep their name', () => {
    const model = tinyModel({
      input: ['N', 3],
      nodes: [node('Identity', ['m'], 'mean'), node('BatchNormalization', ['x', 's', 's', 'mean', 'v'], 'y')],
      initializers: ['s', 'm', 'v'].map((name) => floatTensor(name, [3], [1, 1, 1])),
    });
    const network = trainableNetwork(model, namedValue(model, 'x'));
    expect([...network.statistics.keys()]).toEqual(['m', 'v']);
    const updated: string[] = [];
    const context: TrainingContext = {
      tf,
      statistics: 'batch',
      updateStatistic: (name) => updated.push(name),
    };
    network.right(context, stateOf(network), tf.randomNormal([4, 3], 0, 1, 'float32', 3));
    expect(updated).toEqual(['m', 'v']);
  });
});

describe('a file that ends with', () => {
  it.each([
    ['Softmax', 17, [], ['N', 3]],
    ['LogSoftmax', 17, [intAttr('axis', 1)], ['N', 3]],
    ['Softmax', 11, [], ['N', 3]],
    ['Softmax', 11, [], ['N', 3, 1, 1]],
  ] as const)(
    '%s of opset %i gives logits: its scores are that of them',
    async (type, opset, attribute, output) => {
      const wide = output.length > 2;
      const model = tinyModel({
        opset,
        output,
        nodes: [
          node('Gemm', ['x', 'w'], 'z'),
          ...(wide ? [node('Unsqueeze', ['z'], 'z4', { attribute: [intsAttr('axes', [2, 3])] })] : []),
          node(type, [wide ? 'z4' : 'z'], 'p', { attribute: [...attribute] }),
          node('Identity', ['p'], 'y'),
        ],
        initializers: [weights('w', [4, 3])],
      });
      const network = trainableNetwork(model, namedValue(model, 'x'));
      expect(network.ending).toBe(type);
      const rows = checkRows(2, 4);
      const logits = network.right(running, stateOf(network), images(rows, [4]));
      expect(logits.shape).toEqual([2, 3]);
      const theirs = await runtimeScores(model, rows, [4]);
      expect(relativeDifference(theirs, scores(network, stateOf(network), images(rows, [4])))).toBeLessThan(
        1e-6,
      );
    },
  );
});

describe('training refuses, naming the node,', () => {
  const dense = (more: NodeProto[], initializers: TensorProto[] = [], opset = 17): Parts => ({
    opset,
    nodes: more,
    initializers: [weights('w', [4, 3]), ...initializers],
  });
  const bytes = (values: Float64Array): Uint8Array => new Uint8Array(values.buffer);
  const batchNorm = (input: string, output: string): NodeProto =>
    node('BatchNormalization', [input, 's', 's', 'm', 'v'], output, { name: output });
  const cases: [string, Parts, RegExp][] = [
    [
      'an operator without gradient',
      dense([node('Gemm', ['x', 'w'], 'z'), node('HardSwish', ['z'], 'y', { name: 'gate' })]),
      /train refuses HardSwish node 'gate': it has no gradient/,
    ],
    [
      'a softmax that is not the end',
      dense([
        node('Gemm', ['x', 'w'], 'z'),
        node('Softmax', ['z'], 'p', { name: 'soft' }),
        node('Neg', ['p'], 'y'),
      ]),
      /train refuses Softmax node 'soft'/,
    ],
    [
      'weights in float64',
      {
        nodes: [
          node('Cast', ['w64'], 'w', { attribute: [intAttr('to', 1)] }),
          node('Gemm', ['x', 'w'], 'y', { name: 'fc' }),
        ],
        initializers: [
          { name: 'w64', dataType: DataType.DOUBLE, dims: [4, 3], rawData: bytes(new Float64Array(12)) },
        ],
      },
      /train refuses Gemm node 'fc': its weight 'w' is computed by Cast/,
    ],
    [
      'a weight that is computed',
      dense(
        [node('Mul', ['w', 'g'], 'wg', { name: 'norm' }), node('Gemm', ['x', 'wg'], 'y', { name: 'fc' })],
        [weights('g', [1, 3])],
      ),
      /train refuses Gemm node 'fc': its weight 'wg' is computed by Mul node 'norm'/,
    ],
    [
      'running statistics of two nodes',
      {
        input: ['N', 3],
        nodes: [batchNorm('x', 'first'), batchNorm('first', 'y')],
        initializers: ['s', 'm', 'v'].map((name) => floatTensor(name, [3], [1, 1, 1])),
      },
      /train refuses BatchNormalization node 'y': it shares its running statistics 'm'/,
    ],
  ];

  it.each(cases)('%s', (_, parts, message) => {
    const model = tinyModel(parts);
    const build = () => trainableNetwork(model, namedValue(model, 'x'));
    expect(build).toThrow(ModelRefused);
    expect(build).toThrow(message);
  });

  it('float16 weights', () => {
    const rawData = new Uint8Array(24);
    const model = tinyModel({
      ...dense([node('Gemm', ['x', 'w'], 'y', { name: 'fc' })]),
      initializers: [{ name: 'w', dataType: DataType.FLOAT16, dims: [4, 3], rawData }],
    });
    expect(() => trainableNetwork(model, namedValue(model, 'x'))).toThrow(
      /train refuses Gemm node 'fc': its weight 'w' is FLOAT16, and training is in float32/,
    );
  });

  it('dilated windows, when the graph is built', () => {
    const model = modelFromBytes(
      encodeModel(
        tinyProto({
          input: ['N', 1, 6, 6],
          nodes: [
            node('Conv', ['x', 'k'], 'y', { name: 'atrous', attribute: [intsAttr('dilations', [2, 2])] }),
          ],
          initializers: [weights('k', [2, 1, 3, 3])],
        }),
      ),
      'tiny.onnx',
    );
    const network = trainableNetwork(model, namedValue(model, 'x'));
    expect(() => network.right(running, stateOf(network), tf.ones([1, 1, 6, 6]))).toThrow(
      /train refuses Conv node 'atrous': TensorFlow.js has no gradient of a dilated convolution/,
    );
  });
});
