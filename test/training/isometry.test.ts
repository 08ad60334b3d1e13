import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { compileLeftHalf } from '../../src/lipschitz/compile-left-half.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { ISOMETRY_CUT, withIsometry } from '../../src/training/isometry.ts';
import { intAttr, node, tinyModel, weights } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';

const classifier = (dims: number[], opset = 17): Model =>
  tinyModel({
    nodes: [
      node('Flatten', ['x'], 'flat', { name: 'flatten' }),
      node('Gemm', ['flat', 'w'], 'y', { name: 'fc', attribute: [intAttr('transB', 1)] }),
    ],
    initializers: [weights('w', [3, sizeOf(dims)])],
    input: ['N', ...dims],
    opset,
  });

const logits = (model: Model, image: Float32Array, dims: number[]): Promise<Float32Array> =>
  withSession(encodeModel(model.proto), 'test', async (s) => (await runRows(s, [image], dims)).data);

describe.each([[[1, 8, 12]], [[3, 9, 6]], [[1, 7, 5]]])(
  'an isometric left half in front of images of %j',
  (dims) => {
    const random = randomSource(3);
    const images = Array.from({ length: 4 }, () =>
      Float32Array.from({ length: sizeOf(dims) }, () => random.uniform(0, 1)),
    );

    it('leaves the logits as they were', async () => {
      const model = classifier(dims);
      const wrapped = withIsometry(model, dims);
      for (const image of images) {
        const [before, after] = [await logits(model, image, dims), await logits(wrapped, image, dims)];
        for (const [k, v] of after.entries()) expect(v).toBeCloseTo(before[k] as number, 4);
      }
    });

    it('keeps every distance between images, and has norm 1', () => {
      const { graph } = withIsometry(classifier(dims), dims);
      const half = compileLeftHalf(graph.inputs[0]!, [1, ...dims], graph.values.get(ISOMETRY_CUT)!);
      const latents = images.map((image) => evaluateLeftHalf(half, Float64Array.from(image)).latent.value);
      const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
        Math.sqrt(Array.from(a, (v, i) => (v - b[i]!) ** 2).reduce((sum, v) => sum + v, 0));
      for (let k = 1; k < images.length; k++)
        expect(distance(latents[k]!, latents[0]!) / distance(images[k]!, images[0]!)).toBeCloseTo(1, 6);
    });
  },
);

describe('a model that cannot be wrapped', () => {
  it('is refused when it was wrapped before, or its Clip takes no inputs', () => {
    const once = withIsometry(classifier([1, 4, 4]), [1, 4, 4]);
    expect(() => withIsometry(once, [1, 4, 4])).toThrow(UsageError);
    expect(() => withIsometry(classifier([1, 4, 4], 9), [1, 4, 4])).toThrow(/operator set 11/);
  });
});
