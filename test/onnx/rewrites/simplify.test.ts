/** Each rewrite changes what it should, and the model still computes what it computed; a rewrite that lies is left out. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openClassifier } from '../../../src/onnx/intake/classifier.ts';
import { DataType } from '../../../src/onnx/model/data-type.ts';
import type { Model } from '../../../src/onnx/model/model.ts';
import {
  type AttributeProto,
  AttributeType,
  edited,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from '../../../src/onnx/model/proto.ts';
import { tensorOf } from '../../../src/onnx/model/tensor.ts';
import { foldConstants } from '../../../src/onnx/rewrites/fold-constants.ts';
import { removeIdentities } from '../../../src/onnx/rewrites/remove-identities.ts';
import { resolveConditions } from '../../../src/onnx/rewrites/resolve-conditions.ts';
import type { Rewrite } from '../../../src/onnx/rewrites/rewrite.ts';
import { simplify } from '../../../src/onnx/rewrites/simplify.ts';
import { randomDag } from '../random-dag.ts';
import {
  floatTensor,
  intAttr,
  intsAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  twoLayers,
  weights,
} from '../tiny-model.ts';
import { largestDifference } from './same.ts';

const opened = async (parts: Parts): Promise<Model> => (await openClassifier(tinyModel(parts))).model;
const types = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType);

/** Simplifies, and shows that the scores stay. */
async function simplified(parts: Parts, rewrites?: readonly Rewrite[]) {
  const model = await opened(parts);
  const result = await simplify(model, rewrites);
  expect(result.leftOut).toEqual([]);
  expect(await largestDifference(model, result.model)).toBeLessThan(1e-6);
  return result;
}

const truth = (name: string, value: boolean): TensorProto => ({
  name,
  dataType: DataType.BOOL,
  dims: [],
  rawData: Uint8Array.of(value ? 1 : 0),
});

