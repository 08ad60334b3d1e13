/** Weights back into the file, and clipped rectifiers. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { decodeModel, encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { AttributeType, type ModelProto } from '../../src/onnx/model/proto.ts';
import { checkRows, relativeDifference } from '../../src/onnx/runtime/check-rows.ts';
import { trainableNetwork } from '../../src/training/network.ts';
import { clipLeftRelus, writeBack } from '../../src/training/parameters.ts';
import {
  floatTensor,
  node,
  type Parts,
  tinyModel,
  tinyProto,
  twoLayers,
  weights,
} from '../onnx/tiny-model.ts';
import { running } from '../operators/training.ts';
import { images, namedValue, runtimeScores, scores, stateOf } from './networks.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const host = (dims: number[], values: number[]) => ({ dims, values: Float32Array.from(values) });

/** As it will be read back from the disk. */
const reread = (proto: ModelProto) => modelFromBytes(encodeModel(proto), 'written.onnx');

describe('writing weights back', () => {
  it('replaces raw bytes and typed data, and nothing else', () => {
    const raw = floatTensor('raw', [2], [1, 2]);
    const typed = { name: 'typed', dataType: DataType.FLOAT, dims: [2], floatData: [3, 4] };
    const kept = floatTensor('kept', [4], [5, 6, 7, 8]);
    const proto = decodeModel(
      encodeModel({
        ...tinyProto({
          nodes: [
            node('Mul', ['x', 'kept'], 'h'),
            node('Concat', ['raw', 'typed'], 'c', {
              attribute: [{ name: 'axis', type: AttributeType.INT, i: 0 }],
            }),
            node('Add', ['h', 'c'], 'y'),
          ],
          initializers: [raw, typed, kept],
          output: ['N', 4],
        }),
        metadataProps: [{ key: 'splitz.split', value: 'h' }],
      }),
    );
    const before = encodeModel(proto);
    const written = writeBack(
      proto,
      new Map([
        ['raw', host([2], [10, 20])],
        ['typed', host([2], [30, 40])],
      ]),
    );
    const { graph } = reread(written);
    const read = (name: string): number[] => Array.from(graph.values.get(name)?.constant?.float64() ?? []);
    expect([read('raw'), read('typed'), read('kept')]).toEqual([
      [10, 20],
      [30, 40],
      [5, 6, 7, 8],
    ]);
    expect(encodeModel(proto)).toEqual(before);
    const bare = (message: ModelProto) => ({ ...message, graph: { ...message.graph, initializer: [] } });
    expect(encodeModel(bare(written))).toEqual(encodeModel(bare(proto)));
  });

  it('reaches Constant nodes, whichever attribute holds their value', () => {
    const constant = (name: string, attribute: object) =>
      node('Constant', [], name, { attribute: [attribute] });
    const model = tinyModel({
      nodes: [
        constant('w', { name: 'value', type: AttributeType.TENSOR, t: weights('', [4, 3]) }),
        constant('b', { name: 'value_floats', type: AttributeType.FLOATS, floats: [1, 2, 3] }),
        node('Gemm', ['x', 'w', 'b'], 'y'),
      ],
    });
    const written = writeBack(
      model.proto,
      new Map([
        ['w', host([4, 3], new Array<number>(12).fill(2))],
        ['b', host([3], [7, 8, 9])],
      ]),
    );
    const { graph } = reread(written);
    expect(Array.from(graph.values.get('w')?.constant?.float64() ?? [])).toEqual(
      new Array<number>(12).fill(2),
    );
    expect(Array.from(graph.values.get('b')?.constant?.float64() ?? [])).toEqual([7, 8, 9]);
  });

  it('throws an internal error for a name or a shape the file does not have', () => {
    const { proto } = tinyModel(twoLayers);
    expect(() => writeBack(proto, new Map([['nothing', host([1], [1])]]))).toThrow(/no constant 'nothing'/);
    expect(() => writeBack(proto, new Map([['fc1.bias', host([4], [1, 1, 1, 1])]]))).toThrow(/'fc1.bias'/);
  });
});

/** x → gemm → relu 'a' → gemm → relu 'c' → gemm 'y'. */
const relus = (opset: number): Parts => ({
  opset,
  nodes: [
    node('Gemm', ['x', 'w1', 'zero'], 'z1'),
    node('Relu', ['z1'], 'a', { name: 'first' }),
    node('Gemm', ['a', 'w2', 'zero'], 'z2'),
    node('Relu', ['z2'], 'c', { name: 'second' }),
    node('Gemm', ['c', 'w3', 'zero'], 'y'),
  ],
  initializers: [
    weights('w1', [4, 4]),
    weights('w2', [4, 4]),
    weights('w3', [4, 3]),
    floatTensor('zero', [1], [0]),
  ],
});

