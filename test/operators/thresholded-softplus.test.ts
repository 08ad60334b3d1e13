/**
 * Softplus as PyTorch writes it, with a threshold beyond which it is x: bounded as Softplus, its jump counted as an error of
 * its values. What only looks alike is not taken for it.
 */
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import type { NodeProto } from '../../src/onnx/model/proto.ts';
import type { Activation } from '../../src/operators/nonlinear/activation.ts';
import { floatTensor, node } from '../onnx/tiny-model.ts';
import { activationOf, compiled } from './compiled.ts';

interface Written {
  readonly beta?: number;
  readonly divisor?: number;
  readonly threshold?: number;
  readonly chosen?: string;
}

/** Where(beta x > threshold, chosen, softplus(beta x) / divisor). */
function written({ beta = 1, divisor = beta, threshold = 20, chosen = 'x' }: Written = {}): Activation {
  const nodes: NodeProto[] = [
    node('Mul', ['x', 'beta'], 's'),
    node('Softplus', ['s'], 'p'),
    node('Div', ['p', 'divisor'], 'below'),
    node('Greater', ['s', 'threshold'], 'over'),
    node('Where', ['over', chosen, 'below'], 'y'),
  ];
  const initializers = Object.entries({ beta, divisor, threshold }).map(([name, value]) =>
    floatTensor(name, [], [value]),
  );
  return activationOf(compiled({ nodes, initializers, dims: [1, 3], opset: 17 }).steps[0]);
}

const softplus = (z: number): number => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

describe('a Softplus with a threshold', () => {
  it.each([
    { beta: 1, threshold: 20 },
    { beta: 3, threshold: 10 },
    { beta: 0.5, threshold: 1 },
    { beta: 2, threshold: -1 },
  ])('of %o has values within its stated error of the Softplus it is bounded as', ({ beta, threshold }) => {
    const phi = written({ beta, threshold });
    let farthest = 0;
    for (let z = -30; z <= 30; z += 1 / 64) {
      const file = beta * z > threshold ? z : softplus(beta * z) / beta;
      const exact = softplus(beta * z) / beta;
      expect(phi.value(z, 0)).toBeCloseTo(file, 12);
      const difference = Math.abs(phi.value(z, 0) - exact);
      expect(difference).toBeLessThanOrEqual(phi.relativeError * exact + phi.absoluteError);
      farthest = Math.max(farthest, difference);
    }
    // The error is that of the jump, not a multiple of it.
    expect(phi.absoluteError).toBeLessThan((Math.log1p(Math.exp(-threshold)) / beta) * (1 + 1e-9) + 1e-14);
    if (threshold === 1) expect(farthest).toBeGreaterThan(0.5);
  });

  it('is as steep as Softplus: 1 at most, and its chords are no steeper than claimed', () => {
    const phi = written({ beta: 3, threshold: 10 });
    expect(phi.lipschitz(0)).toBeLessThan(1 + 1e-12);
    const exact = (z: number): number => softplus(3 * z) / 3;
    for (const z of [-4, -0.3, 0, 0.2, 3.2, 10 / 3, 5])
      for (const T of [0.01, 0.4, 3, 20])
        for (const t of [-T, -T / 3, T / 5, T]) {
          const moved = Math.abs(exact(z + t) - exact(z));
          expect(phi.secant(z, T, 0, 0) * Math.abs(t)).toBeGreaterThanOrEqual(moved - 1e-14);
          expect(phi.displacement(z, T, 0, 0)).toBeGreaterThanOrEqual(moved - 1e-14);
        }
  });

  it('is not one where the factors differ, or another tensor is chosen', () => {
    expect(() => written({ beta: 3, divisor: 2 })).toThrow(ModelRefused);
    expect(() => written({ beta: -1 })).toThrow(ModelRefused);
    expect(() => written({ chosen: 's', beta: 2 })).toThrow(/Greater node/);
  });
});