describe('folding constants', () => {
  it('computes reshape arithmetic on constants: Shape, Gather, Unsqueeze, Concat', async () => {
    const { model, changes } = await simplified({
      ...twoLayers,
      nodes: [
        node('Shape', ['fc1.weight'], 's'),
        node('Gather', ['s', 'zero'], 'd'),
        node('Unsqueeze', ['d', 'axes'], 'u'),
        node('Concat', ['free', 'u'], 'target', { attribute: [intAttr('axis', 0)] }),
        node('Reshape', ['x', 'target'], 'r'),
        node('Gemm', ['r', 'fc1.weight', 'fc1.bias'], 'h'),
        node('Gemm', ['h', 'fc2.weight'], 'y'),
      ],
      initializers: [
        ...(twoLayers.initializers ?? []),
        { name: 'zero', dataType: DataType.INT64, dims: [], int64Data: [0] },
        intTensor('axes', [0]),
        intTensor('free', [-1]),
      ],
    });
    expect(types(model)).toEqual(['Constant', 'Reshape', 'Gemm', 'Gemm']);
    expect(model.graph.values.get('target')?.constant?.integers()).toEqual([-1, 4]);
    expect(changes).toEqual(['4 constant nodes folded']);
  });

  it('knows every type it meets: ranges, casts, comparisons, half precision, weights that are moved', async () => {
    const cast = (from: string, to: string, type: number) =>
      node('Cast', [from], to, { attribute: [intAttr('to', type)] });
    const { model } = await simplified({
      nodes: [
        node('Range', ['start', 'limit', 'step'], 'range'),
        cast('range', 'floats', DataType.FLOAT),
        cast('floats', 'half', DataType.FLOAT16),
        node('Add', ['half', 'half'], 'twice'),
        cast('twice', 'back', DataType.FLOAT),
        node('Greater', ['floats', 'back'], 'where'),
        node('Where', ['where', 'floats', 'back'], 'row'),
        node('Transpose', ['w'], 'wt', { attribute: [intsAttr('perm', [1, 0])] }),
        node('ConstantOfShape', ['four'], 'zeros'),
        node('Sum', ['row', 'zeros'], 'shift'),
        node('Add', ['x', 'shift'], 'h'),
        node('MatMul', ['h', 'wt'], 'y'),
      ],
      initializers: [
        ...['start', 'limit', 'step'].map((name, k) => ({
          name,
          dataType: DataType.INT32,
          dims: [],
          int32Data: [[1, 9, 2][k] as number],
        })),
        weights('w', [3, 4]),
        intTensor('four', [4]),
      ],
    });
    expect(types(model)).toEqual(['Constant', 'Constant', 'Add', 'MatMul']);
    expect([...(model.graph.values.get('shift')?.constant?.float64() ?? [])]).toEqual([2, 6, 10, 14]);
  });

  it('leaves what depends on the batch, what is quantised, and what would blow the file up', async () => {
    const graph = tinyModel({
      nodes: [
        node('Shape', ['x'], 's'),
        node('ConstantOfShape', ['s'], 'zeros'),
        node('Add', ['x', 'zeros'], 'h0'),
        node('DequantizeLinear', ['q', 'scale'], 'w'),
        node('MatMul', ['h0', 'w'], 'h1'),
        node('Expand', ['one', 'huge'], 'ones'),
        node('ReduceSum', ['ones'], 'sum', { attribute: [intAttr('keepdims', 0)] }),
        node('ReduceMax', ['ones'], 'most', { attribute: [intAttr('keepdims', 0)] }),
        node('Add', ['h1', 'sum'], 'h2'),
        node('Div', ['h2', 'most'], 'h3'),
        node('Slice', ['ones', 'from', 'to'], 'three'),
        node('Mul', ['h3', 'three'], 'h4'),
        node('Add', ['h4', 'ones'], 'h5'),
        node('ReduceMean', ['h5'], 'y', { attribute: [intsAttr('axes', [0]), intAttr('keepdims', 1)] }),
      ],
      initializers: [
        { name: 'q', dataType: DataType.INT8, dims: [4, 3], int32Data: [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 8, 7] },
        floatTensor('scale', [], [0.1]),
        floatTensor('one', [], [1]),
        intTensor('huge', [30_000, 3]),
        intTensor('from', [0]),
        intTensor('to', [1]),
      ],
      input: [1, 4],
    });
    const result = await foldConstants.apply(graph);
    const kept = (result?.proto.graph?.node ?? []).map(({ opType }) => opType);
    expect(kept).toEqual([
      ...['Constant', 'Constant', 'Constant'],
      ...['Shape', 'ConstantOfShape', 'Add', 'DequantizeLinear', 'MatMul', 'Expand'],
      ...['Add', 'Div', 'Mul', 'Add', 'ReduceMean'],
    ]);
  });

  it('keeps Constant nodes where the format wants them: IR version 3 lists every initializer as an input', async () => {
    const { model } = await simplified({
      nodes: [node('Transpose', ['w'], 'wt'), node('MatMul', ['x', 'wt'], 'y')],
      initializers: [weights('w', [3, 4])],
      inputs: [
        {
          name: 'x',
          type: {
            tensorType: { elemType: DataType.FLOAT, shape: { dim: [{ dimParam: 'N' }, { dimValue: 4 }] } },
          },
        },
        {
          name: 'w',
          type: {
            tensorType: { elemType: DataType.FLOAT, shape: { dim: [{ dimValue: 3 }, { dimValue: 4 }] } },
          },
        },
      ],
      ir: 3,
      opset: 8,
    });
    expect(types(model)).toEqual(['Constant', 'MatMul']);
  });
});

const branch = (name: string, graph: Partial<GraphProto>): AttributeProto => ({
  name,
  type: AttributeType.GRAPH,
  g: { name, input: [], ...graph },
});

