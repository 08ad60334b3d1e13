/** What sorting and windows cost: MinMax is 1-Lipschitz as a whole, a pool pays for the windows that share a cell. */
import { describe, expect, it } from 'vitest';
import { displacement, productBound } from '../../src/lipschitz/displacement.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { buildMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import { sortedGroups, type WindowValue, windowed } from '../../src/operators/nonlinear/vector-map.ts';
import { floatTensor, intAttr, intsAttr, node } from '../onnx/tiny-model.ts';
import { compiled } from '../operators/compiled.ts';
import { randomSource } from '../operators/random.ts';
import { provedNorms } from './nets.ts';

const axis = (value: number) => [intAttr('axis', value)];
const norm = (v: Float64Array): number => Math.hypot(...v);

describe('MinMax', () => {
  const minMax = (dims: number[]) =>
    compiled({
      nodes: [
        node('Split', ['x'], ['a', 'b'], { attribute: axis(1) }),
        node('Max', ['a', 'b'], 'p'),
        node('Min', ['b', 'a'], 'q'),
        node('Concat', ['p', 'q'], 'y', { attribute: axis(1) }),
      ],
      initializers: [],
      dims,
      opset: 17,
    });

  it('of two halves of the channels is one step, and 1-Lipschitz as a whole', () => {
    const half = minMax([1, 6, 4, 4]);
    expect(half.steps).toHaveLength(1);
    const bound = productBound(half, provedNorms(randomSource(1)));
    expect(bound).toBeGreaterThanOrEqual(1);
    expect(bound).toBeLessThan(1.0001);
  });

  it('of other operands is another step', () => {
    const half = compiled({
      nodes: [
        node('Split', ['x'], ['a', 'b', 'c'], { attribute: [...axis(1), intAttr('num_outputs', 3)] }),
        node('Max', ['a', 'b'], 'p'),
        node('Max', ['b', 'c'], 'q'),
        node('Concat', ['p', 'q'], 'y', { attribute: axis(1) }),
      ],
      initializers: [],
      dims: [1, 3],
      opset: 18,
    });
    expect(half.steps).toHaveLength(2);
    expect([...evaluateLeftHalf(half, Float64Array.of(1, 2, 3)).latent.value]).toEqual([2, 3]);
  });

  it('sorts every pair', () => {
    const { latent } = evaluateLeftHalf(minMax([1, 4]), Float64Array.of(1, -2, -3, 5));
    expect([...latent.value]).toEqual([1, 5, -3, -2]);
    expect(latent.error).toBeLessThan(1e-13);
  });

  it('of a maximum alone costs no more than the distance of both operands', () => {
    const half = compiled({
      nodes: [node('Split', ['x'], ['a', 'b'], { attribute: axis(1) }), node('Max', ['a', 'b'], 'y')],
      initializers: [],
      dims: [1, 4],
      opset: 17,
    });
    const centre = evaluateLeftHalf(half, Float64Array.of(1, 2, 3, 4));
    expect(displacement(half, centre, 0.5, 'secant', provedNorms(randomSource(2)))).toBeLessThan(0.50005);
  });
});

describe('a max pool', () => {
  it('moves as far as the cell of its window that moves most, wherever that is', () => {
    for (const gains of [
      [5, 0.125],
      [0.125, 5],
    ]) {
      const half = compiled({
        nodes: [
          node('Mul', ['x', 'g'], 'z'),
          node('MaxPool', ['z'], 'y', { attribute: [intsAttr('kernel_shape', [2])] }),
        ],
        initializers: [floatTensor('g', [1, 1, 2], gains)],
        dims: [1, 1, 2],
        opset: 17,
      });
      const centre = evaluateLeftHalf(half, Float64Array.of(0, 0));
      const D = displacement(half, centre, 0.5, 'secant', provedNorms(randomSource(4)));
      expect(D).toBeGreaterThanOrEqual(2.5);
      expect(D).toBeLessThan(2.51);
    }
  });
});

describe('an l2 pool', () => {
  const lpPool = (strides: number[]) =>
    compiled({
      nodes: [
        node('LpPool', ['x'], 'y', {
          attribute: [intsAttr('kernel_shape', [2, 2]), intsAttr('strides', strides)],
        }),
      ],
      initializers: [],
      dims: [1, 1, 4, 4],
      opset: 18,
    });

  it('without overlap is 1-Lipschitz, and 2-Lipschitz where four windows share a cell', () => {
    expect(productBound(lpPool([2, 2]), provedNorms(randomSource(3)))).toBeCloseTo(1, 3);
    expect(productBound(lpPool([1, 1]), provedNorms(randomSource(3)))).toBeCloseTo(2, 3);
  });
});

describe('a vector map', () => {
  const windows = buildMatrix(4, 6, 12, (row, add) => {
    for (let k = 0; k < 3; k++) add(row + k, 1);
  });
  const maps = {
    'sorting in groups of three': sortedGroups(2, 3),
    ...Object.fromEntries(
      (['max', 'min', 'l1', 'l2'] as WindowValue[]).map((of) => [`${of} of windows`, windowed(windows, of)]),
    ),
  };

  it.each(Object.entries(maps))('moves no further than it claims: %s', (_, map) => {
    const random = randomSource(7);
    for (let trial = 0; trial < 2000; trial++) {
      const z = random.normals(6);
      const step = random.normals(6).map((v) => v * (random.integer(0, 2) === 0 ? 0 : 1));
      const before = map.value(z);
      const after = map.value(z.map((v, i) => v + (step[i] as number)));
      const moved = after.map((v, i) => Math.abs(v - (before[i] as number)));
      expect(norm(moved)).toBeLessThanOrEqual(map.lipschitz * norm(step) + 1e-12);
      const box = map.box(step.map(Math.abs));
      moved.forEach((distance, i) => {
        expect(distance).toBeLessThanOrEqual((box[i] as number) + 1e-12);
      });
    }
  });

  it('of an l2 norm neither overflows nor vanishes', () => {
    const pair = buildMatrix(1, 2, 2, (_, add) => {
      add(0, 1);
      add(1, 1);
    });
    const map = windowed(pair, 'l2');
    expect(map.value(Float64Array.of(3e200, 4e200))[0]).toBeCloseTo(5e200, -190);
    expect((map.value(Float64Array.of(3e-200, 4e-200))[0] as number) / 5e-200).toBeCloseTo(1, 12);
  });
});
