/** What a radius looks like: an image moved by exactly the median radius, by an attack that means it. */
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import { captioned, exampleInWords } from '../../src/report/perturbed-example.ts';
import { perturbedExample } from '../../src/runs/perturbed-example.ts';
import { exampleHeader, exampleRecord, withVerdict } from '../records/run.ts';
import { runOf } from '../report/runs.ts';

const LENET = fileURLToPath(new URL('../../models/glyphs-lenet.onnx', import.meta.url));
const RADIUS = 3;

/** Bytes of a picture in a data URI. */
const bytesOf = async (uri: string): Promise<Buffer> =>
  sharp(Buffer.from(uri.slice(uri.indexOf(',') + 1), 'base64'))
    .greyscale()
    .raw()
    .toBuffer();

test('an image is moved by the median radius, at random and by an attack; answers of the network alone are shown', async () => {
  const data = await openDataset('glyphs', { subset: 'test' });
  const classifier = await prepareClassifier(await loadModel(LENET), undefined, {
    ...{ layout: 'nchw', scale: 1, imageShape: data.shape },
  });
  const header = exampleHeader();
  const record = exampleRecord(0, header);
  const label = data.labels?.[record.index] ?? 0;
  const run = runOf([withVerdict({ ...record, label }, { prediction: label, radius: RADIUS })], header);
  const example = await perturbedExample(run, classifier, data);
  if (example === null || example.adversarial === null) throw new Error('there is an example');
  expect(example).toMatchObject({ index: record.index, radius: RADIUS, prediction: label });
  expect(example.original.answer).toBe(label);
  // Three is far for this network without noise: an attack finds another class, chance does not.
  expect(example.random.answer).toBe(label);
  expect(example.adversarial.answer).not.toBe(label);
  const original = await bytesOf(example.original.picture);
  for (const { picture } of [example.random, example.adversarial]) {
    const moved = await bytesOf(picture);
    const distance = Math.hypot(...[...moved].map((byte, i) => (byte - (original[i] ?? 0)) / 255));
    // A picture is cut to 0..255 and rounded to bytes.
    expect(distance).toBeLessThan(RADIUS + 0.06);
    expect(distance).toBeGreaterThan(RADIUS / 2);
  }
  expect(captioned(example, header.model).map(({ title }) => title)).toEqual([
    'as it is',
    'moved at random',
    'moved by an attack',
  ]);
  expect(exampleInWords(example, header.model)).toContain(
    'moved by its certified radius, 3.000: the median of the run',
  );
  expect(await perturbedExample(run, classifier, data)).toEqual(example);
});

test('there is none without a certificate', async () => {
  const data = await openDataset('glyphs', { subset: 'test' });
  const classifier = await prepareClassifier(await loadModel(LENET), undefined, {
    ...{ layout: 'nchw', scale: 1, imageShape: data.shape },
  });
  const header = exampleHeader();
  const run = runOf([withVerdict(exampleRecord(0, header), { prediction: null, radius: 0 })], header);
  expect(await perturbedExample(run, classifier, data)).toBeNull();
});
