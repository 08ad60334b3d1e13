/** Displacement bounds against attacks, and their order. */
import { describe, expect, it } from 'vitest';
import { displacement, type NormOf } from '../../src/lipschitz/displacement.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import type { SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import { supportedTypes } from '../../src/operators/supported-types.ts';
import { floatTensor, node } from '../onnx/tiny-model.ts';
import { compiled } from '../operators/compiled.ts';
import { makers, type OneOperator } from '../operators/one-operator.ts';
import { randomSource } from '../operators/random.ts';
import { denseColumns, largestSingularValue } from './dense-svd.ts';
import { attack, deepNet, provedNorms, surrounded } from './nets.ts';

const exactNorm: NormOf = (matrix, rows, columns) =>
  largestSingularValue(denseColumns(matrix, rows, columns));
const scalar = (name: string, value: number) => floatTensor(name, [], [value]);

/** The claims every net must meet: no attack exceeds a bound, tighter bounds are smaller, larger balls move more. */
function expectSound(
  model: OneOperator,
  seed: number,
  effort: { directions: number; ascents: number },
): void {
  const random = randomSource(seed);
  const half = compiled(model);
  const x = Float64Array.from(random.float32s(sizeOf(model.dims)));
  const centre = evaluateLeftHalf(half, x);
  const normOf = provedNorms(random);
  const described = `seed ${seed}: ${JSON.stringify(model.nodes.map((n) => [n.opType, n.attribute]))}`;
  let smaller = { global: 0, mask: 0, secant: 0 };
  for (const r of [0.05, 0.6, 4]) {
    const D = {
      global: displacement(half, centre, r, 'global', normOf),
      mask: displacement(half, centre, r, 'mask', normOf),
      secant: displacement(half, centre, r, 'secant', normOf),
    };
    const found = attack(half, x, centre, r, random, effort);
    expect(D.secant, described).toBeGreaterThanOrEqual(found - 2 * centre.latent.error);
    expect(D.mask * 1.005, described).toBeGreaterThanOrEqual(D.secant);
    expect(D.global * 1.005, described).toBeGreaterThanOrEqual(D.mask);
    for (const bound of ['global', 'mask', 'secant'] as const)
      expect(D[bound] * 1.005, `${described} ${bound}`).toBeGreaterThanOrEqual(smaller[bound]);
    smaller = D;
  }
}

describe('the displacement bound', () => {
  it('is attacked through every supported operator type', () => {
    expect(Object.keys(makers).sort()).toEqual(supportedTypes());
  });

  it.each(Object.keys(makers))('of random nets with %s exceeds every displacement found', (type) => {
    for (let seed = 0; seed < 6; seed++)
      expectSound(surrounded(type, randomSource(31 * seed + type.length)), seed, {
        directions: 25,
        ascents: 2,
      });
  });

  it('of deep residual nets exceeds every displacement found', () => {
    for (let seed = 0; seed < 16; seed++)
      expectSound(deepNet(randomSource(500 + seed)), seed, { directions: 60, ascents: 3 });
  });

  it('of a linear net is r ||W|| within a thousandth', () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = randomSource(seed);
      const half = compiled((makers['Conv'] as (typeof makers)[string])(random));
      const truth = largestSingularValue(denseColumns(half.output.terms[0]?.matrix as SparseMatrix));
      const centre = evaluateLeftHalf(half, random.normals(sizeOf(half.inputDims)));
      const D = displacement(half, centre, 0.7, 'secant', provedNorms(random));
      expect(D).toBeGreaterThanOrEqual(0.7 * truth);
      expect(D).toBeLessThanOrEqual(0.7 * truth * 1.001);
    }
  });

  it('is attained: ascent comes close to it where the bound is known to be tight', () => {
    const random = randomSource(8);
    const model: OneOperator = {
      nodes: [node('Gemm', ['x', 'w'], 'h'), node('Relu', ['h'], 'y')],
      initializers: [floatTensor('w', [6, 5], random.float32s(30))],
      dims: [1, 6],
      opset: 17,
    };
    const half = compiled(model);
    const x = random.normals(6);
    const centre = evaluateLeftHalf(half, x);
    // In a ball so small that no unit crosses its kink, f_L is linear.
    const D = displacement(half, centre, 1e-3, 'secant', exactNorm);
    const found = attack(half, x, centre, 1e-3, random, { directions: 200, ascents: 60 });
    expect(found).toBeLessThanOrEqual(D);
    expect(found).toBeGreaterThan(0.99 * D);
  });
});

