/**
 * η′, the rounding error of whoever evaluates the left half at a perturbed image: never below what evaluating there gives, and
 * never below the truth, in 320-bit arithmetic.
 */
import { describe, expect, it } from 'vitest';
import { movements } from '../../src/lipschitz/displacement.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { forwardErrorOnBall } from '../../src/lipschitz/forward-error.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { floatTensor, intAttr, node } from '../onnx/tiny-model.ts';
import { compiled } from '../operators/compiled.ts';
import { makers } from '../operators/one-operator.ts';
import { type Random, randomSource } from '../operators/random.ts';
import { distance, exponential, fixed, times } from './fixed-point.ts';
import { deepNet, provedNorms, surrounded } from './nets.ts';

/** Float32 points of the ball: on its surface, inside, and towards single coordinates. */
function pointsNear(x: Float64Array, r: number, random: Random, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, k) => {
    const direction = k % 3 === 2 ? new Float64Array(x.length) : random.normals(x.length);
    if (k % 3 === 2) direction[k % x.length] = k % 2 === 0 ? 1 : -1;
    const norm = Math.sqrt(direction.reduce((sum, d) => sum + d * d, 0));
    const length = r * (k % 2 === 0 ? 0.999 : random.uniform(0, 0.999));
    return x.map((value, i) => Math.fround(value + (length * (direction[i] ?? 0)) / norm));
  });
}

function errorNear(half: LeftHalf, x: Float64Array, r: number, random: Random): number {
  const evaluation = evaluateLeftHalf(half, x);
  const bases = movements(half, evaluation, r, 'secant', provedNorms(random));
  return bases === null ? Number.POSITIVE_INFINITY : forwardErrorOnBall(half, evaluation, bases);
}

