/** Computed shapes become constants where the rows do not count, and the tensors they went around become cuts. */
import { describe, expect, it } from 'vitest';
import { boundability } from '../../../src/inspection/boundability.ts';
import { makeBatchSymbolic } from '../../../src/onnx/intake/batch.ts';
import { openClassifier } from '../../../src/onnx/intake/classifier.ts';
import { prepareClassifier } from '../../../src/onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../../src/onnx/model/codec.ts';
import { DataType } from '../../../src/onnx/model/data-type.ts';
import type { Model } from '../../../src/onnx/model/model.ts';
import { foldShapes } from '../../../src/onnx/rewrites/fold-shapes.ts';
import { SHAPE_REWRITES, simplify } from '../../../src/onnx/rewrites/simplify.ts';
import { checkRows } from '../../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../../src/onnx/runtime/session.ts';
import {
  floatTensor,
  intAttr,
  intsAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  weights,
} from '../tiny-model.ts';
import { largestDifference } from './same.ts';

const types = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType);
const scalar = (name: string, value: number) => ({
  name,
  dataType: DataType.INT64,
  dims: [],
  int64Data: [value],
});

async function opened(parts: Parts) {
  return makeBatchSymbolic((await openClassifier(tinyModel(parts))).model);
}

/** Folds, and shows that every row gets the scores it got, alone and among seven. */
async function folded(parts: Parts): Promise<Model> {
  const { model, batchable } = await opened(parts);
  const result = await simplify(model, SHAPE_REWRITES, batchable);
  expect(result.leftOut).toEqual([]);
  expect(await largestDifference(model, result.model)).toBeLessThan(1e-6);
  if (batchable) {
    const size = (parts.input ?? [1, 4]).slice(1).reduce((a: number, b) => a * Number(b), 1);
    const rows = checkRows(7, size, 9);
    const together = (m: Model) =>
      withSession(encodeModel(m.proto), 'm', (s) =>
        runRows(s, rows, (parts.input ?? [1, 4]).slice(1) as number[]),
      );
    expect(await together(result.model)).toEqual(await together(model));
  }
  return result.model;
}

/** x [N,2,3] → Relu → Relu → Reshape to [N, 6] (from x's own number of rows) → MatMul. */
const lateReshape = (target: Parts['nodes'], input: Parts['input'] = ['N', 2, 3]): Parts => ({
  nodes: [
    ...target,
    node('Relu', ['x'], 'a'),
    node('Tanh', ['a'], 'b'),
    node('Reshape', ['b', 'target'], 'f'),
    node('MatMul', ['f', 'w'], 'y'),
  ],
  initializers: [
    weights('w', [6, 3]),
    scalar('zero', 0),
    intTensor('axes', [0]),
    intTensor('rest', [-1]),
    intTensor('six', [6]),
    intTensor('free', [-1]),
  ],
  ...(input === undefined ? {} : { input }),
});
const rowsOf = (tensor: string): Parts['nodes'] => [
  node('Shape', [tensor], 's'),
  node('Gather', ['s', 'zero'], 'n'),
  node('Unsqueeze', ['n', 'axes'], 'u'),
];
const view = [...rowsOf('x'), node('Concat', ['u', 'rest'], 'target', { attribute: [intAttr('axis', 0)] })];

describe('the target of a Reshape', () => {
  it.each([
    ['[rows, -1]', view],
    [
      '[rows, 6]',
      [...rowsOf('x'), node('Concat', ['u', 'six'], 'target', { attribute: [intAttr('axis', 0)] })],
    ],
  ])('%s is [-1, 6]', async (_, target) => {
    const model = await folded(lateReshape(target));
    expect(types(model)).toEqual(['Relu', 'Tanh', 'Constant', 'Reshape', 'MatMul']);
    expect(model.graph.nodes[3]?.inputs[1]?.constant?.integers()).toEqual([-1, 6]);
  });

  it('is [1, -1], as computed, where rows run one at a time, or [-1, 6] where the fixed batch was made free', async () => {
    const model = await folded(lateReshape(view, [1, 2, 3]));
    expect(model.graph.nodes.at(-2)?.inputs[1]?.constant?.integers()).toEqual([-1, 6]);
    const alone = await simplify((await openClassifier(tinyModel(lateReshape(view, [1, 2, 3])))).model, [
      foldShapes,
    ]);
    expect(alone.model.graph.nodes.at(-2)?.inputs[1]?.constant?.integers()).toEqual([1, -1]);
  });

  it('opens the cuts that it went around, with their bounds', async () => {
    const names = async (graph: 'simplified' | 'as delivered'): Promise<string[]> => {
      const classifier = await prepareClassifier(
        tinyModel(lateReshape(view)),
        undefined,
        null,
        undefined,
        graph,
      );
      const { cuts } = boundability(classifier, 5000);
      expect(cuts.map(({ why }) => why)).toEqual(cuts.map(() => null));
      return cuts.map(({ cut }) => cut.value.name);
    };
    expect(await names('as delivered')).toEqual(['x', 'f']);
    expect(await names('simplified')).toEqual(['x', 'a', 'b', 'f']);
  });
});

