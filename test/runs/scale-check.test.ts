/** The scale of the pixels judged from images: told when another one is clearly better, and only then. */
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import type { Preprocessing } from '../../src/onnx/intake/preprocessing.ts';
import { scaleFromData } from '../../src/onnx/preflight/checks/preprocessing.ts';
import { checkScale } from '../../src/runs/scale-check.ts';
import { floatTensor, intAttr, node, type Parts, tinyModel } from '../onnx/tiny-model.ts';

const answers = (scale: number, accuracy: number | null, sameAnswer: number) => ({
  scale,
  accuracy,
  sameAnswer,
});

/** Two classes by the mean of the pixels, its threshold in units of `top`: below it class 0. */
const byBrightness = (top: number, input: Parts['input'] = ['N', 1, 28, 28]) =>
  tinyModel({
    nodes: [
      node('Flatten', ['x'], 'flat'),
      node('ReduceMean', ['flat'], 'mean', {
        attribute: [intAttr('keepdims', 1), { name: 'axes', type: 7, ints: [1] }],
      }),
      node('Sub', ['mean', 'threshold'], 'bright'),
      node('Neg', ['bright'], 'dark'),
      node('Concat', ['dark', 'bright'], 'y', { attribute: [intAttr('axis', 1)] }),
    ],
    initializers: [floatTensor('threshold', [1], [0.13 * top])],
    input,
    output: [input[0] ?? null, 2],
  });

const unlabelled = async () => ({ ...(await openDataset('glyphs', { subset: 'test' })), labels: null });

/** What is found for a model of pixels in 0..top that is fed pixels in 0..scale. */
async function checked(top: number, scale: number, input: Parts['input'] = ['N', 1, 28, 28]) {
  const expecting: Preprocessing = { layout: 'nchw', scale, imageShape: [1, 28, 28] };
  const classifier = await prepareClassifier(byBrightness(top, input), undefined, expecting);
  return checkScale(classifier, await unlabelled(), scale);
}

describe('the scale judged from images', () => {
  it('is told when the answers are all the same on the scale used and not on the other', async () => {
    const finding = await checked(255, 1);
    expect(finding).toMatchObject({ id: 'SPLITZ026', severity: 'warning', where: 'input' });
    expect(finding?.remedy).toContain('--scale 255');
    expect(finding?.what).toContain('100 % of the images the same answer with pixels in 0..1');
  });

  it('is not told on the right scale', async () => {
    expect(await checked(1, 1)).toBeNull();
    expect(await checked(255, 255)).toBeNull();
  });

  it('is told of a model whose batch size is fixed', async () => {
    expect(await checked(255, 1, [4, 1, 28, 28])).toMatchObject({ id: 'SPLITZ026' });
  });

  it('is told in both directions, and with labels only for clearly more of them', () => {
    expect(scaleFromData(answers(255, 0.1, 1), answers(1, 0.9, 0.1), 64, 'd')?.remedy).toContain(
      '--scale 1.',
    );
    expect(scaleFromData(answers(1, 0.5, 1), answers(255, 0.69, 0.1), 64, 'd')).toBeNull();
    expect(scaleFromData(answers(1, 0.5, 0.2), answers(255, 0.71, 0.2), 64, 'd')?.what).toBe(
      'on 64 images of d the model finds 71 % of the labels with pixels in 0..255, 50 % with 0..1',
    );
  });
});