describe('the rounding error on a ball', () => {
  it.each(Object.keys(makers))(
    'of %s between nonlinearities is at least what any point of it has',
    (type) => {
      let bounded = 0;
      for (let seed = 0; seed < 6; seed++) {
        const random = randomSource(seed + 500);
        const model = surrounded(type, random);
        const half = compiled(model);
        const x = Float64Array.from(random.float32s(sizeOf(model.dims)));
        for (const r of [1e-3, 0.1, 1]) {
          const nearby = errorNear(half, x, r, random);
          expect(nearby).toBeGreaterThanOrEqual(evaluateLeftHalf(half, x).latent.error);
          if (!Number.isFinite(nearby)) continue;
          bounded++;
          for (const there of pointsNear(x, r, random, 9))
            expect(evaluateLeftHalf(half, there).latent.error, `seed ${seed}, r ${r}`).toBeLessThanOrEqual(
              nearby,
            );
        }
      }
      expect(bounded).toBeGreaterThan(0);
    },
  );

  it('of deep networks is at least what any point of it has, and not by much', () => {
    for (let seed = 0; seed < 12; seed++) {
      const random = randomSource(seed + 40);
      const model = deepNet(random);
      const half = compiled(model);
      const x = Float64Array.from(random.float32s(sizeOf(model.dims)));
      for (const r of [1e-6, 0.3]) {
        const nearby = errorNear(half, x, r, random);
        const errors = pointsNear(x, r, random, 12).map((p) => evaluateLeftHalf(half, p).latent.error);
        expect(Math.max(...errors)).toBeLessThanOrEqual(nearby);
        if (r === 1e-6) expect(nearby).toBeLessThan(1.01 * Math.max(...errors));
      }
    }
  });

  // Around 0 with no bias everything is exact; a step away it is not. Exp has no Lipschitz constant.
  it.each(['LeakyRelu', 'Exp'])('covers the truth beside a centre that is exact, with %s', (activation) => {
    let worst = 0;
    for (let seed = 0; seed < 30; seed++) {
      const random = randomSource(seed + 900);
      const [inner, outer] = [7, 3];
      const w1 = random.float32s(5 * inner);
      const w2 = random.float32s(inner * outer);
      const half = compiled({
        nodes: [
          node('MatMul', ['x', 'w1'], 'z'),
          node(activation, ['z'], 'a'),
          node('MatMul', ['a', 'w2'], 'y'),
        ],
        initializers: [floatTensor('w1', [5, inner], w1), floatTensor('w2', [inner, outer], w2)],
        dims: [1, 5],
        opset: 17,
      });
      const centre = new Float64Array(5);
      const r = 2;
      const nearby = errorNear(half, centre, r, random);
      for (const there of pointsNear(centre, r, random, 12)) {
        const hidden = Array.from({ length: inner }, (_, j) => {
          const z = there.reduce((sum, v, i) => sum + times(fixed(v), fixed(w1[i * inner + j] ?? 0)), 0n);
          if (activation === 'Exp') return exponential(z);
          return z > 0n ? z : times(fixed(Math.fround(0.01)), z);
        });
        const exact = Array.from({ length: outer }, (_, k) =>
          hidden.reduce((sum, v, j) => sum + times(v, fixed(w2[j * outer + k] ?? 0)), 0n),
        );
        const error = distance(evaluateLeftHalf(half, there).latent.value, exact);
        expect(error).toBeLessThanOrEqual(nearby);
        worst = Math.max(worst, error / nearby);
      }
      // Nothing of the sort is known at the centre itself.
      if (activation === 'LeakyRelu')
        expect(evaluateLeftHalf(half, centre).latent.error).toBeLessThan(1e-100);
    }
    expect(worst).toBeGreaterThan(0.005);
  });

  it('has to fit into the latent radius beside the displacement', () => {
    // 2^33 times the image and back: rounding errors near 1e-6 that grow with the radius.
    const half = compiled({
      nodes: [node('MatMul', ['x', 'w'], 'z'), node('Relu', ['z'], 'a'), node('MatMul', ['a', 'v'], 'y')],
      initializers: [
        floatTensor('w', [2, 4], [1, -1, 2 ** 30, -(2 ** 30), -1, 1, 2 ** 30, -(2 ** 30)]),
        floatTensor('v', [4, 2], [1, 0, -1, 0, 1, 1, 1, 1]),
      ],
      dims: [1, 2],
      opset: 17,
    });
    const left = createLeftHalfBound(half, 'secant', 0);
    const evaluation = left.evaluate(new Float64Array(2));
    const latentRadius = 1e9;
    const found = left.inputRadius(evaluation, latentRadius, randomSource(1).normals);
    expect(found.radius).toBeGreaterThan(0);
    expect(found.forwardError).toBeGreaterThan(1e-7);
    expect(found.displacement + found.forwardError).toBeLessThanOrEqual(latentRadius);
    // A latent radius that the rounding error uses up certifies nothing.
    const constant = left.inputRadius(
      left.evaluate(Float64Array.of(1e6, 1e6)),
      left.evaluate(Float64Array.of(1e6, 1e6)).latent.error / 2,
      randomSource(1).normals,
    );
    expect(constant.radius).toBe(0);
  });

  // Made for one term each: errors of a bias far larger than rounding makes them, so that what they meet shows.
  const withErrors = (half: LeftHalf, error: number): LeftHalf => ({
    ...half,
    steps: half.steps.map((one) => ({ ...one, input: { ...one.input, biasError: error } })),
  });

  it('looks for the steepest slope as far as the errors of both centres reach', () => {
    const half = withErrors(
      compiled({ nodes: [node('Exp', ['x'], 'y')], initializers: [], dims: [1, 1], opset: 17 }),
      0.5,
    );
    const evaluation = evaluateLeftHalf(half, new Float64Array(1));
    const zero = new Float64Array(1);
    const bases = [
      { rho: 0, box: null },
      { rho: 0, box: zero },
    ];
    // The one computed there may be 1 away from the one here, and its own error goes another 1/2: e (e^0.5 - 1).
    expect(forwardErrorOnBall(half, evaluation, bases)).toBeGreaterThanOrEqual(Math.E * Math.expm1(0.5));
  });

  it('takes a product where both of its factors may have moved to', () => {
    const half = withErrors(
      compiled({
        nodes: [
          node('MatMul', ['x', 'v'], 'a'),
          node('MatMul', ['x', 'w'], 'b'),
          node('Mul', ['a', 'b'], 'y'),
        ],
        initializers: [floatTensor('v', [1, 1], [1]), floatTensor('w', [1, 1], [2])],
        dims: [1, 1],
        opset: 17,
      }),
      1e-3,
    );
    const r = 10;
    const evaluation = evaluateLeftHalf(half, new Float64Array(1));
    const bases = movements(half, evaluation, r, 'secant', provedNorms(randomSource(1)));
    // At x' = 10 the factors are 10 and 20, each off by what the other is multiplied with.
    expect(forwardErrorOnBall(half, evaluation, bases ?? [])).toBeGreaterThanOrEqual(
      ((10 + 20) * 1e-3) / Math.SQRT2,
    );
  });

  it('normalises a vector as short as it may have become', () => {
    const half = withErrors(
      compiled({
        nodes: [node('LpNormalization', ['x'], 'y', { attribute: [intAttr('axis', 1)] })],
        initializers: [],
        dims: [1, 2],
        opset: 17,
      }),
      1e-3,
    );
    const evaluation = evaluateLeftHalf(half, Float64Array.of(10, 0));
    const bases = movements(half, evaluation, 9, 'secant', provedNorms(randomSource(1)));
    // At x' = (1, 0) an error of 1e-3 across turns the result by as much; at the centre by a tenth of it.
    expect(forwardErrorOnBall(half, evaluation, bases ?? [])).toBeGreaterThanOrEqual(1e-3);
  });
});
