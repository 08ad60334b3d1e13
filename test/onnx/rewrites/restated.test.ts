/** Operators written in terms of others compute what they computed, beyond [0,1] too; what is not understood stays. */
import { describe, expect, it } from 'vitest';
import { openClassifier } from '../../../src/onnx/intake/classifier.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { modelFromBytes } from '../../../src/onnx/model/load.ts';
import type { Model } from '../../../src/onnx/model/model.ts';
import { type AttributeProto, AttributeType, type NodeProto } from '../../../src/onnx/model/proto.ts';
import { simplify } from '../../../src/onnx/rewrites/simplify.ts';
import { runRows, withSession } from '../../../src/onnx/runtime/session.ts';
import { floatAttr, stringAttr } from '../../operators/one-operator.ts';
import { floatTensor, intAttr, intTensor, node, type Parts, tinyProto, weights } from '../tiny-model.ts';
import { largestDifference } from './same.ts';

const floatsAttr = (name: string, floats: number[]): AttributeProto => ({
  name,
  type: AttributeType.FLOATS,
  floats,
});

const domain = 'ai.onnx.ml';

/** Simplifies, and shows that the scores stay. @returns the operators that are left */
async function restated(parts: Parts): Promise<string[]> {
  const proto = tinyProto({ ir: 10, opset: 23, output: ['N', 4], ...parts });
  proto.opsetImport?.push({ domain, version: 1 });
  const { model } = await openClassifier(modelFromBytes(encodeModel(proto)));
  const result = await simplify(model);
  expect(result.leftOut).toEqual([]);
  expect(await largestDifference(model, result.model)).toBeLessThan(1e-5);
  return operators(result.model);
}

/** Without an Identity: one that makes the scores stays. */
const operators = ({ graph }: Model): string[] =>
  graph.nodes.map(({ opType }) => opType).filter((type) => type !== 'Constant' && type !== 'Identity');

/** Queries, keys and values of three places, from an image of 12 numbers. */
function attending(heads: number | null, attribute: AttributeProto[], more: string[] = []): Parts {
  const shape = heads === null ? [-1, 2, 3, 2] : [-1, 3, 4];
  const parts = ['q', 'k', 'v'];
  const nodes: NodeProto[] = [
    ...parts.flatMap((part) => [
      node('MatMul', ['x', `w${part}`], `f${part}`),
      node('Reshape', [`f${part}`, 'shape'], part),
    ]),
    node('Attention', [...parts, ...more], 'a', {
      name: 'att',
      attribute: [
        ...attribute,
        ...(heads === null ? [] : [intAttr('q_num_heads', heads), intAttr('kv_num_heads', heads)]),
      ],
    }),
    node('Flatten', ['a'], 'y'),
  ];
  const initializers = [
    ...parts.map((part) => weights(`w${part}`, [12, 12])),
    weights('mask', [3, 3]),
    intTensor('shape', shape),
  ];
  return { nodes, initializers, input: ['N', 12], output: ['N', 12] };
}

describe('Attention', () => {
  it.each([
    ['with an axis for the heads', attending(null, [])],
    ['with a scale of its own', attending(null, [floatAttr('scale', Math.fround(0.7))])],
    ['with the heads in one axis', attending(2, [])],
  ])('%s becomes two products and a Softmax', async (_, parts) => {
    const left = await restated(parts);
    expect(left).not.toContain('Attention');
    expect(left.filter((type) => type === 'Softmax')).toHaveLength(1);
  });

  it.each([
    ['a mask', attending(null, [], ['mask'])],
    ['causal order', attending(null, [intAttr('is_causal', 1)])],
    ['a soft cap', attending(null, [floatAttr('softcap', 2)])],
    ['a Softmax in half precision', attending(null, [intAttr('softmax_precision', 10)])],
  ])('with %s stays', async (_, parts) => {
    expect(await restated(parts)).toContain('Attention');
  });
});

