/**
 * The class of a certificate must be picked on draws that count none of its votes. On a boundary point, where both
 * classes have probability 1/2, any certificate is false: with fresh draws that happens in at most a share alpha of runs,
 * with the class picked on the counted draws in up to 2 alpha.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { floatTensor, node, tinyModel } from '../onnx/tiny-model.ts';
import { mostFailures } from './failures.ts';
import { type OpenedSmoothed, openSmoothed } from './open.ts';

let smoothed: OpenedSmoothed;

beforeAll(async () => {
  const model = tinyModel({
    nodes: [node('Gemm', ['x', 'V'], 'y')],
    initializers: [floatTensor('V', [2, 2], [1, -1, 0, 0])],
    input: ['N', 2],
    output: ['N', 2],
  });
  const classifier = await prepareClassifier(model, undefined, null);
  const [input] = classifier.cuts.cuts;
  if (input === undefined) throw new Error('the input is a cut');
  smoothed = await openSmoothed(classifier, input, null, [], { batch: 128 });
});
afterAll(() => smoothed.close());

it('at a point of equal votes, false certificates are as rare as alpha says', async () => {
  const alpha = 0.1;
  const runs = 1500;
  const settings = { sigma: 1, n0: 128, n: 128, alpha, bound: 'clopper-pearson', seed: 7n } as const;
  let certified = 0;
  for (let image = 0; image < runs; image++) {
    const certificate = await smoothed.certify(new Float32Array(2), image, settings);
    if (certificate.prediction !== null) certified++;
  }
  expect(certified).toBeLessThanOrEqual(mostFailures(runs, alpha));
  // It does certify sometimes, or the claim would be empty.
  expect(certified).toBeGreaterThan(runs * alpha * 0.3);
});
