/** Secants, displacements and dead zones of every activation, against sampled chords; values against mpmath. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttributeProto } from '../../src/onnx/model/proto.ts';
import type { Activation } from '../../src/operators/nonlinear/activation.ts';
import table from '../fixtures/activations.json' with { type: 'json' };
import { floatTensor, node } from '../onnx/tiny-model.ts';
import { activationOf, compiled } from './compiled.ts';
import { floatAttr, stringAttr } from './one-operator.ts';

/** The activation a one-node model over [1, 3] compiles to. */
function activation(
  type: string,
  attributes: Record<string, number | string> = {},
  inputs: Record<string, readonly number[]> = {},
): Activation {
  const half = compiled({
    nodes: [
      node(type, ['x', ...Object.keys(inputs)], 'y', {
        attribute: Object.entries(attributes).map(
          ([name, value]): AttributeProto =>
            typeof value === 'number' ? floatAttr(name, value) : stringAttr(name, value),
        ),
      }),
    ],
    initializers: Object.entries(inputs).map(([name, v]) =>
      floatTensor(name, v.length === 1 ? [] : [v.length], v),
    ),
    dims: [1, 3],
    opset: 24,
  });
  return activationOf(half.steps[0]);
}

const piecewise: Record<string, { phi: Activation; kinks: number[] }> = {
  Relu: { phi: activation('Relu'), kinks: [0] },
  'LeakyRelu 0.1': { phi: activation('LeakyRelu', { alpha: 0.1 }), kinks: [0] },
  'LeakyRelu -0.7': { phi: activation('LeakyRelu', { alpha: -0.7 }), kinks: [0] },
  'LeakyRelu 3': { phi: activation('LeakyRelu', { alpha: 3 }), kinks: [0] },
  PRelu: { phi: activation('PRelu', {}, { slope: [0.25, -2, 1.5] }), kinks: [0] },
  'Clip [0, 1]': { phi: activation('Clip', {}, { min: [0], max: [1] }), kinks: [0, 1] },
  'Clip [-0.5, inf)': { phi: activation('Clip', {}, { min: [-0.5] }), kinks: [-0.5] },
  Abs: { phi: activation('Abs'), kinks: [0] },
  'HardSigmoid 0.5 z + 0.5': { phi: activation('HardSigmoid', { alpha: 0.5 }), kinks: [-1, 1] },
  'HardSigmoid -2 z + 1': { phi: activation('HardSigmoid', { alpha: -2, beta: 1 }), kinks: [0, 0.5] },
  'Shrink, soft': { phi: activation('Shrink', { lambd: 0.5, bias: 0.5 }), kinks: [-0.5, 0.5] },
  'ThresholdedRelu 0': { phi: activation('ThresholdedRelu', { alpha: 0 }), kinks: [0] },
  'Max of three limits': { phi: activation('Max', {}, { limit: [0.5, 0.5, 0.5] }), kinks: [0.5] },
  'Min of three limits': { phi: activation('Min', {}, { limit: [-1, -1, -1] }), kinks: [-1] },
};
const smooth: Record<string, Activation> = {
  Sigmoid: activation('Sigmoid'),
  Tanh: activation('Tanh'),
  Softplus: activation('Softplus'),
  'Elu 1': activation('Elu', { alpha: 1 }),
  'Elu 2.5': activation('Elu', { alpha: 2.5 }),
  'Elu 0.3': activation('Elu', { alpha: 0.3 }),
  Erf: activation('Erf'),
  Gelu: activation('Gelu'),
  'Gelu tanh': activation('Gelu', { approximate: 'tanh' }),
  Mish: activation('Mish'),
  Swish: activation('Swish'),
  'Swish -1.5': activation('Swish', { alpha: -1.5 }),
  'Swish 0': activation('Swish', { alpha: 0 }),
  'Swish 5': activation('Swish', { alpha: 5 }),
  HardSwish: activation('HardSwish'),
  Selu: activation('Selu'),
  'Selu -1.5': activation('Selu', { alpha: -1.5, gamma: 2 }),
  'Celu 0.25': activation('Celu', { alpha: 0.25 }),
  'Celu 3': activation('Celu', { alpha: 3 }),
  Softsign: activation('Softsign'),
  Atan: activation('Atan'),
  Sin: activation('Sin'),
  Cos: activation('Cos'),
  'Pow 1': activation('Pow', {}, { p: [1] }),
};
/** Without a Lipschitz constant: jumps, and functions that are steep without limit. */
const steep: Record<string, Activation> = {
  'ThresholdedRelu 1': activation('ThresholdedRelu'),
  'ThresholdedRelu -0.5': activation('ThresholdedRelu', { alpha: -0.5 }),
  'Shrink, hard': activation('Shrink'),
  'Shrink 1, 0.25': activation('Shrink', { lambd: 1, bias: 0.25 }),
  Exp: activation('Exp'),
  Log: activation('Log'),
  Sqrt: activation('Sqrt'),
  Reciprocal: activation('Reciprocal'),
  'Pow 2': activation('Pow', {}, { p: [2] }),
  'Pow 3': activation('Pow', {}, { p: [3] }),
  'Pow 0': activation('Pow', {}, { p: [0] }),
  'Pow 1.5, 0.5, -2': activation('Pow', {}, { p: [1.5, 0.5, -2] }),
};
const lipschitz = Object.entries(smooth).concat(
  Object.entries(piecewise).map(([name, { phi }]) => [name, phi]),
);
const all = lipschitz.concat(Object.entries(steep));

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
        const secant = phi.secant(z, T, e, i);
        const size = Math.abs(phi.value(exact, i)) + Math.abs(phi.value(exact + t, i));
        const rounding = 1e-14 * ((1 + Math.abs(exact) + T) * (1 + Math.min(secant, 10)) + size);
        // Outside of its domain phi is NaN, and has no bound there.
        if (Number.isNaN(moved)) {
          expect(secant).toBe(Number.POSITIVE_INFINITY);
          expect(phi.displacement(z, T, e, i)).toBe(Number.POSITIVE_INFINITY);
          return;
        }
        if (t !== 0) expect(moved).toBeLessThanOrEqual(secant * Math.abs(t) + rounding);
        expect(moved).toBeLessThanOrEqual(phi.displacement(z, T, e, i) + rounding);
        expect(secant).toBeLessThanOrEqual(phi.lipschitz(i));
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

