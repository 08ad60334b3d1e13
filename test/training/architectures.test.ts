import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { leftHalfCompiler } from '../../src/lipschitz/compile-left-half.ts';
import { AS_IT_IS } from '../../src/onnx/compose/conditioning.ts';
import { denoiserOf } from '../../src/onnx/compose/denoiser.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import type { Value } from '../../src/onnx/model/graph.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { buildDenoiser } from '../../src/training/architectures/denoisers.ts';
import { buildArchitecture } from '../../src/training/architectures/index.ts';
import { initialKernel } from '../../src/training/architectures/initial-weights.ts';
import { ARCHITECTURES, type ArchitectureName, DENOISERS } from '../../src/training/architectures/names.ts';

const cards = readFileSync(new URL('../../models/README.md', import.meta.url), 'utf8');
const modelOf = (name: ArchitectureName) => modelFromBytes(encodeModel(buildArchitecture(name)), name);

describe.each(ARCHITECTURES)('%s', (name) => {
  it('is built to the byte as its card says', () => {
    const bytes = encodeModel(buildArchitecture(name));
    const row = cards.split('\n').find((line) => line.startsWith(`| \`${name}\` `));
    expect(row).toContain(bytes.length.toLocaleString('en-US'));
    expect(row).toContain(createHash('sha256').update(bytes).digest('hex'));
  });

  // resnet110 is resnet20 with more of the same blocks, and takes long.
  it.skipIf(name === 'resnet110')(
    'is a classifier of ten classes with independent rows; its left half, or all of it, has a bound',
    async () => {
      const model = modelOf(name);
      const classifier = await prepareClassifier(model, undefined, null);
      expect(classifier.classes).toBe(10);
      expect(classifier.whyNotBatchable).toBeNull();
      const compile = leftHalfCompiler(classifier.input, classifier.inputDims);
      const split = model.metadata.get('splitz.split');
      if (split === undefined) {
        expect(model.metadata.get('splitz.recipe')).toBe('margin');
        expect(compile(classifier.model.graph.outputs[0] as Value).dims).toEqual([1, 10]);
      } else {
        const cut = findCut(classifier.cuts, split);
        const ends = { orthogonal: 'Concat', prototypes: 'ReduceL2' };
        const [family = ''] = name.split('-');
        expect(cut.value.producer?.opType).toBe(
          Object.entries(ends).find(([key]) => key === family)?.[1] ?? 'Clip',
        );
        expect(compile(cut.value).dims).toEqual(cut.dims);
      }
      expect(model.metadata.get('splitz.trained')).toBe('false');
    },
  );
});

describe.each(DENOISERS)('the denoiser %s', (name) => {
  it.each([
    [3, 32, 32],
    [1, 28, 28],
  ])('is built to the byte as its card says for %i×%i×%i', (...dims) => {
    const bytes = encodeModel(buildDenoiser(name, dims));
    const row = cards
      .split('\n')
      .find((line) => line.startsWith(`| \`${name}\` `) && line.includes(dims.join('×')));
    expect(row).toContain(bytes.length.toLocaleString('en-US'));
    expect(row).toContain(createHash('sha256').update(bytes).digest('hex'));
  });

  it.each([
    [1, 28, 28],
    [2, 7, 10],
    [1, 5, 5],
  ])('maps images of %i×%i×%i to themselves, whether or not their sides halve', async (...dims) => {
    const model = modelFromBytes(encodeModel(buildDenoiser(name, dims)), name);
    await expect(denoiserOf(model, AS_IT_IS, { what: 'the images', dims })).resolves.toBeDefined();
  });
});

describe('the architectures', () => {
  it.each([
    // conv1 520 + conv2 25,050 + fc1 and fc2, with 800 or 5,000 inputs; the clip's two limits are not parameters.
    ['lenet', 520 + 25_050 + 801 * 500 + 501 * 10, [20, 24, 24]],
    ['lenet-splitz', 520 + 25_050 + 5001 * 500 + 501 * 10, [20, 24, 24]],
    ['lenet-strided', 520 + 25_050 + 5001 * 128 + 129 * 10, [20, 24, 24]],
    // conv1, three stages of 3×3 kernels, two shortcuts, 768 normalised channels with four numbers each, fc: 0.27 million.
    [
      'resnet20',
      448 + 9 * (6 * 16 ** 2 + 5.5 * 32 ** 2 + 5.5 * 64 ** 2) + 2560 + 4 * 768 + 650,
      [16, 32, 32],
    ],
    ['glyphs', 416 + 12_832 + 9_248 + 513 * 64 + 65 * 10, [16, 24, 24]],
  ] as const)(
    '%s has the parameters that its layers add up to, and the latent of its description',
    async (name, parameters, latent) => {
      const classifier = await prepareClassifier(modelOf(name), undefined, null);
      const input = classifier.cuts.cuts[0];
      expect((input?.parametersRight ?? 0) - 2).toBe(parameters);
      expect(findCut(classifier.cuts, 'conv1').dims).toEqual([1, ...latent]);
    },
  );
});

describe('initial kernels', () => {
  it('have variance 2/fan-in, mean 0 and four levels', () => {
    // Standardised, each statistic is standard normal and beyond 5.5 with probability 3.8e-8.
    const [count, fanIn] = [400 * 1000, 1000];
    const values = initialKernel(1n, [400, 1000], fanIn, 2);
    const variance = 2 / fanIn;
    const mean = values.reduce((a, b) => a + b, 0) / count;
    const square = values.reduce((a, b) => a + b * b, 0) / count;
    expect(new Set(values).size).toBe(4);
    expect(Math.abs(mean) / Math.sqrt(variance / count)).toBeLessThan(5.5);
    // E x⁴ = 41 h⁴ and (E x²)² = 25 h⁴ with h² = variance / 5.
    expect(Math.abs(square - variance) / (Math.sqrt(16 / count) * (variance / 5))).toBeLessThan(5.5);
  });

  it('are independent of each other: no two rows or kernels are equal', () => {
    const rows = [0, 1].flatMap((index) => {
      const values = initialKernel(0n, [50, 100], 100, index);
      return Array.from({ length: 50 }, (_, k) => values.subarray(100 * k, 100 * (k + 1)).join());
    });
    expect(new Set(rows).size).toBe(rows.length);
  });
});
