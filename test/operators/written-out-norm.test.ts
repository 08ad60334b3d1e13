/** l2 norms written out as Sqrt(ReduceSum(x²)): bounded as one operator where they are one, and only there. */
import { describe, expect, it } from 'vitest';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { floatTensor, intAttr, intTensor, node } from '../onnx/tiny-model.ts';
import { compiled } from './compiled.ts';
import { randomSource } from './random.ts';

const written = (axes: readonly number[], noop: 0 | 1) =>
  compiled({
    nodes: [
      node('Mul', ['x', 'x'], 's'),
      node('ReduceSum', axes.length === 0 ? ['s'] : ['s', 'axes'], 'n', {
        attribute: [intAttr('keepdims', 1), intAttr('noop_with_empty_axes', noop)],
      }),
      node('Pow', ['n', 'half'], 'y'),
    ],
    initializers: [intTensor('axes', axes), floatTensor('half', [], [0.5])].slice(axes.length === 0 ? 1 : 0),
    dims: [1, 2, 2],
    opset: 17,
  });
const x = Float64Array.of(-3, 4, 0, -2);

describe('a norm written out', () => {
  it('is 1-Lipschitz, also at 0, where its root alone has no bound', () => {
    const half = written([2], 0);
    expect([...evaluateLeftHalf(half, x).latent.value]).toEqual([5, 2]);
    const bound = createLeftHalfBound(half, 'secant', 1e-6);
    expect(bound.globalLipschitz(randomSource(1).normals)).toBeLessThan(1 + 1e-9);
    const atZero = evaluateLeftHalf(half, new Float64Array(4));
    expect(bound.inputRadius(atZero, 0.5, randomSource(1).normals).radius).toBeGreaterThan(0.499);
  });

  it('is over all axes where none are named', () => {
    const [norm = 0] = evaluateLeftHalf(written([], 0), x).latent.value;
    expect(norm).toBeCloseTo(Math.sqrt(29), 12);
  });

  it('is not one where the sum adds nothing up: the root of a square is a modulus', () => {
    expect([...evaluateLeftHalf(written([], 1), x).latent.value]).toEqual([3, 4, 0, 2]);
  });
});