describe.each([9, 11, 17])('clipped rectifiers, opset %i:', (opset) => {
  const model = tinyModel(relus(opset));
  const clipped = clipLeftRelus(model, 'z2', 0.25);
  const types = clipped.graph.nodes.filter((n) => n.opType !== 'Constant').map((n) => n.opType);

  it('only what lies before the cut is clipped, under the same names', () => {
    expect(types).toEqual(['Gemm', 'Clip', 'Gemm', 'Relu', 'Gemm']);
    expect(clipped.graph.values.get('a')?.producer?.name).toBe('first');
  });

  it('ONNX Runtime and we compute min(max(z, 0), θ)', async () => {
    const rows = checkRows(2, 4).map((row) => row.map((v) => 3 * v - 1));
    const cut = await runtimeScores(withOutput(reread(clipped.proto).proto, 'a'), rows, [4]);
    const whole = await runtimeScores(withOutput(model.proto, 'a'), rows, [4]);
    expect(Math.max(...whole)).toBeGreaterThan(0.25);
    cut.forEach((v, i) => {
      expect(v).toBeCloseTo(Math.min(whole[i] as number, 0.25), 6);
    });
    const network = trainableNetwork(clipped, namedValue(clipped, 'z2'));
    const ours = scores(network, stateOf(network), images(rows, [4]));
    expect(relativeDifference(await runtimeScores(clipped, rows, [4]), ours)).toBeLessThan(1e-6);
  });

  it('the limit is trained on demand, where it is a tensor of the file', () => {
    const fixed = trainableNetwork(clipped, namedValue(clipped, 'z2'));
    expect(fixed.limits.size).toBe(0);
    const train = () => trainableNetwork(clipped, namedValue(clipped, 'z2'), { trainLimits: true });
    if (opset < 11) {
      expect(train).toThrow(/train refuses Clip node 'first': its limits are attributes in operator set 9/);
      return;
    }
    const network = train();
    expect([...network.limits]).toEqual(['a/max']);
    expect(network.leftNames.has('a/max')).toBe(true);
    expect(network.parameters.get('a/max')).toEqual(host([], [0.25]));
    const state = stateOf(network);
    const x = images(
      checkRows(4, 4).map((row) => row.map((v) => 8 * v - 4)),
      [4],
    );
    const latent = (limit: tf.Tensor): tf.Tensor =>
      tf.sum(network.left(running, { ...state, 'a/max': limit }, x));
    const [gradient] = tf.grads((limit) => latent(limit as tf.Tensor))([tf.scalar(0.25)]) as [tf.Tensor];
    expect(gradient.shape).toEqual([]);
    const at = (limit: number): number => latent(tf.scalar(limit)).dataSync()[0] as number;
    const expected = (at(0.25 + 2 ** -8) - at(0.25 - 2 ** -8)) * 2 ** 7;
    expect(Math.abs(expected)).toBeGreaterThan(0.1);
    expect(gradient.dataSync()[0]).toBeCloseTo(expected, 2);
    const written = reread(writeBack(clipped.proto, new Map([['a/max', host([], [0.5])]])));
    expect(written.graph.values.get('a/max')?.constant?.float64()[0]).toBe(0.5);
  });
});

function withOutput(proto: ModelProto, name: string): Uint8Array {
  return encodeModel({ ...proto, graph: { ...proto.graph, output: [{ name }] } });
}

describe('clipping refuses', () => {
  const model = tinyModel(relus(17));

  it('limits that are not positive', () => {
    for (const theta of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => clipLeftRelus(model, 'z2', theta)).toThrow(UsageError);
  });

  it('a left half without a Relu', () => {
    expect(() => clipLeftRelus(model, 'z1', 1)).toThrow(/--relu-theta replaces nothing/);
  });

  it('no name that the file already has: it chooses another', () => {
    const parts = relus(17);
    const taken = tinyModel({
      ...parts,
      nodes: [...parts.nodes.slice(0, -1), node('Gemm', ['c', 'w3', 'a/max'], 'y')],
      initializers: [...(parts.initializers ?? []), floatTensor('a/max', [1], [0])],
    });
    const clipped = clipLeftRelus(taken, 'a', 1);
    expect(clipped.graph.values.get('a/max_1')?.constant?.float64()[0]).toBe(1);
  });
});