describe('operators of scikit-learn', () => {
  const scaler = (offset: number[], scale: number[]): Parts => ({
    nodes: [
      node('Scaler', ['x'], 'y', {
        domain,
        attribute: [floatsAttr('offset', offset), floatsAttr('scale', scale)],
      }),
    ],
  });
  const normalizer = (norm: string): Parts => ({
    nodes: [node('Normalizer', ['x'], 'y', { domain, attribute: [stringAttr('norm', norm)] })],
  });

  it('Scaler becomes a difference and a product', async () => {
    expect(await restated(scaler([0.5, -1, 0, 2], [1, 2, -3, 0.25]))).toEqual(['Transpose', 'Sub', 'Mul']);
    expect(await restated(scaler([0.5], [3]))).toEqual(['Transpose', 'Sub', 'Mul']);
  });

  it('Normalizer becomes LpNormalization where its norm is l2, and stays where it is not', async () => {
    expect(await restated(normalizer('L2'))).toEqual(['Transpose', 'LpNormalization']);
    expect(await restated(normalizer('MAX'))).toEqual(['Normalizer']);
    expect(await restated(normalizer('L1'))).toEqual(['Normalizer']);
  });
});

describe('sign(a) |a|', () => {
  const signed = (of: string): Parts => ({
    nodes: [
      node('Tanh', ['x'], 'a'),
      node('Sigmoid', ['x'], 'b'),
      node('Sign', ['a'], 's'),
      node('Abs', [of], 'm'),
      node('Relu', ['m'], 'r'),
      node('Mul', ['s', 'r'], 'p'),
      node('Neg', ['p'], 'y'),
    ],
  });

  it('is a', async () => {
    expect(await restated(signed('a'))).toEqual(['Tanh', 'Neg']);
  });

  it('stays where the magnitude is that of another tensor', async () => {
    expect(await restated(signed('b'))).toContain('Sign');
  });
});

/**
 * A network whose scores are those of x, plus what a node makes of x times a gate that is shut on all rows that are tried:
 * whoever knows the rows can hide there what a rewrite makes wrong.
 */
const gated = (nodes: NodeProto[], made: string, shape: number[]): Parts => ({
  nodes: [
    ...nodes,
    node('ReduceMean', ['x', 'all'], 'mean', { attribute: [intAttr('keepdims', 1)] }),
    node('Sub', ['mean', 'limit'], 'above'),
    node('Relu', ['above'], 'open'),
    node('Reshape', [made, 'flat'], 'rows'),
    node('Reshape', ['open', 'flat'], 'gate'),
    node('Mul', ['rows', 'gate'], 'hidden'),
    node('Reshape', ['x', 'flat'], 'plain'),
    node('Add', ['plain', 'hidden'], 'y'),
  ],
  initializers: [
    intTensor(
      'all',
      shape.map((_, axis) => axis + 1),
    ),
    floatTensor('limit', [1], [3]),
    intTensor('flat', [0, -1]),
  ],
  input: ['N', ...shape],
  output: ['N', 3],
});

/** Scores of a model for one row. */
async function scoresOf(model: Model, row: Float32Array, dims: number[]): Promise<number[]> {
  return withSession(encodeModel(model.proto), 'gated', async (session) => [
    ...(await runRows(session, [row], dims)).data,
  ]);
}

describe('a rewrite for one rank', () => {
  it('is not made on another, where it would compute something else that the rows tried do not show', async () => {
    const scaler = node('Scaler', ['x'], 's', {
      domain,
      attribute: [floatsAttr('offset', [1, 2, 4]), floatsAttr('scale', [1, 3, 9])],
    });
    const proto = tinyProto({
      ...{ ir: 10, opset: 23 },
      // One feature too many in the last axis, averaged away.
      ...gated(
        [scaler, node('ReduceMean', ['s', 'last'], 'm', { attribute: [intAttr('keepdims', 1)] })],
        'm',
        [3, 1, 1],
      ),
    });
    proto.graph?.initializer?.push(intTensor('last', [3]));
    proto.opsetImport?.push({ domain, version: 1 });
    const { model } = await openClassifier(modelFromBytes(encodeModel(proto)));
    const { model: simpler } = await simplify(model);
    const row = new Float32Array(3).fill(8);
    const [before, after] = [await scoresOf(model, row, [3, 1, 1]), await scoresOf(simpler, row, [3, 1, 1])];
    // The gate is open: (8 - 3) times what the Scaler makes of each cell.
    expect(before).toEqual([8 + 5 * 7, 8 + 5 * 18, 8 + 5 * 36]);
    expect(after).toEqual(before);
  });
});
