/** From a latent radius to an input radius: what is reported is proved, and where normalisation stands does not matter. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BallBound } from '../../src/lipschitz/ball-bound.ts';
import { displacement } from '../../src/lipschitz/displacement.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { largestRadius } from '../../src/lipschitz/largest-radius.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import { provedRadius } from '../../src/lipschitz/proved-radius.ts';
import { ballsOf, SegmentNorms } from '../../src/lipschitz/segment-norms.ts';
import { prependPreprocessing } from '../../src/onnx/intake/preprocessing.ts';
import { sizeOf } from '../../src/onnx/model/graph.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { floatTensor, intsAttr, node } from '../onnx/tiny-model.ts';
import { compiled, encoded, leftHalfOf } from '../operators/compiled.ts';
import type { OneOperator } from '../operators/one-operator.ts';
import { randomSource } from '../operators/random.ts';
import { attack, deepNet, provedNorms } from './nets.ts';

describe('largestRadius', () => {
  /** Convex piecewise linear from 0, with optional jumps (masks switching on) and a flat start. */
  const monotone = fc
    .record({
      slope: fc.double({ min: 0.01, max: 100, noNaN: true }),
      power: fc.double({ min: 1, max: 3, noNaN: true }),
      jumpAt: fc.double({ min: 0.01, max: 5, noNaN: true }),
      jump: fc.constantFrom(0, 0, 0.1, 1),
      dead: fc.constantFrom(0, 0, 0.5),
    })
    .map(
      ({ slope, power, jumpAt, jump, dead }) =>
        (r: number) =>
          slope * (r + r ** power) * (1 + (r > jumpAt ? jump : 0)) * (r < dead ? 0 : 1),
    );

  it('meets the target from below, and a hundred-thousandth further exceeds it', () => {
    fc.assert(
      fc.property(monotone, fc.double({ min: 1e-3, max: 50, noNaN: true }), (D, target) => {
        const r = largestRadius(D, target);
        expect(D(r)).toBeLessThanOrEqual(target);
        expect(D(r * (1 + 1e-5))).toBeGreaterThan(target);
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  it('ends for a latent that does not move', () => {
    const r = largestRadius(() => 0, 1);
    expect(r).toBeGreaterThan(1e6);
    expect(Number.isFinite(r)).toBe(true);
  });
});

describe('the input radius', () => {
  it.each(['global', 'mask', 'secant'] as const)(
    'of the %s bound is proved at exactly what it reports',
    (bound) => {
      for (let seed = 0; seed < 12; seed++) {
        const random = randomSource(900 + seed);
        const half = compiled(deepNet(random));
        const certifier = createLeftHalfBound(half, bound, 1e-6);
        expect(certifier.isUpperBound).toBe(true);
        const x = Float64Array.from(random.float32s(sizeOf(half.inputDims)));
        const evaluation = certifier.evaluate(x);
        for (const latent of [1e-3, 0.5, 20]) {
          const { radius, displacement: D } = certifier.inputRadius(evaluation, latent, random.normals);
          expect(radius).toBeGreaterThan(0);
          expect(D).toBeLessThanOrEqual(latent);
          // Little is given away: the bound is nearly reached, unless D jumps over it (a mask that switches on).
          const norms = provedNorms(random);
          if (!(D > latent * 0.99))
            expect(displacement(half, evaluation, radius * 1.004, bound, norms)).toBeGreaterThan(latent);
          const again = displacement(half, evaluation, radius, bound, norms);
          // Norms proved at a radius little larger may have served.
          expect(again).toBeLessThanOrEqual(D * (1 + 1e-9));
          expect(again).toBeGreaterThan(D * 0.99);
          const found = attack(half, x, evaluation, radius, random, { directions: 10, ascents: 1 });
          expect(found).toBeLessThanOrEqual(latent);
        }
      }
    },
  );

  it.each(['global', 'mask', 'secant', 'power'] as const)(
    'of the %s bound is where its curve says the displacement is, a hundredth below what it reports at most, and the curve rises',
    (bound) => {
      for (let seed = 0; seed < 6; seed++) {
        const random = randomSource(950 + seed);
        const half = compiled(deepNet(random));
        const certifier = createLeftHalfBound(half, bound, 1e-6);
        const x = Float64Array.from(random.float32s(sizeOf(half.inputDims)));
        const evaluation = certifier.evaluate(x);
        const { radius, displacement: D } = certifier.inputRadius(evaluation, 0.7, random.normals);
        const there = certifier.displacementAt(evaluation, radius, random.normals);
        expect(there).toBeLessThanOrEqual(D * (1 + 1e-9));
        expect(there).toBeGreaterThan(D * 0.99);
        const curve = [0.3, 0.6, 1, 1.3].map((share) =>
          certifier.displacementAt(evaluation, share * radius, random.normals),
        );
        expect(curve).toEqual([...curve].sort((a, b) => a - b));
        if (bound === 'power') continue;
        const found = attack(half, x, evaluation, 0.6 * radius, random, { directions: 10, ascents: 1 });
        expect(found).toBeLessThanOrEqual(curve[1] ?? 0);
      }
    },
  );

  it('is the same whether or not a failed proof serves for the ball little smaller', () => {
    let served = 0;
    for (let seed = 0; seed < 8; seed++) {
      const random = randomSource(900 + seed);
      const half = compiled(deepNet(random));
      const evaluation = evaluateLeftHalf(half, Float64Array.from(random.float32s(sizeOf(half.inputDims))));
      const balls = ballsOf(half, new SegmentNorms(half, 1e-6), evaluation, 'secant', random.normals);
      for (const latent of [0.1, 0.5, 3]) {
        const prove = (r: number, near?: boolean): BallBound => {
          if (near === true) served++;
          return balls.prove(r, near);
        };
        const { radius } = provedRadius({ ...balls, prove }, latent);
        expect(radius).toBe(provedRadius({ ...balls, prove: (r) => balls.prove(r) }, latent).radius);
      }
    }
    expect(served).toBeGreaterThan(4);
  });

  it('is 0 when the forward error leaves nothing of the latent radius', () => {
    const certifier = createLeftHalfBound(compiled(deepNet(randomSource(1))), 'secant', 1e-6);
    const evaluation = certifier.evaluate(new Float64Array(sizeOf(certifier.half.inputDims)));
    for (const latent of [0, -1, Number.NaN])
      expect(certifier.inputRadius(evaluation, latent, randomSource(2).normals)).toEqual({
        radius: 0,
        displacement: 0,
        forwardError: 0,
      });
  });

  it('by power iteration is marked as no bound, and is larger than what can be proved', () => {
    for (let seed = 0; seed < 10; seed++) {
      const random = randomSource(60 + seed);
      const half = compiled(deepNet(random));
      const published = createLeftHalfBound(half, 'power', 1e-6);
      expect(published.isUpperBound).toBe(false);
      const evaluation = published.evaluate(random.normals(sizeOf(half.inputDims)));
      const proved = createLeftHalfBound(half, 'mask', 1e-6).inputRadius(evaluation, 0.5, random.normals);
      expect(published.inputRadius(evaluation, 0.5, random.normals).radius).toBeGreaterThan(proved.radius);
    }
  });

  it('never relies on a Lipschitz constant below the steepest chord between two random points', () => {
    for (let seed = 0; seed < 20; seed++) {
      const random = randomSource(700 + seed);
      const half = compiled(deepNet(random));
      const constant = createLeftHalfBound(half, 'global', 1e-6).globalLipschitz(random.normals);
      for (let pair = 0; pair < 20; pair++) {
        const spread = random.pick([1e-3, 1, 10]);
        const a = random.normals(sizeOf(half.inputDims));
        const b = a.map((v) => v + spread * random.normal());
        const [fa, fb] = [a, b].map((x) => evaluateLeftHalf(half, x).latent.value) as [
          Float64Array,
          Float64Array,
        ];
        expect(Math.hypot(...fa.map((v, i) => v - (fb[i] as number)))).toBeLessThanOrEqual(
          constant * Math.hypot(...a.map((v, i) => v - (b[i] as number))),
        );
      }
    }
  });
});

describe('normalisation inside the model, put before it, and folded into it by hand', () => {
  // Powers of two and few digits: folding is exact in float32, so the three networks are the same function.
  const mean = [0.25, 0.5];
  const std = [0.5, 0.125];
  const random = randomSource(77);
  const kernel = Array.from({ length: 3 * 2 * 9 }, () => random.integer(-8, 8) / 16);
  const padded = { attribute: [intsAttr('pads', [1, 1, 1, 1])] };
  const dims = [1, 2, 6, 6];
  const perChannel = (name: string, values: number[]) => floatTensor(name, [1, 2, 1, 1], values);
  const plain: OneOperator = {
    nodes: [node('Conv', ['x', 'w'], 'z', padded), node('Relu', ['z'], 'y')],
    initializers: [floatTensor('w', [3, 2, 3, 3], kernel)],
    dims,
    opset: 17,
  };
  const inside: OneOperator = {
    nodes: [
      node('Sub', ['x', 'mean'], 's'),
      node('Div', ['s', 'std'], 'n'),
      node('Conv', ['n', 'w'], 'z', padded),
      node('Relu', ['z'], 'y'),
    ],
    initializers: [...plain.initializers, perChannel('mean', mean), perChannel('std', std)],
    dims,
    opset: 17,
  };
  // Padding comes after normalisation, so border cells miss the taps outside the image: a bias per cell, not per channel.
  const bias = Array.from({ length: 3 * 36 }, (_, k) => {
    const [out, y, x] = [Math.floor(k / 36), Math.floor((k % 36) / 6), k % 6];
    let sum = 0;
    for (let c = 0; c < 2; c++) {
      for (let ty = 0; ty < 3; ty++) {
        for (let tx = 0; tx < 3; tx++) {
          if (y + ty < 1 || y + ty > 6 || x + tx < 1 || x + tx > 6) continue;
          sum -=
            ((kernel[(out * 2 + c) * 9 + ty * 3 + tx] as number) * (mean[c] as number)) / (std[c] as number);
        }
      }
    }
    return sum;
  });
  const folded: OneOperator = {
    nodes: [node('Conv', ['x', 'w'], 'c', padded), node('Add', ['c', 'b'], 'z'), node('Relu', ['z'], 'y')],
    initializers: [
      floatTensor(
        'w',
        [3, 2, 3, 3],
        kernel.map((v, k) => v / (std[Math.floor(k / 9) % 2] as number)),
      ),
      floatTensor('b', [1, 3, 6, 6], bias),
    ],
    dims,
    opset: 17,
  };
  const outside = prependPreprocessing(modelFromBytes(encoded(plain)), {
    layout: 'nchw',
    scale: 1,
    mean,
    std,
    imageShape: [2, 6, 6],
  });
  const halves: LeftHalf[] = [compiled(inside), leftHalfOf(outside, dims), compiled(folded)];

  it.each(['global', 'mask', 'secant'] as const)('give the same displacement and radius (%s)', (bound) => {
    for (let seed = 0; seed < 5; seed++) {
      const image = Float64Array.from({ length: 72 }, () => randomSource(seed).integer(0, 255) / 256);
      const results = halves.map((half) => {
        const certifier = createLeftHalfBound(half, bound, 1e-6);
        const evaluation = certifier.evaluate(image);
        const { radius } = certifier.inputRadius(evaluation, 0.5, random.normals);
        return [radius, displacement(half, evaluation, 0.1, bound, provedNorms(random))] as const;
      });
      for (const [radius, D] of results) {
        expect(radius / (results[0] as readonly [number, number])[0]).toBeCloseTo(1, 9);
        expect(D / (results[0] as readonly [number, number])[1]).toBeCloseTo(1, 9);
      }
    }
  });
});

describe('without a Lipschitz constant, the input radius', () => {
  const radiusOf = (type: string, x: number[], latent: number, after: string[] = []) => {
    const half = compiled({
      nodes: [type, ...after].map((operator, k, all) =>
        node(operator, [k === 0 ? 'x' : `h${k}`], k === all.length - 1 ? 'y' : `h${k + 1}`),
      ),
      initializers: [],
      dims: [1, x.length],
      opset: 17,
    });
    const certifier = createLeftHalfBound(half, 'secant', 1e-6);
    const evaluation = certifier.evaluate(Float64Array.from(x));
    return certifier.inputRadius(evaluation, latent, randomSource(3).normals).radius;
  };

  it('is that of the steepest chord, as long as the ball stays in the domain', () => {
    // |log(1 - r)| = R, e^r - 1 = R, 1 - sqrt(1 - r) = R, 1/(1 - r) - 1 = R
    for (const [type, latent, exact] of [
      ['Log', 0.5, 1 - Math.exp(-0.5)],
      ['Log', 5, 1 - Math.exp(-5)],
      ['Exp', 2, Math.log(3)],
      ['Sqrt', 0.5, 0.75],
      ['Reciprocal', 1, 0.5],
      ['Reciprocal', 99, 0.99],
    ] as const) {
      const x = type === 'Exp' ? 0 : 1;
      const radius = radiusOf(type, [x], latent);
      expect(radius, type).toBeLessThanOrEqual(exact);
      expect(radius, type).toBeGreaterThan(exact * 0.998);
    }
  });

  it('ends before the edge of the domain however far the latent may move', () => {
    for (const latent of [1e3, 1e9])
      for (const type of ['Log', 'Sqrt', 'Reciprocal']) {
        const radius = radiusOf(type, [0.25, 2, 3], latent);
        expect(radius).toBeLessThanOrEqual(0.25);
        expect(radius).toBeGreaterThan(0.2);
      }
  });

  it('ends before a jump that moves the latent farther than it may, and passes a smaller one', () => {
    expect(radiusOf('ThresholdedRelu', [0.6, -3], 0.5)).toBeLessThanOrEqual(0.4);
    expect(radiusOf('ThresholdedRelu', [0.6, -3], 0.5)).toBeGreaterThan(0.399);
    expect(radiusOf('ThresholdedRelu', [0.6, -3], 1.2)).toBeGreaterThan(0.59);
    expect(radiusOf('ThresholdedRelu', [1, -3], 0.5)).toBe(0);
  });

  it('is 0 where the centre is outside of the domain, or its error reaches out of it', () => {
    expect(radiusOf('Log', [-1, 1], 1)).toBe(0);
    expect(radiusOf('Sqrt', [0, 1], 1)).toBe(0);
    expect(radiusOf('Tanh', [0, 1], 1, ['Log'])).toBe(0);
  });

  it('carries an infinite bound through the layers behind it', () => {
    expect(radiusOf('Sqrt', [0, 1], 1, ['Relu', 'Tanh'])).toBe(0);
    expect(radiusOf('Log', [0.5, 1], 1e9, ['Relu', 'Tanh'])).toBeLessThanOrEqual(0.5);
  });
});