describe('what is the same for every row', () => {
  /** A class token in front of the three tokens, as vision transformers have it, and an offset of the image's size. */
  const tokens: Parts = {
    nodes: [
      ...rowsOf('x'),
      node('Concat', ['u', 'ones'], 'size', { attribute: [intAttr('axis', 0)] }),
      node('Expand', ['token', 'size'], 'tokens'),
      node('Relu', ['x'], 'a'),
      node('Concat', ['tokens', 'a'], 'c', { attribute: [intAttr('axis', 1)] }),
      node('Shape', ['x'], 'all'),
      node('Expand', ['half', 'all'], 'offsets'),
      node('Sub', ['a', 'offsets'], 'd'),
      node('Concat', ['c', 'd'], 'e', { attribute: [intAttr('axis', 1)] }),
      node('Tanh', ['e'], 't'),
      node('ReduceMean', ['t'], 'y', { attribute: [intsAttr('axes', [2]), intAttr('keepdims', 0)] }),
    ],
    initializers: [
      scalar('zero', 0),
      intTensor('axes', [0]),
      intTensor('ones', [1, 1]),
      floatTensor('token', [1, 1, 3], [0.1, -0.2, 0.3]),
      floatTensor('half', [1], [0.5]),
    ],
    input: ['N', 3, 3],
    output: ['N', 7],
  };

  it('is stored once; rows that must be counted are counted on the tensor alongside', async () => {
    const model = await folded(tokens);
    const concat = model.graph.nodes.find(({ outputs }) => outputs[0]?.name === 'c');
    const shapes = model.graph.nodes.filter(({ opType }) => opType === 'Shape');
    expect(shapes.map(({ inputs }) => inputs[0]?.name)).toEqual(['a']);
    expect(concat?.inputs[1]?.name).toBe('a');
    const offset = model.graph.nodes.find(({ outputs }) => outputs[0]?.name === 'd')?.inputs[1];
    expect(offset?.constant?.dims).toEqual([1, 3, 3]);
    expect(await foldShapes.apply(model)).toBeNull();
  });

  it('is counted without detours: what an exporter puts in place of -1 (Equal, Where) has no bound', async () => {
    const detour = {
      ...tokens,
      nodes: [
        node('Relu', ['x'], 'a'),
        ...rowsOf('a'),
        node('Concat', ['u', 'ones'], 'wanted', { attribute: [intAttr('axis', 0)] }),
        node('Equal', ['wanted', 'free'], 'open'),
        node('Where', ['open', 'present', 'wanted'], 'size'),
        node('Expand', ['token', 'size'], 'tokens'),
        node('Concat', ['tokens', 'a'], 'c', { attribute: [intAttr('axis', 1)] }),
        node('ReduceMean', ['c'], 'y', { attribute: [intsAttr('axes', [2]), intAttr('keepdims', 0)] }),
      ],
      initializers: [
        ...(tokens.initializers ?? []),
        intTensor('free', [-1]),
        intTensor('present', [1, 1, 3]),
      ],
      output: ['N', 4],
    };
    expect(types(await folded(detour))).not.toContain('Where');
    const { cuts } = boundability(await prepareClassifier(tinyModel(detour), undefined, null), 5000);
    expect(cuts.map(({ cut, why }) => [cut.value.name, why])).toEqual([
      ['x', null],
      ['a', null],
      ['c', null],
    ]);
  });

  it('leaves the tensors that it went around as cuts with a bound', async () => {
    const classifier = await prepareClassifier(tinyModel(tokens), undefined, null);
    const { cuts } = boundability(classifier, 5000);
    expect(cuts.map(({ cut, why }) => [cut.value.name, why])).toEqual([
      ['x', null],
      ['a', null],
      ['e', null],
      ['t', null],
    ]);
  });
});

describe('what is left alone', () => {
  // It is 4 for every image without a zero, and so for all that are tried.
  it('a shape that depends on the values of the image', async () => {
    const model = tinyModel({
      nodes: [
        node('NonZero', ['x'], 'places'),
        node('Shape', ['places'], 's'),
        node('Gather', ['s', 'one'], 'count'),
        node('Cast', ['count'], 'c', { attribute: [intAttr('to', DataType.FLOAT)] }),
        node('Add', ['x', 'c'], 'y'),
      ],
      initializers: [scalar('one', 1)],
      input: [1, 4],
      output: [1, 4],
    });
    expect(await foldShapes.apply(model)).toBeNull();
  });

  it('a number of rows that is added to the scores', async () => {
    const model = tinyModel({
      nodes: [
        node('Shape', ['x'], 's'),
        node('Gather', ['s', 'zero'], 'n'),
        node('Cast', ['n'], 'c', { attribute: [intAttr('to', DataType.FLOAT)] }),
        node('Add', ['x', 'c'], 'y'),
      ],
      initializers: [scalar('zero', 0)],
      output: ['N', 4],
    });
    expect(await foldShapes.apply(model)).toBeNull();
  });

  it('a model that computes no shapes', async () => {
    expect(
      await foldShapes.apply(tinyModel({ nodes: [node('Relu', ['x'], 'y')], output: ['N', 4] })),
    ).toBeNull();
  });
});