describe('the worked example of SPLITZ (Zhong & Tandon 2024, section 4)', () => {
  const model: OneOperator = {
    nodes: [
      node('MatMul', ['x', 'w1'], 'z'),
      node('Clip', ['z', 'zero', 'theta'], 'a'),
      node('MatMul', ['a', 'w2'], 'y'),
    ],
    initializers: [
      floatTensor('w1', [3, 3], [2, 0, 0, 0, 2, 0, 0, 0, 1]),
      floatTensor('w2', [3, 1], [1, 1, 1]),
      scalar('zero', 0),
      scalar('theta', 1),
    ],
    dims: [1, 3],
    opset: 17,
  };
  const half = compiled(model);
  const centre = evaluateLeftHalf(half, Float64Array.of(1, -1, 0));

  it('keeps only the third neuron: local bound 1, where the product bound is 2 sqrt(3)', () => {
    const masks: (Float64Array | null)[] = [];
    const recording: NormOf = (matrix, rows, columns) => {
      masks.push(rows);
      return exactNorm(matrix, rows, columns);
    };
    expect(displacement(half, centre, 0.1, 'mask', recording) / 0.1).toBeCloseTo(1, 10);
    expect([...(masks[0] as Float64Array)]).toEqual([0, 0, 1]);
    expect(displacement(half, centre, 0.1, 'global', exactNorm) / 0.1).toBeCloseTo(2 * Math.sqrt(3), 10);
    expect(displacement(half, centre, 0.1, 'secant', exactNorm) / 0.1).toBeCloseTo(1, 6);
  });
});

describe('certified radii of a random 20-channel 5x5 convolution over a binary image, clipped to [0, 1]', () => {
  it('grow from global to mask to secant for every latent radius, as in the table of the mathematics', () => {
    const random = randomSource(20);
    const model: OneOperator = {
      nodes: [node('Conv', ['x', 'w'], 'z'), node('Clip', ['z', 'zero', 'theta'], 'y')],
      initializers: [
        floatTensor('w', [20, 1, 5, 5], random.float32s(500, 0.2)),
        scalar('zero', 0),
        scalar('theta', 1),
      ],
      dims: [1, 1, 28, 28],
      opset: 17,
    };
    const half = compiled(model);
    const image = Float64Array.from({ length: 784 }, () => random.integer(0, 1));
    const [global, mask, secant] = (['global', 'mask', 'secant'] as const).map((kind) => {
      const bound = createLeftHalfBound(half, kind, 1e-6);
      const evaluation = bound.evaluate(image);
      return [0.25, 0.5, 1, 2, 4].map(
        (latent) => bound.inputRadius(evaluation, latent, random.normals).radius,
      );
    }) as [number[], number[], number[]];
    for (let k = 0; k < 5; k++) {
      expect(mask[k]).toBeGreaterThan(global[k] as number);
      expect(secant[k]).toBeGreaterThan(mask[k] as number);
      // The product bound is linear in the latent radius.
      expect((global[k] as number) / (global[0] as number)).toBeCloseTo(2 ** k, 2);
    }
    // The advantage of the mask shrinks as the ball grows, that of the secant stays.
    expect((mask[0] as number) / (global[0] as number)).toBeGreaterThan(
      (mask[4] as number) / (global[4] as number),
    );
    expect((secant[4] as number) / (global[4] as number)).toBeGreaterThan(1.02);
  });
});