describe('an If with a constant condition', () => {
  const branching = (condition: NodeProto[], initializers: TensorProto[]): Parts => ({
    nodes: [
      node('Neg', ['x'], 'h'),
      ...condition,
      node('If', ['c'], ['p', 'q', 'r'], {
        name: 'choice',
        attribute: [
          branch('then_branch', {
            node: [node('Relu', ['h'], 'inside'), node('Add', ['inside', 'w'], 'sum')],
            initializer: [floatTensor('w', [4], [1, 2, 3, 4])],
            output: [{ name: 'sum' }, { name: 'inside' }, { name: 'w' }],
          }),
          branch('else_branch', {
            node: [node('Abs', ['x'], 'inside'), node('Sqrt', ['inside'], 'sum'), node('Exp', ['x'], 'e')],
            initializer: [floatTensor('w', [4], [5, 5, 5, 5])],
            output: [{ name: 'sum' }, { name: 'e' }, { name: 'w' }],
          }),
        ].map((a) =>
          edited(a, {
            g: edited(a.g as GraphProto, {
              output: (a.g?.output ?? []).map(({ name }) => ({
                name: name ?? '',
                type: { tensorType: { elemType: DataType.FLOAT } },
              })),
            }),
          }),
        ),
      }),
      node('Sum', ['p', 'q', 'r'], 'y'),
    ],
    initializers,
    output: ['N', 4],
  });

  it.each([true, false])(
    'that is %s becomes that branch, weights and several results included',
    async (value) => {
      const { model, changes } = await simplified(branching([], [truth('c', value)]));
      expect(types(model)).not.toContain('If');
      expect(types(model)).toContain(value ? 'Relu' : 'Sqrt');
      expect(changes).toContain('1 If node with a constant condition resolved');
    },
  );

  it('is found behind arithmetic on constants', async () => {
    const condition = [
      node('Shape', ['k'], 's'),
      node('Gather', ['s', 'zero'], 'n'),
      node('Equal', ['n', 'one'], 'c'),
    ];
    const scalar = (name: string, value: number) => ({
      name,
      dataType: DataType.INT64,
      dims: [],
      int64Data: [value],
    });
    const constants = [floatTensor('k', [1, 4], [0, 0, 0, 0]), scalar('zero', 0), scalar('one', 1)];
    const { model } = await simplified(branching(condition, constants));
    expect(types(model)).toContain('Relu');
    expect(types(model)).not.toContain('If');
  });

  it('stays when the condition depends on the image', async () => {
    const condition = [
      node('ReduceMax', ['x'], 'm', { attribute: [intAttr('keepdims', 0)] }),
      node('Greater', ['m', 'half'], 'c'),
    ];
    const model = await opened({ ...branching(condition, [floatTensor('half', [], [0.5])]), input: [1, 4] });
    expect(await resolveConditions.apply(model)).toBeNull();
  });
});

describe('Identity and Dropout', () => {
  it('go, alone, in chains and where a branch reads them; the last one stays as the output', async () => {
    const reads = (opType: string) => ({
      node: [node(opType, ['d'], 'r')],
      output: [{ name: 'r', type: { tensorType: { elemType: DataType.FLOAT } } }],
    });
    const { model, changes } = await simplified(
      {
        nodes: [
          node('Identity', ['x'], 'i'),
          node('Dropout', ['i'], ['d', 'mask']),
          node('Relu', ['d'], 'h'),
          node('ReduceMax', ['h'], 'm', { attribute: [intAttr('keepdims', 0)] }),
          node('Greater', ['m', 'half'], 'c'),
          node('If', ['c'], 'z', {
            attribute: [branch('then_branch', reads('Neg')), branch('else_branch', reads('Abs'))],
          }),
          node('Identity', ['z'], 'y'),
        ],
        initializers: [floatTensor('half', [], [0.5])],
        input: [1, 4],
        output: [1, 4],
      },
      [removeIdentities],
    );
    expect(types(model)).toEqual(['Relu', 'ReduceMax', 'Greater', 'If', 'Identity']);
    expect(changes).toEqual(['2 Identity or Dropout nodes removed']);
  });

  it('stay where the mask is read', async () => {
    const model = await opened({
      nodes: [node('Dropout', ['x'], ['d', 'mask']), node('Where', ['mask', 'd', 'x'], 'y')],
      output: ['N', 4],
    });
    expect(await removeIdentities.apply(model)).toBeNull();
  });
});

