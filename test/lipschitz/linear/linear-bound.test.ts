/** The bound that keeps the linear part (docs/certificates.md, section 3.1), against attacks, Jacobians and the secant bound. */
import { describe, expect, it } from 'vitest';
import { displacement, type NormOf } from '../../../src/lipschitz/displacement.ts';
import { type Evaluation, evaluateLeftHalf } from '../../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../../src/lipschitz/input-radius.ts';
import type { LeftHalf } from '../../../src/lipschitz/left-half.ts';
import { type LinearMaps, linearBall } from '../../../src/lipschitz/linear/linear-ball.ts';
import { type LinearPlan, linearPlan } from '../../../src/lipschitz/linear/linear-plan.ts';
import { sizeOf } from '../../../src/onnx/model/graph.ts';
import { FAMILIES } from '../../../tools/linear-bound/families.mjs';
import { intAttr, node } from '../../onnx/tiny-model.ts';
import { compiled } from '../../operators/compiled.ts';
import { makers, type OneOperator } from '../../operators/one-operator.ts';
import { randomSource } from '../../operators/random.ts';
import { denseColumns, largestSingularValue } from '../dense-svd.ts';
import { attack, deepNet, provedNorms, surrounded } from '../nets.ts';

const exactNorm: NormOf = (matrix, rows, columns) =>
  largestSingularValue(denseColumns(matrix, rows, columns));
const unlimited = (half: LeftHalf): LinearPlan => linearPlan(half, Number.POSITIVE_INFINITY);

/** D of the linear part alone, without the smaller of it and the secant bound; Infinity where the ball has no bound. */
const D = (
  half: LeftHalf,
  centre: Evaluation,
  r: number,
  normOf: NormOf,
  plan = unlimited(half),
  known: LinearMaps | null = null,
): number =>
  linearBall(half, centre, r, plan, { normOf, enter: () => {} }, known)?.displacement ??
  Number.POSITIVE_INFINITY;

/** No attack exceeds D, neither with J chosen at this radius nor at another, and more where less is kept. */
function expectSound(model: OneOperator, seed: number, effort: { directions: number; ascents: number }) {
  const random = randomSource(seed);
  const half = compiled(model);
  const x = Float64Array.from(random.float32s(sizeOf(model.dims)));
  const centre = evaluateLeftHalf(half, x);
  const normOf = provedNorms(random);
  const plan = unlimited(half);
  const half2 = { ...plan, keeps: plan.keeps.map((kept, k) => kept && k % 2 === seed % 2) };
  const norms = { normOf, enter: () => {} };
  const elsewhere = linearBall(half, centre, 0.2, plan, norms)?.maps ?? null;
  const described = `seed ${seed}: ${JSON.stringify(model.nodes.map((n) => [n.opType, n.attribute]))}`;
  for (const r of [0.02, 0.4, 3]) {
    const found = attack(half, x, centre, r, random, effort) - 2 * centre.latent.error;
    expect(D(half, centre, r, normOf, plan), described).toBeGreaterThanOrEqual(found);
    expect(D(half, centre, r, normOf, half2), described).toBeGreaterThanOrEqual(found);
    if (elsewhere !== null)
      expect(D(half, centre, r, normOf, plan, elsewhere), described).toBeGreaterThanOrEqual(found);
  }
}

describe('D with the linear part kept', () => {
  it.each(Object.keys(makers))('of random nets with %s exceeds every displacement found', (type) => {
    for (let seed = 0; seed < 5; seed++)
      expectSound(surrounded(type, randomSource(77 * seed + type.length)), seed, {
        directions: 20,
        ascents: 2,
      });
  });

  it.each(Object.keys(FAMILIES))(
    'of random nets of the family "%s" exceeds every displacement found',
    (name) => {
      for (let seed = 0; seed < 4; seed++) {
        const random = randomSource(seed);
        expectSound(FAMILIES[name]!(random.normal), seed, { directions: 40, ascents: 4 });
      }
    },
  );

  it('of deep residual nets exceeds every displacement found', () => {
    for (let seed = 0; seed < 10; seed++)
      expectSound(deepNet(randomSource(900 + seed)), seed, { directions: 40, ascents: 3 });
  });

  it.each(Object.keys(FAMILIES))('is the norm of the Jacobian times r, for small r: %s', (name) => {
    for (let seed = 0; seed < 3; seed++) {
      const random = randomSource(20 + seed);
      const half = compiled(FAMILIES[name]!(random.normal));
      const x = random.normals(sizeOf(half.inputDims));
      const centre = evaluateLeftHalf(half, x);
      const r = 1e-6;
      const columns = Array.from(x, (_, i) => {
        const [up, down] = [1, -1].map((sign) => {
          const moved = x.slice();
          moved[i] = moved[i]! + sign * 1e-5;
          return evaluateLeftHalf(half, moved).latent.value;
        });
        return up!.map((v, k) => (v - down![k]!) / 2e-5);
      });
      const jacobian = largestSingularValue(columns);
      const ratio = D(half, centre, r, exactNorm) / (jacobian * r);
      expect(ratio).toBeGreaterThan(0.999);
      expect(ratio).toBeLessThan(1.01);
    }
  });

  it('sees what two branches have in common: they cancel, or add up, with their signs', () => {
    const branches = (sign: 'Add' | 'Sub'): OneOperator => ({
      nodes: [
        node('Tanh', ['x'], 'a'),
        node('Sigmoid', ['x'], 'b'),
        node('Concat', ['a', 'b'], 'both', { attribute: [intAttr('axis', 1)] }),
        node('Relu', ['both'], 'h'),
        node('Split', ['h'], ['left', 'right'], { attribute: [intAttr('axis', 1)] }),
        node(sign, ['left', 'right'], 'y'),
      ],
      initializers: [],
      dims: [1, 3],
      opset: 13,
    });
    const x = Float64Array.of(0.5, 0.6, 0.7);
    const of = (sign: 'Add' | 'Sub'): number => {
      const half = compiled(branches(sign));
      return D(half, evaluateLeftHalf(half, x), 1e-3, exactNorm) / 1e-3;
    };
    const [tanh, sigmoid] = [1 - Math.tanh(0.5) ** 2, Math.exp(-0.5) / (1 + Math.exp(-0.5)) ** 2];
    expect(of('Sub')).toBeCloseTo(tanh - sigmoid, 2);
    expect(of('Add')).toBeCloseTo(tanh + sigmoid, 2);
  });
});

