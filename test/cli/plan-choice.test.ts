/**
 * The choice of `plan` where a cut is better than the input, judged on fresh images. The model limits its pixels to [0,1] before
 * a linear classifier (nearest class mean). Noise on the image is rectified by the limit, which shifts every dark pixel by its
 * mean; noise behind the limit averages out. The left half is 1-Lipschitz, so the levels of both cuts are the same.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { leftHalfBoundAt } from '../../src/methods/splitz/left-half.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import { openSmoothed } from '../methods/open.ts';
import { floatTensor, intAttr, node, tinyProto } from '../onnx/tiny-model.ts';
import { newFolder, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const PIXELS = 28 * 28;
const CLASSES = 10;

let work: ReturnType<typeof newFolder>;
let model = '';

beforeAll(async () => {
  work = newFolder();
  const data = await openDataset('glyphs', { subset: 'train' });
  const sums = Array.from({ length: CLASSES }, () => new Float64Array(PIXELS));
  const counts = new Float64Array(CLASSES);
  for (let i = 0; i < 1000; i++) {
    const image = await data.image(i);
    const label = data.labels?.[i] ?? 0;
    counts[label] = (counts[label] ?? 0) + 1;
    const sum = sums[label]!;
    for (const [p, value] of image.entries()) sum[p] = (sum[p] ?? 0) + value;
  }
  const means = sums.map((sum, c) => sum.map((value) => value / (counts[c] ?? 1)));
  const weights = means.flatMap((mean) => [...mean]);
  const biases = means.map((mean) => -mean.reduce((sum, v) => sum + v * v, 0) / 2);
  const proto = tinyProto({
    nodes: [
      node('Clip', ['x', 'low', 'high'], 'pixels', { name: 'limit' }),
      node('Flatten', ['pixels'], 'f', { name: 'flat', attribute: [intAttr('axis', 1)] }),
      node('Gemm', ['f', 'w', 'b'], 'y', { name: 'nearest', attribute: [intAttr('transB', 1)] }),
    ],
    initializers: [
      floatTensor('low', [], [0]),
      floatTensor('high', [], [1]),
      floatTensor('w', [CLASSES, PIXELS], weights),
      floatTensor('b', [CLASSES], biases),
    ],
    input: ['N', 1, 28, 28],
    output: ['N', CLASSES],
  });
  model = writeModel(work.folder, 'limited.onnx', proto);
});
afterAll(() => work.remove());

interface Point {
  readonly cut: string;
  readonly sigma: number;
}

describe('the chosen cut and noise', () => {
  it('are not the input here, and are the best of the grid on fresh images', async () => {
    const args = ['plan', model, '--data', 'glyphs', '--levels', '0.3,0.5,0.8', '--n', '2000', '--json'];
    const planned = await splitz(work.folder, ...args, '--draws', '200', '--max', '10', '--no-config');
    expect({ code: planned.code, stderr: planned.stderr }).toMatchObject({ code: 0 });
    const { best, grid } = JSON.parse(planned.stdout) as { best: Point; grid: Point[] };
    expect(best.cut).not.toBe('input');

    const data = await openDataset('glyphs', { subset: 'test' });
    const preprocessing = { layout: 'nchw', scale: 1, imageShape: data.shape } as const;
    const classifier = await prepareClassifier(await loadModel(model), undefined, preprocessing);
    const images = await Promise.all(Array.from({ length: 60 }, (_, k) => data.image(k)));
    const fresh: (Point & { readonly averageRadius: number })[] = [];
    for (const { cut: name, sigma } of grid) {
      const cut = findCut(classifier.cuts, name);
      const left = cut.index === 0 ? null : leftHalfBoundAt(classifier, cut, 'secant', 1e-6);
      const smoothed = await openSmoothed(classifier, cut, left, images.slice(0, 2));
      let sum = 0;
      for (const [k, image] of images.entries()) {
        const settings = {
          sigma,
          n0: 100,
          n: 2000,
          alpha: 0.001,
          bound: 'clopper-pearson',
          seed: 0n,
        } as const;
        const { radius, prediction } = await smoothed.certify(image, k, settings);
        if (prediction === data.labels?.[k]) sum += radius;
      }
      await smoothed.close();
      fresh.push({ cut: name, sigma, averageRadius: sum / images.length });
    }
    const [first] = [...fresh].sort((a, b) => b.averageRadius - a.averageRadius);
    expect({ cut: first?.cut, sigma: first?.sigma }).toEqual({ cut: best.cut, sigma: best.sigma });
  }, 120_000);
});
