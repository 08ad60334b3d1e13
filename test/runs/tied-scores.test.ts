/** Scores that saturate are reported with how often they do; scores with a largest one are not. */
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { tiesIn } from '../../src/onnx/preflight/checks/tied-scores.ts';
import { intakeSettings, preprocessingOf } from '../../src/runs/intake-settings.ts';
import { checkPreparation } from '../../src/runs/preparation/preparation-check.ts';
import { node, tinyModel, weights } from '../onnx/tiny-model.ts';

const rows = (...scores: number[][]): Float32Array[] => scores.map((row) => Float32Array.from(row));
const repeated = (row: number[], times: number): number[][] => new Array<number[]>(times).fill(row);

describe('ties in the scores of some images', () => {
  it('are none where every image has a largest score', () => {
    expect(tiesIn(rows([1, 0, 0], [0.2, 0.2, 0.3]), 'd')).toBeNull();
  });

  it('are a warning where they are frequent, and a note where one may be chance', () => {
    const often = tiesIn(rows([1, 1, 0], [0, 0.5, 0.1], [0, 1, 1]), 'd');
    expect(often).toMatchObject({ id: 'SPLITZ034', severity: 'warning', where: 'output' });
    expect(often?.what).toBe('on 2 of 3 images of d several classes share the largest score, 1 each time');
    const once = tiesIn(rows([2, 2], ...repeated([1, 0], 63)), 'd');
    expect(once).toMatchObject({ severity: 'note' });
  });
});

describe('a network whose scores end in a Sigmoid', () => {
  const ending = (last: string, gain: number) =>
    tinyModel({
      nodes: [
        node('Flatten', ['x'], 'flat'),
        node('Gemm', ['flat', 'w'], 'z', { attribute: [{ name: 'alpha', type: 1, f: gain }] }),
        node(last, ['z'], 'y'),
      ],
      initializers: [weights('w', [784, 10])],
      input: ['N', 1, 28, 28],
      output: ['N', 10],
    });
  const ties = async (model: ReturnType<typeof tinyModel>) => {
    const data = await openDataset('glyphs', { subset: 'test' });
    const intake = intakeSettings({}, { metadata: new Map() });
    const classifier = await prepareClassifier(model, undefined, preprocessingOf(intake, data.shape));
    return (await checkPreparation(classifier, data, intake)).ties;
  };

  it('is reported where it saturates, and not where it does not', async () => {
    expect(await ties(ending('Sigmoid', 1000))).toMatchObject({ id: 'SPLITZ034', severity: 'warning' });
    expect((await ties(ending('Sigmoid', 1000)))?.what).toContain(', 1 each time');
    expect(await ties(ending('Sigmoid', 0.01))).toBeNull();
    expect(await ties(ending('Identity', 1000))).toBeNull();
  });
});
