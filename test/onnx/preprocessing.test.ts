import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import type { Layout } from '../../src/onnx/intake/pixel-layout.ts';
import { prependPreprocessing } from '../../src/onnx/intake/preprocessing.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { intsAttr, node, tinyModel } from './tiny-model.ts';

const [c, h, w] = [3, 2, 4];
const rowOf: Record<Layout, number[]> = {
  nchw: [c, h, w],
  nhwc: [h, w, c],
  hw: [h, w],
  flat: [c * h * w],
  'flat-transposed': [c * h * w],
};

/** A model that returns its input, flattened: what the network behind the preprocessing would see. */
const mirror = (row: number[], extra: { ir?: number; name?: string } = {}) =>
  tinyModel({ nodes: [node('Flatten', ['x'], 'y')], input: ['N', ...row], ...extra });

async function seen(
  model: ReturnType<typeof mirror>,
  image: Float32Array,
  dims: number[],
): Promise<number[]> {
  return withSession(encodeModel(model.proto), 'tiny', async (s) => [
    ...(await runRows(s, [image, image], dims)).data,
  ]);
}

describe('prepended preprocessing', () => {
  it('computes (scale·x − mean)/std per channel in the layout of the model', async () => {
    const image = Float32Array.from({ length: c * h * w }, (_, k) => k / 24);
    const mean = [10, 20, 30];
    const std = [2, 3, 5];
    for (const layout of ['nchw', 'nhwc', 'flat'] as const) {
      const model = prependPreprocessing(mirror(rowOf[layout]), {
        layout,
        scale: 255,
        mean,
        std,
        imageShape: [c, h, w],
      });
      const normal = (ch: number, y: number, x: number): number =>
        (255 * (image[(ch * h + y) * w + x] as number) - (mean[ch] as number)) / (std[ch] as number);
      const expected: number[] = [];
      if (layout === 'nhwc') {
        for (let y = 0; y < h; y++)
          for (let x = 0; x < w; x++) for (let ch = 0; ch < c; ch++) expected.push(normal(ch, y, x));
      } else {
        for (let ch = 0; ch < c; ch++)
          for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) expected.push(normal(ch, y, x));
      }
      const actual = await seen(model, image, [c, h, w]);
      expect(actual).toHaveLength(2 * expected.length);
      for (const [k, v] of [...expected, ...expected].entries()) expect(actual[k]).toBeCloseTo(v, 4);
      expect(model.graph.inputs[0]).toMatchObject({ name: 'image', declaredShape: ['N', c, h, w] });
      expect(model.opsets).toEqual(mirror([1]).opsets);
    }
  });

  it.each<[string, (number | string)[], number[]]>([
    ['[N,24]', [24], [24]],
    ['[N,24,1]', [24, 1], [24, 1]],
    ['[N,1,24]', [1, 24], [1, 24]],
    ['[N,6,4]', [6, 4], [6, 4]],
    ['[N,1,24,1]', [1, 24, 1], [1, 24, 1]],
    ['[N,?,1]', ['P', 1], [24, 1]],
  ])('lays the pixels flat in an input of %s', async (_, declared) => {
    const image = Float32Array.from({ length: c * h * w }, (_, k) => k / 24);
    const flat = tinyModel({ nodes: [node('Flatten', ['x'], 'y')], input: ['N', ...declared] });
    const model = prependPreprocessing(flat, { layout: 'flat', scale: 1, imageShape: [c, h, w] });
    expect(await seen(model, image, [c, h, w])).toEqual([...image, ...image]);
  });

  it('lays each channel flat column by column for flat-transposed', async () => {
    const image = Float32Array.from({ length: c * h * w }, (_, k) => k / 24);
    const wanted = { layout: 'flat-transposed', scale: 1, imageShape: [c, h, w] } as const;
    const model = prependPreprocessing(mirror([c * h * w, 1]), wanted);
    const expected = [0, 1, 2].flatMap((ch) =>
      Array.from({ length: w }, (_, x) =>
        Array.from({ length: h }, (_, y) => image[(ch * h + y) * w + x] as number),
      ).flat(),
    );
    expect(await seen(model, image, [c, h, w])).toEqual([...expected, ...expected]);
  });

  it.each([
    ['another number of elements', [25], /24 numbers; the model takes \[25\], 25/],
    ['two open dimensions', ['P', 'Q'], /the model takes \[P,Q\]/],
    [
      'the shape of channels last, where colours would land on other pixels',
      [h, w, c],
      /the model takes \[2,4,3\]/,
    ],
    ['an open dimension beside one that does not divide', ['P', 7], /the model takes \[P,7\]/],
  ])('does not lay pixels flat in an input with %s', (_, declared, why) => {
    const flat = tinyModel({ nodes: [node('Flatten', ['x'], 'y')], input: ['N', ...declared] });
    const wanted = { layout: 'flat', scale: 1, imageShape: [c, h, w] } as const;
    expect(() => prependPreprocessing(flat, wanted)).toThrow(
      expect.objectContaining({ report: expect.objectContaining({ why: expect.stringMatching(why) }) }),
    );
  });

  it.each<[string, number[], Layout, string]>([
    ['of three channels', [3, h, w], 'nchw', 'Add --channels grey-to-rgb'],
    ['of three channels, last', [h, w, 3], 'nchw', 'and --layout nhwc.'],
    ['of one channel, last', [h, w, 1], 'nchw', 'Use --layout nhwc.'],
    ['flat', [h * w], 'nchw', 'Use --layout flat.'],
    ['flat with an axis of one', [h * w, 1], 'nchw', 'Use --layout flat.'],
  ])('names the flags with which grey images fit an input %s', (_, row, layout, remedy) => {
    const wanted = { layout, scale: 1, imageShape: [1, h, w] } as const;
    expect(() => prependPreprocessing(mirror(row), wanted)).toThrow(
      expect.objectContaining({
        report: expect.objectContaining({ remedy: expect.stringContaining(remedy) }),
      }),
    );
  });

  it('puts the colours into the order of the model first, so that mean and std are in that order', async () => {
    const image = Float32Array.from({ length: c * h * w }, (_, k) => k / 24);
    const model = prependPreprocessing(mirror(rowOf.nhwc), {
      ...{ layout: 'nhwc', channelOrder: 'bgr', scale: 255, mean: [104, 117, 123], imageShape: [c, h, w] },
    });
    const actual = await seen(model, image, [c, h, w]);
    for (let pixel = 0; pixel < h * w; pixel++)
      for (const [k, mean] of [104, 117, 123].entries())
        expect(actual[3 * pixel + k]).toBeCloseTo(255 * (image[(2 - k) * h * w + pixel] as number) - mean, 4);
  });

  it('has no other order of colours for images without', () => {
    const grey = () =>
      prependPreprocessing(mirror([1, h, w]), {
        ...{ layout: 'nchw', channelOrder: 'bgr', scale: 1, imageShape: [1, h, w] },
      });
    expect(grey).toThrow(UsageError);
    expect(grey).toThrow('--channels bgr does not fit images of 1 channel');
  });

  it('drops the channel axis for hw, and works below IR version 4', async () => {
    const image = Float32Array.from({ length: h * w }, (_, k) => k / 8);
    const model = prependPreprocessing(mirror([h, w], { ir: 3 }), {
      layout: 'hw',
      scale: 2,
      imageShape: [1, h, w],
    });
    expect(await seen(model, image, [1, h, w])).toEqual([...image, ...image].map((v) => 2 * v));
  });

  it('returns the model itself when there is nothing to do', () => {
    const model = mirror([c, h, w]);
    expect(prependPreprocessing(model, { layout: 'nchw', scale: 1, imageShape: [c, h, w] })).toBe(model);
    expect(
      prependPreprocessing(model, { layout: 'nchw', scale: 1, mean: [0], std: [1], imageShape: [c, h, w] }),
    ).toBe(model);
  });

  it('finds a free name when the model already uses "image" or "preprocessing/…"', async () => {
    const model = tinyModel({
      nodes: [
        node('Transpose', ['x'], 'image', {
          name: 'preprocessing/Mul',
          attribute: [intsAttr('perm', [0, 1, 3, 2])],
        }),
        node('Flatten', ['image'], 'y'),
      ],
      input: ['N', 1, 2, 2],
    });
    const wrapped = prependPreprocessing(model, { layout: 'nchw', scale: 2, imageShape: [1, 2, 2] });
    expect(wrapped.graph.inputs[0]?.name).toBe('image_2');
    expect((await seen(wrapped, Float32Array.of(1, 2, 3, 4), [1, 2, 2])).slice(0, 4)).toEqual([2, 6, 4, 8]);
  });

  it('refuses images of every other shape, showing both and the layout that would fit', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Layout>('nchw', 'nhwc', 'flat'),
        fc.integer({ min: 1, max: 4 }),
        (layout, channels) => {
          fc.pre(channels !== c);
          const wrong = () =>
            prependPreprocessing(mirror(rowOf[layout]), { layout, scale: 1, imageShape: [channels, h, w] });
          expect(wrong).toThrow(UsageError);
          expect(wrong).toThrow(`[${channels},${h},${w}]`);
        },
      ),
      { seed: 1, numRuns: 20 },
    );
    try {
      prependPreprocessing(mirror(rowOf.nhwc), { layout: 'nchw', scale: 1, imageShape: [c, h, w] });
      expect.unreachable();
    } catch (error) {
      expect((error as UsageError).report.remedy).toBe('Use --layout nhwc.');
    }
  });

  it('refuses mean and std of another number of channels, and a std of zero', () => {
    const prepend = (more: object) => () =>
      prependPreprocessing(mirror([c, h, w]), { layout: 'nchw', scale: 1, imageShape: [c, h, w], ...more });
    expect(prepend({ mean: [1, 2] })).toThrow(UsageError);
    expect(prepend({ std: [1, 0, 1] })).toThrow(UsageError);
    expect(prepend({ scale: 0 })).toThrow(UsageError);
  });
});
