/** Left halves whose stem stays a convolution: radii as sound and nearly as large, with far fewer products. */
import { describe, expect, it } from 'vitest';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import { COSTLY, createSpectralNorm } from '../../src/lipschitz/spectral-norm.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { ConvolutionMap } from '../../src/operators/algebra/convolution-map.ts';
import { floatTensor, intsAttr, node } from '../onnx/tiny-model.ts';
import { compiled } from '../operators/compiled.ts';
import { randomSource } from '../operators/random.ts';

const DIMS = [1, 3, 54, 54];
const SEED = 11;

/** Normalisation, a 5 x 5 convolution of stride 1 to 40 channels (8.7 million entries), BatchNormalization, Relu. */
function stem(channels = 40): LeftHalf {
  const random = randomSource(SEED);
  const per = (name: string, spread: number, centre: number) =>
    floatTensor(
      name,
      [channels],
      random.float32s(channels, spread).map((v) => Math.abs(v) + centre),
    );
  return compiled({
    nodes: [
      node('Sub', ['x', 'mean'], 'centred'),
      node('Div', ['centred', 'std'], 'normal'),
      node('Conv', ['normal', 'w'], 'z', { attribute: [intsAttr('pads', [2, 2, 2, 2])] }),
      node('BatchNormalization', ['z', 'gain', 'shift', 'm', 'v'], 'n'),
      node('Relu', ['n'], 'y'),
    ],
    initializers: [
      floatTensor('mean', [1, 3, 1, 1], [0.485, 0.456, 0.406]),
      floatTensor('std', [1, 3, 1, 1], [0.229, 0.224, 0.225]),
      floatTensor('w', [channels, 3, 5, 5], random.float32s(channels * 75, 0.1)),
      per('gain', 0.2, 0.8),
      per('shift', 0.2, 0),
      per('m', 0.1, 0),
      per('v', 0.3, 0.7),
    ],
    dims: DIMS,
    opset: 17,
  });
}

type Evaluation = ReturnType<typeof evaluateLeftHalf>;
type Radius = ReturnType<ReturnType<typeof createLeftHalfBound>['inputRadius']>;

const image = (seed: number): Float64Array => {
  const random = randomSource(seed);
  return Float64Array.from({ length: sizeOf(DIMS) }, () => random.uniform(0, 1));
};

const half = stem();
const [step] = half.steps;
const map = step?.input.terms[0]?.matrix;
if (!(map instanceof ConvolutionMap)) throw new Error('the stem should be a convolution');

describe('the radius behind a stem that is not written out', () => {
  const probes = (index: number) => randomSource(100 + index).normals;
  const certifierOf = (bound: 'global' | 'secant') => {
    const certifier = createLeftHalfBound(half, bound, 1e-6);
    // Norms without masks are bounded by the symbol of the stem: certainly.
    expect(certifier.failureProbability).toBe(bound === 'global' ? 0 : 1e-6);
    certifier.globalLipschitz(randomSource(99).normals);
    return certifier;
  };
  const [first, second] = [1, 2].map((seed) => evaluateLeftHalf(half, image(seed))) as [
    Evaluation,
    Evaluation,
  ];
  let secants: Radius | null = null;
  /** Of the first image, once for all tests: the search is slow. */
  const bySecants = (): Radius => {
    secants ??= certifierOf('secant').inputRadius(first, 0.7, probes(0));
    return secants;
  };

  it('absorbs normalisation and BatchNormalization: one map, with their rounding in its error', () => {
    expect([map.before, map.after]).not.toContain(null);
    expect(map.error).toBeGreaterThan(0);
    expect(map.error).toBeLessThan(1e-12);
  });

  it('evaluates as the written-out matrix does', () => {
    const matrix = map.explicit('');
    expect(first.latent.error).toBeLessThan(1e-9);
    const x = image(1);
    for (const row of [0, 53, 54 * 54 * 7 + 100, 40 * 54 * 54 - 1]) {
      let z = step?.input.bias[row] ?? 0;
      for (let k = matrix.rowStart[row]!; k < matrix.rowStart[row + 1]!; k++)
        z += matrix.value[k]! * x[matrix.column[k]!]!;
      expect(Math.abs(z - (first.inputs[0]?.value[row] ?? 0))).toBeLessThan(1e-12);
    }
  });

  it('is proved at what it reports, within 4 % of the best, and no smaller than the product bound gives', () => {
    const byProduct = certifierOf('global').inputRadius(first, 0.7, probes(0));
    const radii = [byProduct, bySecants()].map(({ radius, displacement }) => {
      expect(displacement).toBeLessThanOrEqual(0.7);
      expect(displacement).toBeGreaterThan(0.7 * 0.96);
      return radius;
    });
    const [global = 0, secant = 0] = radii;
    expect(secant).toBeGreaterThan(global * 0.98);
    // The slopes at that radius, their norm by an estimate from below: D cannot honestly be much smaller.
    const norms = createSpectralNorm(map, half.dims, DIMS);
    expect(norms.work).toBeGreaterThan(COSTLY);
    expect(global * norms.estimate(null, null, 60)).toBeLessThanOrEqual(0.7);
    expect(global * norms.estimate(null, null, 60)).toBeGreaterThan(0.7 * 0.96);
  });

  it('exceeds every displacement that gradient ascent finds in the ball', () => {
    const { radius } = bySecants();
    const centre = image(1);
    const random = randomSource(6);
    let direction: Float64Array = random.normals(centre.length);
    let largest = 0;
    for (let i = 0; i < 12; i++) {
      const length = Math.hypot(...direction);
      const moved = centre.map((v, k) => v + (radius / length) * (direction[k] ?? 0));
      const { latent, inputs } = evaluateLeftHalf(half, moved);
      largest = Math.max(
        largest,
        Math.hypot(...latent.value.map((v, k) => v - (first.latent.value[k] ?? 0))),
      );
      // The next direction: a power step on the part of the stem that is switched on there.
      const on = Float64Array.from(inputs[0]?.value ?? [], (z) => (z > 0 ? 1 : 0));
      const next = new Float64Array(centre.length);
      map.gram(on, null)(direction, next);
      direction = next;
    }
    expect(largest).toBeLessThanOrEqual(0.7);
    expect(largest).toBeGreaterThan(0);
  });

  it('does not depend on the images before it, once the product bound is known', () => {
    const certifier = certifierOf('secant');
    certifier.inputRadius(second, 0.7, probes(1));
    expect(certifier.inputRadius(first, 0.7, probes(0)).radius).toBe(bySecants().radius);
  });
});