describe('constants that cannot be brought over', () => {
  it('stay computed, with the reason reported: bfloat16, which JavaScript has no array for', async () => {
    const cast = (from: string, to: string, type: number) =>
      node('Cast', [from], to, { attribute: [intAttr('to', type)] });
    const model = await opened({
      nodes: [
        cast('w', 'short', DataType.BFLOAT16),
        node('Shape', ['x'], 's'),
        node('Gather', ['s', 'second'], 'n'),
        node('Reshape', ['short', 'n'], 'e'),
        cast('e', 'long', DataType.FLOAT),
        node('Add', ['x', 'long'], 'y'),
      ],
      initializers: [weights('w', [4]), intTensor('second', [1])],
      output: ['N', 4],
    });
    const { changes, leftOut } = await simplify(model, [foldConstants]);
    expect(changes).toEqual([]);
    expect(leftOut).toHaveLength(1);
    expect(leftOut[0]).toMatch(/^folding constants: /);
  });
});

describe('all rewrites together', () => {
  it('never change a random network', async () => {
    await fc.assert(
      fc.asyncProperty(randomDag, async (parts) => {
        const model = await opened(parts);
        const result = await simplify(model);
        expect(result.leftOut).toEqual([]);
        expect(types(result.model)).not.toContain('Neg');
        expect(await largestDifference(model, result.model)).toBeLessThan(1e-6);
      }),
      { numRuns: 40, seed: 5 },
    );
  });
});

describe('a rewrite that is wrong', () => {
  /** A normalisation folded into the layer behind it, with the wrong sign of the shift. */
  const wrongSign: Rewrite = {
    name: 'folding the normalisation',
    apply: ({ proto }) => {
      const tensors = proto.graph?.initializer ?? [];
      const bias = tensors.find(({ name }) => name === 'fc1.bias');
      if (bias === undefined) return Promise.resolve(null);
      const values = tensorOf(bias, 'bias')
        .float64()
        .map((v) => -v);
      const turned = floatTensor('fc1.bias_folded', [5], [...values]);
      const graph = edited(proto.graph ?? {}, {
        initializer: [...tensors.filter((t) => t !== bias), turned],
        node: (proto.graph?.node ?? []).map((n) =>
          edited(n, {
            input: (n.input ?? []).map((name) => (name === 'fc1.bias' ? 'fc1.bias_folded' : name)),
          }),
        ),
      });
      return Promise.resolve({ proto: edited(proto, { graph }), what: 'the normalisation folded' });
    },
  };
  const broken: Rewrite = {
    name: 'making it worse',
    apply: ({ proto }) => {
      const nodes = proto.graph?.node ?? [];
      if (nodes.some(({ opType }) => opType === 'NoSuchOperator')) return Promise.resolve(null);
      const changed = nodes.map((n) => (n.opType === 'Relu' ? edited(n, { opType: 'NoSuchOperator' }) : n));
      return Promise.resolve({
        proto: edited(proto, { graph: edited(proto.graph ?? {}, { node: changed }) }),
        what: 'broken',
      });
    },
  };
  const withIdentity: Parts = {
    ...twoLayers,
    nodes: [
      node('Identity', ['x'], 'i'),
      ...twoLayers.nodes.map((n) =>
        edited(n, { input: (n.input ?? []).map((name) => (name === 'x' ? 'i' : name)) }),
      ),
    ],
  };

  it.each([wrongSign, broken])('is omitted and named, and the others are kept ($name)', async (wrong) => {
    const model = await opened(withIdentity);
    const result = await simplify(model, [wrong, removeIdentities]);
    expect(result.changes).toEqual(['1 Identity or Dropout node removed']);
    expect(result.leftOut).toHaveLength(1);
    expect(result.leftOut[0]).toContain(`${wrong.name}: `);
    expect(types(result.model)).toEqual(['Gemm', 'Relu', 'Gemm']);
    expect(await largestDifference(model, result.model)).toBe(0);
  });

  it('would be believed if it were not compared: it does change the scores', async () => {
    const model = await opened(withIdentity);
    const lied = await wrongSign.apply(model);
    expect(lied).not.toBeNull();
    const next = { ...model, proto: lied?.proto ?? {} };
    expect(await largestDifference(model, next)).toBeGreaterThan(0.01);
  });
});