describe('the radius with the linear part kept', () => {
  it('is never below the one by secants, and beyond it behind several layers', () => {
    let [more, all] = [0, 0];
    for (const [name, make] of Object.entries(FAMILIES)) {
      for (let seed = 0; seed < 2; seed++) {
        const random = randomSource(40 + seed);
        const half = compiled(make(random.normal));
        const evaluation = evaluateLeftHalf(half, random.normals(sizeOf(half.inputDims)));
        const [secant, linear] = (['secant', 'linear'] as const).map((kind) => {
          const bound = createLeftHalfBound(half, kind, 1e-6);
          const found = bound.inputRadius(evaluation, 0.3, random.normals);
          // What is reported was proved, and is proved again.
          const again = bound.ballAt(evaluation, found.radius, provedNorms(random));
          expect(again.total, name).toBeLessThanOrEqual(0.3 * 1.002);
          expect(found.displacement + found.forwardError).toBeLessThanOrEqual(0.3);
          return found.radius;
        });
        expect(linear, name).toBeGreaterThanOrEqual(secant!);
        if (linear! > 1.1 * secant!) more++;
        all++;
      }
    }
    expect(more).toBeGreaterThan(all / 2);
  });

  it('is that of secants where nothing keeps a linear part', () => {
    const half = compiled({
      nodes: [node('Exp', ['x'], 'a'), node('Relu', ['a'], 'y')],
      initializers: [],
      dims: [1, 4],
      opset: 17,
    });
    const none = { keeps: [false, false], probabilistic: 0, work: 0 };
    const centre = evaluateLeftHalf(half, Float64Array.of(0, 1, -1, 0.5));
    for (const r of [0.01, 0.5]) {
      const [kept, secant] = [
        D(half, centre, r, exactNorm, none),
        displacement(half, centre, r, 'secant', exactNorm),
      ];
      expect(kept).toBeLessThanOrEqual(secant * (1 + 1e-9));
      expect(kept).toBeGreaterThanOrEqual(secant * (1 - 1e-9));
    }
  });
});

describe('the plan', () => {
  const deep = compiled(FAMILIES['Relu, 3 layers']!(randomSource(1).normal));

  it('keeps every linear part that the work allows, and begins anew where it does not', () => {
    expect(unlimited(deep).keeps).toEqual([true, true, true]);
    const tooLarge = compiled({
      nodes: [node('Softmax', ['x'], 'p'), node('Tanh', ['p'], 'y')],
      initializers: [],
      dims: [1, 1500],
      opset: 17,
    });
    // A Jacobian of 1500² entries is not written out; the activation behind it keeps its own linear part.
    expect(unlimited(tooLarge).keeps).toEqual([false, true]);
  });

  it('allows for the norms that a ball takes: no more are asked for', () => {
    for (const [name, make] of Object.entries(FAMILIES)) {
      const half = compiled(make(randomSource(3).normal));
      const evaluation = evaluateLeftHalf(half, randomSource(4).normals(sizeOf(half.inputDims)));
      let asked = 0;
      const counting: NormOf = (matrix, rows, columns) => {
        asked++;
        return exactNorm(matrix, rows, columns);
      };
      D(half, evaluation, 0.1, counting);
      const allowed = half.steps.reduce((sum, { nonlinearity }, k) => {
        const each = Math.max(nonlinearity.norms, nonlinearity.linear?.norms ?? 0);
        return sum + each * (k + 1);
      }, half.steps.length + 1);
      expect(asked, name).toBeLessThanOrEqual(allowed);
    }
  });
});
