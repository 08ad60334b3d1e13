/** Secants, displacements and dead zones of every activation, against sampled chords. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Activation } from '../../src/operators/activation.ts';
import { floatTensor, node } from '../onnx/tiny-model.ts';
import { compiled } from './compiled.ts';
import { floatAttr } from './one-operator.ts';

/** The activation a one-node model over [1, 3] compiles to. */
function activation(
  type: string,
  attributes: Record<string, number> = {},
  inputs: Record<string, readonly number[]> = {},
): Activation {
  const half = compiled({
    nodes: [
      node(type, ['x', ...Object.keys(inputs)], 'y', {
        attribute: Object.entries(attributes).map(([name, value]) => floatAttr(name, value)),
      }),
    ],
    initializers: Object.entries(inputs).map(([name, v]) =>
      floatTensor(name, v.length === 1 ? [] : [v.length], v),
    ),
    dims: [1, 3],
    opset: 17,
  });
  const rule = half.steps[0]?.rule;
  if (rule?.kind !== 'activation') throw new Error(`${type} is no activation`);
  return rule.activation;
}

const piecewise: Record<string, { phi: Activation; kinks: number[] }> = {
  Relu: { phi: activation('Relu'), kinks: [0] },
  'LeakyRelu 0.1': { phi: activation('LeakyRelu', { alpha: 0.1 }), kinks: [0] },
  'LeakyRelu -0.7': { phi: activation('LeakyRelu', { alpha: -0.7 }), kinks: [0] },
  'LeakyRelu 3': { phi: activation('LeakyRelu', { alpha: 3 }), kinks: [0] },
  PRelu: { phi: activation('PRelu', {}, { slope: [0.25, -2, 1.5] }), kinks: [0] },
  'Clip [0, 1]': { phi: activation('Clip', {}, { min: [0], max: [1] }), kinks: [0, 1] },
  'Clip [-0.5, inf)': { phi: activation('Clip', {}, { min: [-0.5] }), kinks: [-0.5] },
};
const smooth: Record<string, Activation> = {
  Sigmoid: activation('Sigmoid'),
  Tanh: activation('Tanh'),
  Softplus: activation('Softplus'),
  'Elu 1': activation('Elu', { alpha: 1 }),
  'Elu 2.5': activation('Elu', { alpha: 2.5 }),
  'Elu 0.3': activation('Elu', { alpha: 0.3 }),
};
const all = Object.entries(smooth).concat(Object.entries(piecewise).map(([name, { phi }]) => [name, phi]));

// Ends of the ball and of the uncertainty are where a wrong bound shows.
const share = fc.oneof(fc.double({ min: -1, max: 1, noNaN: true }), fc.constantFrom(-1, 1));
const centre = fc.oneof(
  fc.double({ min: -4, max: 4, noNaN: true }),
  fc.constantFrom(0, 1, -0.5, 1e-9, -1e-9, 30, -30),
);
const radius = fc.oneof(fc.double({ min: 1e-4, max: 6, noNaN: true }), fc.constantFrom(1e-6, 1, 100));
const uncertainty = fc.oneof(
  fc.constant(0),
  fc.double({ min: 0, max: 0.5, noNaN: true }),
  fc.constant(1e-12),
);
const coordinate = fc.nat({ max: 2 });

describe.each(all)('%s', (_, phi) => {
  it('has no chord steeper than its secant, none longer than its displacement, for any centre within e', () => {
    fc.assert(
      fc.property(centre, radius, uncertainty, share, share, coordinate, (z, T, e, along, off, i) => {
        const exact = z + off * e;
        const t = along * T;
        const moved = Math.abs(phi.value(exact + t, i) - phi.value(exact, i));
        // The chord itself is computed with rounding.
        const rounding = 1e-14 * (1 + Math.abs(exact) + T);
        expect(moved).toBeLessThanOrEqual(phi.secant(z, T, e, i) * Math.abs(t) + rounding);
        expect(moved).toBeLessThanOrEqual(phi.displacement(z, T, e, i) + rounding);
        expect(phi.secant(z, T, e, i)).toBeLessThanOrEqual(phi.lipschitz(i));
        expect(phi.displacement(z, T, e, i)).toBeLessThanOrEqual(phi.lipschitz(i) * T * (1 + 1e-9));
        if (phi.isConstant(z, T, e, i)) expect(moved).toBe(0);
      }),
      { numRuns: 1500, seed: 11 },
    );
  });

  it('moves more in a larger ball', () => {
    fc.assert(
      fc.property(
        centre,
        radius,
        uncertainty,
        fc.double({ min: 1, max: 3, noNaN: true }),
        coordinate,
        (z, T, e, factor, i) => {
          expect(phi.displacement(z, T * factor, e, i) * (1 + 1e-12)).toBeGreaterThanOrEqual(
            phi.displacement(z, T, e, i),
          );
          if (e === 0)
            expect(phi.secant(z, T * factor, e, i) * (1 + 1e-12)).toBeGreaterThanOrEqual(
              phi.secant(z, T, e, i),
            );
        },
      ),
      { numRuns: 400, seed: 12 },
    );
  });
});

describe.each(Object.entries(piecewise))('%s, piecewise linear,', (_, { phi, kinks }) => {
  it('attains its secant and its displacement at a kink or an end', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -4, max: 4, noNaN: true }),
        fc.double({ min: 0.01, max: 6, noNaN: true }),
        coordinate,
        (z, T, i) => {
          fc.pre(kinks.every((kink) => Math.abs(kink - z) > 1e-3));
          const ends = [T, -T, 1e-3 * T, -1e-3 * T, ...kinks.map((kink) => kink - z)].filter(
            (t) => Math.abs(t) <= T,
          );
          const moved = ends.map((t) => Math.abs(phi.value(z + t, i) - phi.value(z, i)));
          // Chords shorter than the distance to a kink are as steep as phi is at z.
          const slopes = ends.map((t, k) => (moved[k] as number) / Math.abs(t));
          const local = Math.abs(phi.value(z + 1e-4, i) - phi.value(z, i)) / 1e-4;
          expect(phi.secant(z, T, 0, i)).toBeCloseTo(Math.max(local, ...slopes), 9);
          expect(phi.displacement(z, T, 0, i)).toBeCloseTo(Math.max(...moved), 9);
        },
      ),
      { numRuns: 600, seed: 13 },
    );
  });
});

describe('a dead zone', () => {
  const { phi } = piecewise['Clip [0, 1]'] as { phi: Activation };

  it('of width s costs (T - s) / T, not 1', () => {
    expect(phi.secant(-0.3, 0.5, 0, 0)).toBeCloseTo(0.2 / 0.5, 12);
    expect(phi.secant(1.3, 0.5, 0, 0)).toBeCloseTo(0.2 / 0.5, 12);
    expect(phi.secant(0.5, 2, 0, 0)).toBe(1);
  });

  it('that the ball does not leave is constant, one it touches with the uncertainty is not', () => {
    expect(phi.isConstant(-1, 0.5, 0.4, 0)).toBe(true);
    expect(phi.isConstant(-1, 0.5, 0.6, 0)).toBe(false);
    expect(phi.isConstant(2, 0.5, 0.4, 0)).toBe(true);
    expect(phi.isConstant(0.5, 0, 0, 0)).toBe(false);
  });
});
