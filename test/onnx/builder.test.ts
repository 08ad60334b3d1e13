import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listCuts } from '../../src/onnx/cuts.ts';
import { makeBatchSymbolic } from '../../src/onnx/intake/batch.ts';
import { measureShapes } from '../../src/onnx/intake/shapes.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import type { ModelProto } from '../../src/onnx/model/proto.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { type NetworkBuilder, networkBuilder, type Wire } from '../../src/training/architectures/builder.ts';

/** Kernels of small fractions, told apart by place. */
const fractions = (dims: readonly number[], _fanIn: number, index: number): Float32Array =>
  Float32Array.from({ length: sizeOf(dims) }, (_, k) => ((k * 7 + index * 3) % 13) / 32 - 0.1875);

function built(dims: readonly number[], layers: (net: NetworkBuilder) => Wire): ModelProto {
  const net = networkBuilder('test', dims, fractions);
  return net.finish(layers(net), new Map([['key', 'value']]));
}

const asModel = (proto: ModelProto): Model => modelFromBytes(encodeModel(proto), 'built.onnx');

async function logits(proto: ModelProto, image: Float32Array, dims: readonly number[]): Promise<number[]> {
  return withSession(encodeModel(proto), 'built.onnx', async (session) => [
    ...(await runRows(session, [image], dims)).data,
  ]);
}

const everyLayer = (net: NetworkBuilder): Wire => {
  const first = net.clip('conv1', net.conv('conv1', net.image, 3, { kernel: 3, padding: 1 }), 1);
  const branch = net.batchNorm(
    'block.bn',
    net.conv('block.conv', first, 3, { kernel: 3, padding: 1 }, false),
  );
  const block = net.relu('block', net.add('block', first, branch));
  const pooled = net.globalAveragePool('gap', net.maxPool('pool', block, 2));
  return net.linear('fc', net.flatten('flatten', pooled), 4);
};

describe('a built network', () => {
  it('has the shapes that ONNX Runtime finds, for any window', async () => {
    const windows = fc.record({
      side: fc.integer({ min: 4, max: 11 }),
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 3 }),
      padding: fc.integer({ min: 0, max: 2 }),
      pool: fc.integer({ min: 1, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(windows, async ({ side, kernel, stride, padding, pool }) => {
        const dims = [2, side, side + 1];
        let expected: readonly number[] = [];
        const proto = built(dims, (net) => {
          const x = net.conv('conv', net.image, 3, { kernel, stride, padding });
          const y = Math.min(...x.dims.slice(1)) < pool ? x : net.maxPool('pool', x, pool);
          expected = y.dims;
          // A flatten of another size than the builder thinks would not fit this layer's weight.
          return net.linear('fc', net.flatten('flatten', y), 2);
        });
        const shapes = await measureShapes(await makeBatchSymbolic(asModel(proto)));
        expect(shapes.get('/flatten/Flatten')?.dims).toEqual([1, sizeOf(expected)]);
        expect([...shapes.values()].map(({ dims: d }) => d.join())).toContain([1, ...expected].join());
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  it('computes what its layers say', async () => {
    const dims = [1, 2, 2];
    const proto = built(dims, (net) => {
      const x = net.clip('conv', net.conv('conv', net.image, 1, { kernel: 1 }), 0.03125);
      return net.linear('fc', net.flatten('flatten', x), 2);
    });
    // conv weight -0.1875 gives -0.1875·x, clipped to 0 for x > 0 and to 1/32 for x <= -1/6.
    const hidden = [0, 0, 0.03125, 0.01171875];
    const weight = fractions([2, 4], 4, 1);
    const expected = [0, 1].map((k) => hidden.reduce((sum, h, i) => sum + h * weight[4 * k + i]!, 0));
    expect(await logits(proto, Float32Array.of(1, 0.5, -1, -0.0625), dims)).toEqual(expected);
  });

  it('adds its input to a linear residual', async () => {
    const dims = [3, 5, 4];
    const network = (residual: boolean): ModelProto =>
      built(dims, (net) => {
        const branch = net.conv('conv', net.image, 3, { kernel: 3, padding: 1 });
        const x = residual ? net.add('conv', net.image, branch) : branch;
        return net.linear('fc', net.flatten('flatten', x), 5);
      });
    const fused = built(dims, (net) =>
      net.linear('fc', net.flatten('flatten', net.linearResidual('conv', net.image, 3)), 5),
    );
    // Multiples of 1/8 and of 1/32: every sum is exact.
    const image = Float32Array.from({ length: 60 }, (_, k) => ((k * 5) % 9) / 8);
    expect(await logits(fused, image, dims)).toEqual(await logits(network(true), image, dims));
    expect(await logits(fused, image, dims)).not.toEqual(await logits(network(false), image, dims));
  });

  it('runs with every kind of layer, at any batch size', async () => {
    const model = await makeBatchSymbolic(asModel(built([2, 6, 6], everyLayer)));
    expect(model.how).toBe('dynamic');
  });

  it('is cut behind a layer and its activation by the name of the layer', async () => {
    const model = await makeBatchSymbolic(asModel(built([2, 6, 6], everyLayer)));
    const { cuts } = listCuts(model.model, await measureShapes(model));
    expect(cuts.map(({ name, value }) => [name, value.producer?.opType ?? null])).toEqual([
      ['input', null],
      ['conv1/Conv', 'Conv'],
      ['conv1', 'Clip'],
      ['block/Add', 'Add'],
      ['block', 'Relu'],
      ['pool', 'MaxPool'],
      ['gap', 'GlobalAveragePool'],
      ['flatten', 'Flatten'],
    ]);
  });

  it('says what it is: names, versions, a free batch axis, metadata', () => {
    const model = asModel(built([2, 6, 6], everyLayer));
    expect([model.irVersion, model.opsets.get('')]).toEqual([8, 17]);
    expect(model.graph.inputs.map((v) => [v.name, v.declaredShape])).toEqual([['image', ['batch', 2, 6, 6]]]);
    expect(model.graph.outputs.map((v) => [v.name, v.declaredShape])).toEqual([['logits', ['batch', 4]]]);
    expect(model.metadata).toEqual(new Map([['key', 'value']]));
    expect([...model.graph.values.keys()]).toEqual(
      expect.arrayContaining([
        'conv1.weight',
        'conv1.bias',
        'conv1.theta',
        'block.bn.running_var',
        'fc.weight',
      ]),
    );
    expect(model.graph.values.has('block.conv.bias')).toBe(false);
  });

  it('must end with its logits', () => {
    const net = networkBuilder('test', [1, 2, 2], fractions);
    const x = net.flatten('flatten', net.image);
    const y = net.linear('a', x, 2);
    net.linear('b', x, 2);
    expect(() => net.finish(y, new Map())).toThrow(/last node/);
  });
});
