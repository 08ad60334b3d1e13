/** Nodes of an older operator set in a newer one: the same numbers, or refused by name. */
import { describe, expect, it } from 'vitest';
import { raisedTo } from '../../../src/onnx/compose/raise-opset.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { type AttributeProto, AttributeType, type NodeProto } from '../../../src/onnx/model/proto.ts';
import { checkRows } from '../../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../../src/onnx/runtime/session.ts';
import { floatTensor, intAttr, intsAttr, node, type Parts, tinyModel, weights } from '../tiny-model.ts';

const DIMS = [2, 3, 4];
const floatAttr = (name: string, f: number): AttributeProto => ({ name, type: AttributeType.FLOAT, f });
const textAttr = (name: string, text: string): AttributeProto => ({
  ...{ name, type: AttributeType.STRING, s: new TextEncoder().encode(text) },
});
const one = (
  opset: number,
  opType: string,
  attribute: AttributeProto[] = [],
  more: string[] = [],
): Parts => ({
  ...{ opset, input: ['N', ...DIMS], output: ['N', null, null, null] },
  nodes: [node(opType, ['x', ...more], 'y', { attribute })],
});
const normalised: Parts = {
  ...one(7, 'BatchNormalization', [floatAttr('epsilon', 1e-3), intAttr('spatial', 1)], ['s', 'b', 'm', 'v']),
  initializers: ['s', 'b', 'm'].map((name) => weights(name, [2])).concat(floatTensor('v', [2], [0.5, 2])),
};
const halves: NodeProto[] = [
  node('Split', ['x'], ['a', 'b'], { attribute: [intAttr('axis', 3), intsAttr('split', [1, 3])] }),
  node('Concat', ['b', 'a'], 'y', { attribute: [intAttr('axis', 3)] }),
];
const equal: NodeProto[] = [
  node('Split', ['x'], ['a', 'b'], { attribute: [intAttr('axis', 3)] }),
  node('Concat', ['b', 'a'], 'y', { attribute: [intAttr('axis', 3)] }),
];

const CARRIED: readonly (readonly [name: string, parts: Parts])[] = [
  ['Softmax over all axes from the first on', one(9, 'Softmax')],
  ['Softmax over the last two axes', one(9, 'Softmax', [intAttr('axis', 2)])],
  ['LogSoftmax over the last axis', one(9, 'LogSoftmax', [intAttr('axis', 3)])],
  ['ReduceSum', one(11, 'ReduceSum', [intsAttr('axes', [2]), intAttr('keepdims', 1)])],
  ['ReduceMean', one(11, 'ReduceMean', [intsAttr('axes', [1, 3]), intAttr('keepdims', 1)])],
  ['ReduceMax of everything but the rows', one(11, 'ReduceMax', [intsAttr('axes', [1, 2, 3])])],
  ['Unsqueeze', one(11, 'Unsqueeze', [intsAttr('axes', [1])])],
  ['Clip with both limits', one(9, 'Clip', [floatAttr('min', 0.2), floatAttr('max', 0.6)])],
  ['Clip with an upper limit alone', one(9, 'Clip', [floatAttr('max', 0.5)])],
  ['Slice', one(9, 'Slice', [intsAttr('starts', [1]), intsAttr('ends', [3]), intsAttr('axes', [3])])],
  ['Pad with a value', one(9, 'Pad', [intsAttr('pads', [0, 0, 1, 0, 0, 0, 0, 2]), floatAttr('value', 0.25)])],
  [
    'Pad by reflection',
    one(9, 'Pad', [intsAttr('pads', [0, 0, 1, 1, 0, 0, 1, 1]), textAttr('mode', 'reflect')]),
  ],
  ['BatchNormalization', normalised],
  ['Dropout', one(9, 'Dropout', [floatAttr('ratio', 0.5)])],
  ['Split into given parts', { ...one(11, 'Relu'), nodes: halves }],
  ['Split into equal parts', { ...one(11, 'Relu'), nodes: equal }],
  ['AveragePool', one(7, 'AveragePool', [intsAttr('kernel_shape', [2, 2]), intsAttr('pads', [1, 0, 0, 1])])],
  ['Relu', one(7, 'Relu')],
];

const resultOf = (bytes: Uint8Array): Promise<{ data: Float32Array; dims: readonly number[] }> =>
  withSession(bytes, 'test', (session) => runRows(session, checkRows(3, 24, 5), DIMS));

describe('a model in a later operator set', () => {
  it.each(CARRIED)('computes the same: %s', async (_, parts) => {
    const model = tinyModel(parts);
    const { data, dims } = await resultOf(encodeModel(model.proto));
    for (const version of [13, 18, 21]) {
      const raised = await raisedTo(model, version);
      expect(raised.opsets.get('')).toBe(version);
      const again = await resultOf(encodeModel(raised.proto));
      expect(again.dims).toEqual(dims);
      expect(
        Math.max(...again.data.map((value, k) => Math.abs(value - (data[k] ?? Number.NaN)))),
      ).toBeLessThan(1e-6);
    }
  });

  it('keeps what a version does not change as it is', async () => {
    const model = tinyModel(one(9, 'Softmax', [intAttr('axis', 3)]));
    const raised = await raisedTo(model, 12);
    expect(raised.proto.graph?.node).toEqual(model.proto.graph?.node);
    expect(await raisedTo(model, 9)).toBe(model);
  });

  const refused: readonly (readonly [name: string, parts: Parts, why: string])[] = [
    [
      'Upsample',
      { ...one(9, 'Upsample', [], ['scales']), initializers: [floatTensor('scales', [4], [1, 1, 2, 2])] },
      'Upsample node',
    ],
    ['an unknown operator', one(13, 'Blur'), 'Blur node'],
    [
      'normalisation over other axes than channels',
      {
        ...normalised,
        nodes: [
          node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], 'y', { attribute: [intAttr('spatial', 0)] }),
        ],
      },
      'BatchNormalization node',
    ],
    ['arithmetic older than broadcasting', one(6, 'Relu'), 'operator set 6 is older than 7'],
  ];
  it.each(refused)('is refused by name for %s', async (_, parts, why) => {
    await expect(raisedTo(tinyModel(parts), 17)).rejects.toMatchObject({
      report: {
        why: expect.stringContaining(why),
        remedy: expect.stringContaining('convert_version(model, 17)'),
      },
    });
  });
});
