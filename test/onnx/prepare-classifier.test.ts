/** From a file to a classifier: canonical images in, class scores out, rows apart, cuts listed. */
import { describe, expect, it } from 'vitest';
import { ModelRefused, UsageError } from '../../src/ground/errors.ts';
import type { Layout } from '../../src/onnx/intake/pixel-layout.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { glyphParts } from '../cli/glyph-network.ts';
import { node, type Parts, tinyModel, twoLayers } from './tiny-model.ts';

const prepared = (parts: Parts, output?: string) => prepareClassifier(tinyModel(parts), output, null);

describe('a prepared classifier', () => {
  it('takes canonical images whatever layout, scale and normalisation its file wants', async () => {
    const classifier = await prepareClassifier(tinyModel(glyphParts), undefined, {
      ...{ layout: 'nchw', scale: 255, mean: [30], std: [60], imageShape: [1, 28, 28] },
    });
    expect(classifier.inputDims).toEqual([1, 1, 28, 28]);
    expect(classifier.classes).toBe(10);
    expect(classifier.source.graph.nodes).toHaveLength(4);
    const steps = classifier.model.graph.nodes.map(({ opType }) => opType);
    expect(steps.filter((type) => type !== 'Constant').slice(0, 4)).toEqual(['Mul', 'Sub', 'Div', 'Conv']);
    expect(classifier.cuts.cuts[0]?.value).toBe(classifier.input);
  });

  it('has its batch of one made free where rows are apart', async () => {
    const classifier = await prepared({ ...twoLayers, input: [1, 4], output: [1, 3] });
    expect([classifier.batchable, classifier.whyNotBatchable]).toEqual([true, null]);
    expect(classifier.cuts.cuts.map(({ name }) => name)).toEqual(['input', 'fc1', 'Relu_1']);
  });

  it('is refused when it mixes the rows of a batch', async () => {
    const mixing: Parts = {
      ...twoLayers,
      nodes: [
        ...twoLayers.nodes.slice(0, 2),
        node('ReduceMax', ['a'], 'm', { attribute: [{ name: 'axes', type: 7, ints: [0] }] }),
        node('Sub', ['a', 'm'], 's'),
        node('Gemm', ['s', 'fc2.weight'], 'y'),
      ],
    };
    await expect(prepared(mixing)).rejects.toThrow(ModelRefused);
  });

  it('takes the lengths of open axes from the images, in the layout of the model', async () => {
    const pooled: Parts = {
      nodes: [
        node('ReduceMean', ['x'], 'm', { attribute: [{ name: 'axes', type: 7, ints: [1, 2] }] }),
        node('Flatten', ['m'], 'y'),
      ],
      input: ['N', 'height', 'width', 3],
      output: ['N', 3],
    };
    const open = (layout: Layout, imageShape: [number, number, number]) =>
      prepareClassifier(tinyModel(pooled), undefined, { layout, scale: 1, imageShape });
    expect((await open('nhwc', [3, 5, 7])).inputDims).toEqual([1, 3, 5, 7]);
    await expect(open('nchw', [3, 5, 7])).rejects.toMatchObject({ report: { remedy: 'Use --layout nhwc.' } });
    await expect(open('nhwc', [1, 5, 7])).rejects.toThrow(UsageError);
    await expect(prepared(pooled)).rejects.toMatchObject({
      report: { remedy: expect.stringContaining('--input-shape') },
    });
  });

  it('keeps only what the named output needs', async () => {
    const outputs = ['a', 'y'].map((name, k) => tensorInfo(name, DataType.FLOAT, ['N', k === 0 ? 5 : 3]));
    await expect(prepared({ ...twoLayers, outputs })).rejects.toThrow(ModelRefused);
    await expect(prepared({ ...twoLayers, outputs }, 'z')).rejects.toThrow(UsageError);
    const early = await prepared({ ...twoLayers, outputs }, 'a');
    expect(early.classes).toBe(5);
    expect(early.model.graph.nodes.map(({ opType }) => opType)).toEqual(['Gemm', 'Relu']);
  });
});
