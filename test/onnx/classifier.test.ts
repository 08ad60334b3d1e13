import { describe, expect, it } from 'vitest';
import { ModelRefused, type SplitzError, UsageError } from '../../src/ground/errors.ts';
import { openClassifier } from '../../src/onnx/intake/classifier.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { AttributeType } from '../../src/onnx/model/proto.ts';
import {
  floatTensor,
  intAttr,
  intTensor,
  node,
  type Parts,
  tinyModel,
  twoLayers,
  weights,
} from './tiny-model.ts';

async function refusal(parts: Parts, options = {}): Promise<SplitzError> {
  const error: unknown = await openClassifier(tinyModel(parts), options).then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof ModelRefused || error instanceof UsageError))
    throw new Error(`not refused: ${String(error)}`);
  expect(error.report.remedy).toBeTruthy();
  return error;
}

const f = (name: string, dims: (number | string)[]) => tensorInfo(name, DataType.FLOAT, dims);

describe('opening a classifier', () => {
  it('finds input, classes and batch of a plain one', async () => {
    const classifier = await openClassifier(tinyModel(twoLayers));
    expect(classifier).toMatchObject({ inputDims: [4], classes: 3, fixedBatch: null });
    expect(await openClassifier(tinyModel({ ...twoLayers, input: [1, 4], output: [1, 3] }))).toMatchObject({
      fixedBatch: 1,
    });
  });

  it('reads the number of classes from what ONNX Runtime returns: [N,K,1,1], [K], or a false declaration', async () => {
    const reshaped = (target: number[]): Parts => ({
      nodes: [
        ...twoLayers.nodes.slice(0, 2),
        node('Gemm', ['a', 'fc2.weight'], 'z'),
        node('Reshape', ['z', 't'], 'y'),
      ],
      initializers: [...(twoLayers.initializers ?? []), intTensor('t', target)],
      input: [1, 4],
      output: [7],
    });
    for (const target of [[-1, 3, 1, 1], [3], [1, 3]]) {
      expect((await openClassifier(tinyModel(reshaped(target)))).classes).toBe(3);
    }
  });

  it('refuses two inputs and takes one of two outputs when it is named', async () => {
    const two: Parts = {
      nodes: [node('Relu', ['x'], 'y'), node('Add', ['x', 'b'], 'z')],
      inputs: [f('x', ['N', 4]), f('b', ['N', 4])],
      outputs: [f('y', ['N', 4]), f('z', ['N', 4])],
    };
    expect((await refusal(two)).message).toMatch(/2 outputs: 'y'.*'z'/);
    expect((await refusal(two, { output: 'z' })).message).toMatch(/2 inputs: 'x'.*'b'/);
    expect(await refusal(two, { output: 'w' })).toBeInstanceOf(UsageError);
    const one = await openClassifier(tinyModel(two), { output: 'y' });
    expect(one.model.graph.inputs.map((v) => v.name)).toEqual(['x']);
    expect(one.model.graph.nodes).toHaveLength(1);
  });

  it('refuses by name types that no Cast makes an image of', async () => {
    for (const type of [DataType.INT32, DataType.UINT16, DataType.BOOL]) {
      const nodes = [node('Cast', ['x'], 'y', { attribute: [intAttr('to', DataType.FLOAT)] })];
      const error = await refusal({ nodes, inputs: [tensorInfo('x', type, ['N', 4])] });
      expect(error.message).toMatch(/'x' is (INT32|UINT16|BOOL), not FLOAT/);
    }
    const label = [node('ArgMax', ['x'], 'y', { attribute: [intAttr('axis', 1)] })];
    expect(
      (await refusal({ nodes: label, outputs: [tensorInfo('y', DataType.INT64, ['N', 1])] })).message,
    ).toMatch(/INT64.*not class scores/);
  });

  it('asks for the shape of an open input, and shows both shapes when the answer does not fit', async () => {
    const open: Parts = {
      nodes: [node('GlobalAveragePool', ['x'], 'p'), node('Flatten', ['p'], 'y')],
      input: ['N', 3, 'H', 'W'],
    };
    expect((await refusal(open)).message).toMatch(/\[N,3,H,W\] is open/);
    expect((await openClassifier(tinyModel(open), { inputShape: [3, 8, 8] })).inputDims).toEqual([3, 8, 8]);
    const error = await refusal(open, { inputShape: [1, 8, 8] });
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(/\[1,8,8\].*\[N,3,H,W\]/);
  });

  it('refuses random operators wherever they hide', async () => {
    const random = node('RandomNormalLike', ['x'], 'r', { name: 'noise' });
    expect((await refusal({ nodes: [random, node('Add', ['x', 'r'], 'y')] })).message).toMatch(
      /'noise' draws random/,
    );
    const branch = (nodes: Parts['nodes']) => ({ name: 'b', node: nodes, output: [{ name: 'out' }] });
    const hidden = node('If', ['c'], 'y', {
      attribute: [
        {
          name: 'then_branch',
          type: AttributeType.GRAPH,
          g: branch([random, node('Add', ['x', 'r'], 'out')]),
        },
        { name: 'else_branch', type: AttributeType.GRAPH, g: branch([node('Relu', ['x'], 'out')]) },
      ],
    });
    const c = { name: 'c', dataType: DataType.BOOL, dims: [], int32Data: [1] };
    expect((await refusal({ nodes: [hidden], initializers: [c] })).message).toMatch(/'noise' draws random/);
  });

  it('refuses Dropout and BatchNormalization in training mode, and takes them in inference mode', async () => {
    const dropout = (on: number): Parts => ({
      nodes: [node('Dropout', ['x', '', 'mode'], 'y')],
      initializers: [{ name: 'mode', dataType: DataType.BOOL, dims: [], int32Data: [on] }],
    });
    expect((await refusal(dropout(1))).message).toMatch(/Dropout.*training mode/);
    expect((await openClassifier(tinyModel(dropout(0)))).classes).toBe(4);
    const names = ['scale', 'shift', 'mean', 'var'];
    const norm = (on: number): Parts => ({
      nodes: [
        node('BatchNormalization', ['x', ...names], on ? ['y', 'm', 'v'] : 'y', {
          attribute: [intAttr('training_mode', on)],
        }),
      ],
      initializers: names.map((name) => floatTensor(name, [4], [1, 2, 3, 4])),
    });
    expect((await refusal(norm(1))).message).toMatch(/BatchNormalization.*training mode/);
    expect((await openClassifier(tinyModel(norm(0)))).classes).toBe(4);
    const old: Parts = { ...norm(0), opset: 9 };
    expect(
      (await openClassifier(tinyModel({ ...old, nodes: [node('BatchNormalization', ['x', ...names], 'y')] })))
        .classes,
    ).toBe(4);
    const training = {
      ...old,
      nodes: [node('BatchNormalization', ['x', ...names], ['y', 'm', 'v', 'sm', 'sv'])],
    };
    expect((await refusal(training)).message).toMatch(/training mode/);
  });

  it('puts an unknown operator in words', async () => {
    expect((await refusal({ nodes: [node('Mystery', ['x'], 'y')] })).message).toMatch(
      /operator Mystery does not exist/,
    );
    expect((await refusal({ nodes: [node('Relu', ['x'], 'y')], opset: 1 })).message).toMatch(
      /no CPU implementation of Relu/,
    );
  });

  it('names the element type where ONNX Runtime lacks an operator for it, and no operator set for a remedy', async () => {
    const kernel = { ...weights('w', [1, 1, 1, 1]), dataType: DataType.DOUBLE, rawData: new Uint8Array(8) };
    const wide = {
      initializers: [kernel],
      inputs: [tensorInfo('x', DataType.DOUBLE, ['N', 1, 2, 2])],
      outputs: [tensorInfo('y', DataType.DOUBLE, ['N', 4])],
    };
    const { report } = await refusal({
      ...wide,
      nodes: [node('Conv', ['x', 'w'], 'c', { name: 'conv' }), node('Flatten', ['c'], 'y')],
    });
    expect(report.what).toMatch(/no CPU implementation of Conv for DOUBLE, .* node 'conv'/);
    expect(report.remedy).toMatch(/float32/);
    expect(report.remedy).not.toMatch(/operator set/);
  });

  it('refuses an output with a single number per image', async () => {
    const single = {
      ...twoLayers,
      initializers: [weights('fc1.weight', [4, 5]), weights('fc1.bias', [5]), weights('fc2.weight', [5, 1])],
    };
    expect((await refusal({ ...single, output: ['N', 1] })).message).toMatch(/not class scores/);
  });
});