describe.each(Object.entries(smooth))('%s, smooth,', (_, phi) => {
  it('has a secant no larger than its steepest slope in the reach, and a Lipschitz constant that is met', () => {
    const grid = (low: number, high: number): number =>
      Array.from({ length: 2000 }, (_, k) => low + ((high - low) * k) / 1999).reduce((most, z) => {
        const slope = Math.abs(phi.value(z + 1e-5, 0) - phi.value(z - 1e-5, 0)) / 2e-5;
        return Math.max(most, slope);
      }, 0);
    expect(grid(-8, 8)).toBeGreaterThan(phi.lipschitz(0) * 0.98 * (phi === smooth['Swish 0'] ? 0.45 : 1));
    for (const z of [-5, -2.3, -1.2, -0.4, 0, 0.3, 1.1, 2.6, 4])
      for (const T of [0.01, 0.5, 3]) {
        const interval = grid(z - T, z + T);
        expect(phi.secant(z, T, 0, 0)).toBeLessThanOrEqual(interval * 1.01 + 1e-3);
        // An uncertain centre may be anywhere in it.
        expect(phi.secant(z, T, 0.25, 0)).toBeGreaterThanOrEqual(grid(z - 0.25, z + 0.25) - 1e-6);
      }
  });
});

describe.each([
  'Sigmoid',
  'Tanh',
  'Softplus',
  'Erf',
  'Gelu',
  'Gelu tanh',
  'Mish',
  'Swish',
  'HardSwish',
  'Selu',
])('the secant of %s', (name) => {
  const phi = smooth[name] as Activation;
  // The steepest slope in the reach would be 14 % more than the steepest chord at 1, and 30 to 90 % at 3.
  it.each([
    [0.25, 1.07],
    [1, 1.08],
    [3, 1.17],
  ])('at reach %d is at most %d times the steepest chord, over centres in [-4, 4]', (T, excess) => {
    let [bound, chords] = [0, 0];
    for (let z = -4; z <= 4; z += 0.05) {
      bound += phi.secant(z, T, 0, 0);
      const steepest = Array.from({ length: 200 }, (_, k) => ((k - 99.5) / 99.5) * T).map(
        (t) => Math.abs(phi.value(z + t, 0) - phi.value(z, 0)) / Math.abs(t),
      );
      chords += Math.max(...steepest);
    }
    expect(bound / chords).toBeGreaterThanOrEqual(1 - 1e-9);
    expect(bound / chords).toBeLessThanOrEqual(excess);
  });
});

