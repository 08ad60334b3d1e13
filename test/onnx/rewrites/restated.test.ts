/** Operators written in terms of others compute what they computed, beyond [0,1] too; what is not understood stays. */
import { describe, expect, it } from 'vitest';
import { openClassifier } from '../../../src/onnx/intake/classifier.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { modelFromBytes } from '../../../src/onnx/model/load.ts';
import type { Model } from '../../../src/onnx/model/model.ts';
import { type AttributeProto, AttributeType, type NodeProto } from '../../../src/onnx/model/proto.ts';
import { simplify } from '../../../src/onnx/rewrites/simplify.ts';
import { floatAttr, stringAttr } from '../../operators/one-operator.ts';
import { intAttr, intTensor, node, type Parts, tinyProto, weights } from '../tiny-model.ts';
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
    expect(await restated(scaler([0.5, -1, 0, 2], [1, 2, -3, 0.25]))).toEqual(['Sub', 'Mul']);
    expect(await restated(scaler([0.5], [3]))).toEqual(['Sub', 'Mul']);
  });

  it('Normalizer becomes LpNormalization where its norm is l2, and stays where it is not', async () => {
    expect(await restated(normalizer('L2'))).toEqual(['LpNormalization']);
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
