/** What the left half makes of maps that are bounded on balls: expressions known as a whole, and radii. */
import { describe, expect, it } from 'vitest';
import { leftHalfCompiler } from '../../src/lipschitz/compile-left-half.ts';
import { displacement } from '../../src/lipschitz/displacement.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import { floatTensor, intsAttr, node } from '../onnx/tiny-model.ts';
import { compiled, encoded } from '../operators/compiled.ts';
import { floatAttr, type OneOperator } from '../operators/one-operator.ts';
import { randomSource } from '../operators/random.ts';
import { attack, provedNorms } from './nets.ts';

const scalar = (name: string, value: number): TensorProto => floatTensor(name, [], [value]);
const model = (nodes: NodeProto[], initializers: TensorProto[], dims: number[], opset = 17): OneOperator => ({
  nodes,
  initializers,
  dims,
  opset,
});
const D = (half: LeftHalf, x: Float64Array, r: number): number =>
  displacement(half, evaluateLeftHalf(half, x), r, 'secant', provedNorms(randomSource(1)));
const types = (half: LeftHalf): string[] =>
  half.steps.map((step) => `${step.node.opType} ${step.nonlinearity.kind}`);

describe('an expression of several nodes', () => {
  const layer = model(
    [node('LayerNormalization', ['x', 's'], 'y', { attribute: [floatAttr('epsilon', Math.fround(1e-3))] })],
    [floatTensor('s', [8], new Array<number>(8).fill(1))],
    [1, 3, 8],
  );
  const axes = { attribute: [intsAttr('axes', [-1])] };
  const written = model(
    [
      node('ReduceMean', ['x'], 'm', axes),
      node('Sub', ['x', 'm'], 'd'),
      node('Pow', ['d', 'two'], 'q'),
      node('ReduceMean', ['q'], 'v', axes),
      node('Add', ['v', 'eps'], 'w'),
      node('Sqrt', ['w'], 's'),
      node('Div', ['d', 's'], 'y'),
    ],
    [scalar('two', 2), scalar('eps', Math.fround(1e-3))],
    [1, 3, 8],
    13,
  );

  it('that is a layer normalisation has its bound, and is one step', () => {
    const [whole, parts] = [compiled(layer), compiled(written)];
    expect(types(parts)).toEqual(['Div local']);
    for (let seed = 0; seed < 20; seed++) {
      const x = randomSource(seed).normals(24);
      for (const r of [1e-3, 0.3, 2]) {
        const [a, b] = [D(whole, x, r), D(parts, x, r)];
        // The mean is part of the affine segment here, and of the map there.
        expect(b / a).toBeLessThan(1.01);
        expect(b / a).toBeGreaterThan(0.5);
      }
    }
  });

  it('that is SiLU has the bound of Swish, also where its inner nodes were compiled before', () => {
    const silu = model([node('Sigmoid', ['x'], 's'), node('Mul', ['x', 's'], 'y')], [], [1, 5]);
    const swish = compiled(model([node('Swish', ['x'], 'y')], [], [1, 5], 24));
    const x = randomSource(4).normals(5);
    const half = compiled(silu);
    expect(types(half)).toEqual(['Mul activation']);
    for (const r of [0.1, 2]) expect(D(half, x, r)).toBeCloseTo(D(swish, x, r), 12);
    const { inputs, values } = modelFromBytes(encoded(silu)).graph;
    const compile = leftHalfCompiler(inputs[0]!, [1, 5]);
    expect(types(compile(values.get('s')!))).toEqual(['Sigmoid activation']);
    const after = compile(values.get('y')!);
    expect(types(after)).toEqual(['Mul activation']);
    expect(D(after, x, 0.1)).toBe(D(half, x, 0.1));
  });

  it('is bounded part by part where one part is another', () => {
    const other = model(
      [node('LeakyRelu', ['x'], 'h'), node('Sigmoid', ['h'], 's'), node('Mul', ['x', 's'], 'y')],
      [],
      [1, 5],
    );
    expect(types(compiled(other))).toEqual(['LeakyRelu activation', 'Sigmoid activation', 'Mul local']);
  });
});

describe('the input radius through a map bounded on balls', () => {
  const radiusOf = (
    of: OneOperator,
    x: number[],
    latent: number,
    kind: 'secant' | 'mask' = 'secant',
  ): number => {
    const bound = createLeftHalfBound(compiled(of), kind, 1e-6);
    return bound.inputRadius(bound.evaluate(Float64Array.from(x)), latent, randomSource(3).normals).radius;
  };
  const unit = model([node('LpNormalization', ['x'], 'y')], [], [1, 2]);

  it('is the exact one for a direction: two points on a circle', () => {
    // From (3, 4), the direction turns by an angle t within 5 sin t, and moves by 2 sin(t/2).
    for (const angle of [0.2, 1]) {
      const radius = radiusOf(unit, [3, 4], 2 * Math.sin(angle / 2));
      expect(radius).toBeLessThanOrEqual(5 * Math.sin(angle));
      expect(radius).toBeGreaterThan(5 * Math.sin(angle) * 0.99);
    }
  });

  it('is 0 where there is no bound: a norm of 0, or a bound asked for on all of space', () => {
    expect(radiusOf(unit, [0, 0], 1)).toBe(0);
    const square = model([node('Mul', ['x', 'x'], 'y')], [], [1, 2]);
    expect(radiusOf(square, [1, 2], 1, 'mask')).toBe(0);
    expect(radiusOf(square, [1, 2], 1)).toBeGreaterThan(0.15);
  });

  it('of a gate stays below every attack, and comes near them', () => {
    const gate = model(
      [
        node('GlobalAveragePool', ['x'], 'p'),
        node('Conv', ['p', 'w'], 'c'),
        node('Sigmoid', ['c'], 'g'),
        node('Mul', ['x', 'g'], 'y'),
      ],
      [floatTensor('w', [4, 4, 1, 1], randomSource(9).float32s(16))],
      [1, 4, 3, 3],
    );
    const half = compiled(gate);
    for (let seed = 0; seed < 5; seed++) {
      const random = randomSource(seed);
      const x = random.normals(36);
      const centre = evaluateLeftHalf(half, x);
      for (const r of [0.01, 0.5]) {
        const bound = D(half, x, r);
        const found = attack(half, x, centre, r, random, { directions: 30, ascents: 4 });
        expect(found).toBeLessThanOrEqual(bound);
        expect(found).toBeGreaterThan(0.5 * bound);
      }
    }
  });
});
