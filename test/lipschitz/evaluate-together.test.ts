/** Images evaluated together are evaluated as each of them alone: values and error bounds, to the bit. */
import { expect, it } from 'vitest';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { togetherEvaluator } from '../../src/lipschitz/evaluate-together.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { TOGETHER } from '../../src/operators/algebra/row-products.ts';
import { compiled } from '../operators/compiled.ts';
import { randomSource } from '../operators/random.ts';
import { randomMap } from '../operators/random-convolution.ts';
import { deepNet } from './nets.ts';

function agreesOn(half: LeftHalf, images: readonly Float64Array[]): void {
  expect(togetherEvaluator(half)(images)).toEqual(images.map((x) => evaluateLeftHalf(half, x)));
}

it.each([1, 2, TOGETHER, 2 * TOGETHER + 3])('%i images of random networks', (count) => {
  for (let seed = 0; seed < 12; seed++) {
    const random = randomSource(seed);
    const half = compiled(deepNet(random));
    agreesOn(
      half,
      Array.from({ length: count }, () => random.normals(sizeOf(half.inputDims))),
    );
  }
});

it('images of a network with a convolution that is not written out', () => {
  const { map, random } = randomMap(1);
  const output = {
    size: map.rows,
    terms: [{ base: 0, matrix: map }],
    bias: random.normals(map.rows),
    biasError: 0,
  };
  const half = { inputDims: [1, map.cols], dims: [1, map.rows], steps: [], output };
  agreesOn(
    half,
    Array.from({ length: 3 }, () => random.normals(map.cols)),
  );
});

it('one image without a bound leaves the others theirs', () => {
  const random = randomSource(5);
  const half = compiled(deepNet(random));
  const images = Array.from({ length: 3 }, () => random.normals(sizeOf(half.inputDims)));
  images[1]!.fill(1e308);
  const together = togetherEvaluator(half)(images);
  expect(together.map(({ latent }) => Number.isFinite(latent.error))).toEqual([true, false, true]);
  agreesOn(half, images);
});
