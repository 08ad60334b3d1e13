/** What is offered where `--split first` has no cut: plain smoothing first, then the cuts that may have a bound, and no other. */
import { expect, test } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { cutFor } from '../../src/methods/splitz/cut-for.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { node, tinyModel, weights } from '../onnx/tiny-model.ts';

test('a network without an activation is offered only cuts behind operators that have a bound', async () => {
  const model = tinyModel({
    nodes: [
      node('Gemm', ['x', 'w'], 'g', { name: 'layer' }),
      node('Hardmax', ['g'], 'c', { name: 'jump' }),
      node('Gemm', ['c', 'v'], 'y', { name: 'last' }),
    ],
    initializers: [weights('w', [4, 4]), weights('v', [4, 3])],
  });
  const classifier = await prepareClassifier(model, undefined, null);
  const behind = (op: string): string =>
    classifier.cuts.cuts.find(({ value }) => value.producer?.opType === op)?.name ?? 'none';
  expect(behind('Hardmax')).not.toBe('none');
  let refusal: unknown;
  try {
    cutFor(classifier, 'first');
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(ModelRefused);
  expect((refusal as ModelRefused).report.remedy).toBe(
    `Write --split input (plain smoothing), or choose a cut by name: input, ${behind('Gemm')}.`,
  );
});