describe('a function without Lipschitz constant', () => {
  const phi = (name: string): Activation => steep[name] as Activation;

  it.each(Object.keys(steep))('%s says so', (name) => {
    expect(phi(name).lipschitz(0)).toBe(Number.POSITIVE_INFINITY);
  });

  it('has the slope of its steepest chord where the ball stays in its domain', () => {
    const close = (name: string, z: number, T: number, end: number, i = 0): void => {
      const chord = Math.abs((phi(name).value(end, i) - phi(name).value(z, i)) / (end - z));
      expect(phi(name).secant(z, T, 0, i)).toBeGreaterThanOrEqual(chord * (1 - 1e-13));
      expect(phi(name).secant(z, T, 0, i)).toBeLessThanOrEqual(chord * (1 + 1e-9));
    };
    close('Exp', 1, 0.5, 1.5);
    close('Log', 1, 0.5, 0.5);
    close('Sqrt', 1, 0.75, 0.25);
    close('Reciprocal', 1, 0.5, 0.5);
    close('Reciprocal', -1, 0.5, -0.5);
    close('Pow 2', 1, 0.5, 1.5);
    close('Pow 2', -1, 0.5, -1.5);
  });

  it('is not bounded where the ball leaves its domain or the exponent needs one', () => {
    for (const [name, z, T, i] of [
      ['Log', 1, 1, 0],
      ['Log', -1, 0.1, 0],
      ['Sqrt', 1, 1.001, 0],
      ['Reciprocal', 0.5, 0.5, 0],
      ['Reciprocal', Number.NaN, 0.5, 0],
      ['Pow 1.5, 0.5, -2', 1, 1.01, 0],
      ['Pow 1.5, 0.5, -2', 1, 1, 1],
      ['Pow 1.5, 0.5, -2', 1, 1, 2],
    ] as const) {
      expect(phi(name).secant(z, T, 0, i), `${name} at ${z} ± ${T}`).toBe(Number.POSITIVE_INFINITY);
      expect(phi(name).displacement(z, T, 0, i)).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('jumps where the reach meets the jump: by the distance to it, and by its height from the jump itself', () => {
    const relu = phi('ThresholdedRelu 1');
    expect(relu.isConstant(0.5, 0.25, 0, 0)).toBe(true);
    expect(relu.secant(2, 0.5, 0, 0)).toBeCloseTo(1, 12);
    // From 0.5, the end 1 + 0 is 1 high after 0.5.
    expect(relu.secant(0.5, 0.75, 0, 0)).toBeCloseTo(2, 9);
    expect(relu.displacement(0.5, 0.75, 0, 0)).toBeCloseTo(1.25, 9);
    expect(relu.secant(1, 1e-9, 0, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(relu.displacement(1, 1e-9, 0, 0)).toBeCloseTo(1, 6);
    expect(relu.displacement(1, 0, 0, 0)).toBe(0);
  });
});

describe('values against mpmath (tools/golden/activations.py)', () => {
  const golden = table as unknown as Record<string, [z: number, phi: number][]>;
  const activations: Record<string, Activation> = {
    ...smooth,
    HardSigmoid: activation('HardSigmoid'),
  };

  it.each(Object.keys(golden))('%s is within a quarter of the error it declares', (name) => {
    const phi = activations[name] as Activation;
    for (const [z, exact] of golden[name] as [number, number][]) {
      const declared = phi.relativeError * Math.abs(exact) + phi.absoluteError;
      // The table itself is rounded.
      const rounding = 2 ** -53 * Math.abs(exact);
      expect(Math.abs(phi.value(z, 0) - exact), `${name}(${z})`).toBeLessThanOrEqual(declared / 4 + rounding);
    }
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
