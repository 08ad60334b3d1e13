/** A centre is known up to the rounding of what came before it: D bounds the movement around every centre it may be. */
import { describe, expect, it } from 'vitest';
import { displacement } from '../../src/lipschitz/displacement.ts';
import type { SegmentwiseBound } from '../../src/lipschitz/displacement-bounds.ts';
import { type Evaluation, evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import { floatTensor, intTensor, node } from '../onnx/tiny-model.ts';
import { compiled } from '../operators/compiled.ts';
import { floatAttr, type OneOperator } from '../operators/one-operator.ts';
import { type Random, randomSource } from '../operators/random.ts';
import { provedNorms } from './nets.ts';

const N = 6;
const single = (
  opType: string,
  attribute = [] as ReturnType<typeof floatAttr>[],
  opset = 17,
): OneOperator => ({
  nodes: [node(opType, ['x'], 'y', { attribute })],
  initializers: [],
  dims: [1, N],
  opset,
});

const models: Readonly<Record<string, OneOperator>> = {
  Relu: single('Relu'),
  LeakyRelu: single('LeakyRelu', [floatAttr('alpha', -0.25)]),
  HardSigmoid: single('HardSigmoid', [floatAttr('alpha', 0.5)]),
  ThresholdedRelu: single('ThresholdedRelu', [floatAttr('alpha', 0.25)]),
  Sigmoid: single('Sigmoid'),
  Tanh: single('Tanh'),
  Gelu: single('Gelu', [], 20),
  Exp: single('Exp'),
  Softmax: single('Softmax'),
  LogSoftmax: single('LogSoftmax'),
  LpNormalization: single('LpNormalization'),
  LayerNormalization: {
    ...single('LayerNormalization'),
    nodes: [node('LayerNormalization', ['x', 's'], 'y')],
    initializers: [floatTensor('s', [N], new Array<number>(N).fill(1))],
  },
  'a matrix product': {
    ...single('MatMul'),
    nodes: [
      node('Reshape', ['x', 'rows'], 'a'),
      node('Reshape', ['x', 'columns'], 'b'),
      node('MatMul', ['a', 'b'], 'y'),
    ],
    initializers: [intTensor('rows', [1, 2, 3]), intTensor('columns', [1, 3, 2])],
  },
  Div: {
    ...single('Div'),
    nodes: [node('Exp', ['x'], 'e'), node('Add', ['e', 'one'], 'd'), node('Div', ['x', 'd'], 'y')],
    initializers: [floatTensor('one', [], [0.5])],
  },
  Mul: { ...single('Mul'), nodes: [node('Tanh', ['x'], 't'), node('Mul', ['x', 't'], 'y')] },
};

const length = (v: Float64Array): number => Math.hypot(...v);
const along = (v: Float64Array, size: number): Float64Array => v.map((c) => (c * size) / length(v));

/** The half around the exact centre x, told of one that is `error` away from it in each step's input. */
function displaced(half: LeftHalf, x: Float64Array, error: number, random: Random): Evaluation {
  const { latent, inputs, bases } = evaluateLeftHalf(half, x);
  return {
    latent,
    bases,
    inputs: inputs.map(({ value }) => {
      const off = along(random.normals(value.length), error * random.uniform(0.5, 1));
      return { value: value.map((v, i) => v + off[i]!), error };
    }),
  };
}

describe.each(Object.entries(models))('around a centre known up to an error, D of %s', (name, model) => {
  const half = compiled(model);
  // The others have a bound on balls alone.
  const everywhere = ['Relu', 'LeakyRelu', 'HardSigmoid', 'Sigmoid', 'Tanh', 'Gelu'].includes(name);
  const kinds: SegmentwiseBound[] = everywhere ? ['mask', 'secant'] : ['secant'];

  it.each(kinds)('is no less than what the exact one moves (%s)', (kind) => {
    const norms = provedNorms(randomSource(1));
    let near = 0;
    for (let seed = 0; seed < 400; seed++) {
      const random = randomSource(seed);
      const x = random.normals(N).map((v) => v * random.pick([0.2, 1, 3]));
      const error = random.pick([0.05, 0.3, 1]);
      const r = random.pick([0.01, 0.1, 1]);
      const D = displacement(half, displaced(half, x, error, random), r, kind, norms);
      const from = evaluateLeftHalf(half, x).latent.value;
      for (let trial = 0; trial < 8; trial++) {
        const only = random.integer(0, N - 1);
        const aim = trial < 4 ? random.normals(N) : x.map((_, i) => (i === only ? random.pick([-1, 1]) : 0));
        const d = along(aim, r * (1 - 1e-9));
        const to = evaluateLeftHalf(
          half,
          x.map((v, i) => v + d[i]!),
        ).latent.value;
        const moved = length(to.map((v, i) => v - from[i]!));
        expect(D, `seed ${seed}`).toBeGreaterThanOrEqual(moved - 1e-12);
        if (moved > 0.5 * D) near++;
      }
    }
    // Of a finite D, so that the claim says something.
    if (name !== 'LpNormalization') expect(near).toBeGreaterThan(0);
  });
});

describe('a unit that the computed centre has at rest, and the exact one does not,', () => {
  const half = compiled({ ...single('Relu'), dims: [1, 1] });
  const told = { value: Float64Array.of(-0.05), error: 0.1 };
  const evaluation: Evaluation = {
    latent: { value: Float64Array.of(0), error: 0.1 },
    inputs: [told],
    bases: [],
  };
  const D = (r: number, kind: SegmentwiseBound = 'secant'): number =>
    displacement(half, evaluation, r, kind, provedNorms(randomSource(1)));

  it('is not taken for constant', () => {
    // The exact centre may be 0.05: everything counts.
    expect(D(0.03)).toBeGreaterThanOrEqual(0.03);
    expect(D(0.03, 'mask')).toBeGreaterThanOrEqual(0.03);
  });

  it('moves as far as the exact one does: by slope and by box', () => {
    expect(D(0.06)).toBeGreaterThanOrEqual(0.06);
  });
});
