/**
 * Activations that exporters spell out are one operator: each form (as PyTorch's two exporters, Hugging Face, tf2onnx and
 * Paddle write them) computes what ONNX Runtime computes, and its secants hold against sampled chords. What only looks
 * alike is not taken for one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundability } from '../../src/inspection/boundability.ts';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import type { LeftHalf } from '../../src/lipschitz/left-half.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { NodeProto, TensorProto } from '../../src/onnx/model/proto.ts';
import { checkRows } from '../../src/onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import { SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import type { Activation } from '../../src/operators/nonlinear/activation.ts';
import { floatTensor, node, tinyModel, weights } from '../onnx/tiny-model.ts';
import { activationOf, encoded, leftHalfOf } from './compiled.ts';
import { floatAttr } from './one-operator.ts';

/** A number as float32 in a tensor of no axis, or of `rank` axes of length 1. */
const number = (name: string, value: number, rank = 0): TensorProto =>
  floatTensor(name, new Array<number>(rank).fill(1), [value]);

interface Form {
  readonly nodes: NodeProto[];
  readonly numbers?: TensorProto[];
  readonly opset?: number;
  /** The largest slope of phi. */
  readonly lipschitz: number;
}

const ROOT = Math.fround(Math.sqrt(2));
const tanhConstants = [
  number('c', Math.sqrt(2 / Math.PI)),
  number('k', 0.044715),
  number('half', 0.5),
  number('one', 1),
  number('three', 3),
];
const GELU = 1.12890414518516;
const TANH_GELU = 1.128993066858756;
const SILU = 1.09983932012886;

const forms: Record<string, Form> = {
  'SiLU, torch': { nodes: [node('Sigmoid', ['x'], 's'), node('Mul', ['x', 's'], 'y')], lipschitz: SILU },
  'SiLU, the gate first': {
    nodes: [node('Sigmoid', ['x'], 's'), node('Mul', ['s', 'x'], 'y')],
    lipschitz: SILU,
  },
  'x sigmoid(1.702 x), CLIP': {
    nodes: [node('Mul', ['x', 'a'], 'ax'), node('Sigmoid', ['ax'], 's'), node('Mul', ['x', 's'], 'y')],
    numbers: [number('a', 1.702)],
    lipschitz: SILU,
  },
  '-3 x sigmoid(-x/2)': {
    nodes: [
      node('Neg', ['x'], 'n'),
      node('Div', ['n', 'two'], 'u'),
      node('Sigmoid', ['u'], 's'),
      node('Mul', ['x', 'three'], 't'),
      node('Mul', ['s', 't'], 'p'),
      node('Neg', ['p'], 'y'),
    ],
    numbers: [number('two', 2), number('three', 3)],
    lipschitz: 3 * SILU,
  },
  'Gelu, TorchScript': {
    nodes: [
      node('Div', ['x', 'root'], 'd'),
      node('Erf', ['d'], 'e'),
      node('Add', ['e', 'one'], 'a'),
      node('Mul', ['x', 'a'], 'p'),
      node('Mul', ['p', 'half'], 'y'),
    ],
    numbers: [number('root', ROOT), number('one', 1), number('half', 0.5)],
    lipschitz: GELU,
  },
  'Gelu, dynamo': {
    nodes: [
      node('Div', ['x', 'root'], 'd'),
      node('Erf', ['d'], 'e'),
      node('Add', ['e', 'one'], 'a'),
      node('Mul', ['half', 'a'], 'h'),
      node('Mul', ['x', 'h'], 'y'),
    ],
    numbers: [number('root', ROOT), number('one', 1), number('half', 0.5)],
    lipschitz: GELU,
  },
  'Gelu, TensorFlow: half of x first, 1/sqrt 2, constants with axes': {
    nodes: [
      node('Mul', ['half', 'x'], 'h'),
      node('Mul', ['x', 'inverse'], 'd'),
      node('Erf', ['d'], 'e'),
      node('Add', ['one', 'e'], 'a'),
      node('Mul', ['h', 'a'], 'y'),
    ],
    numbers: [number('inverse', Math.SQRT1_2, 2), number('one', 1, 1), number('half', 0.5, 3)],
    lipschitz: GELU,
  },
  'x (1 + erf(3 x)), steeper': {
    nodes: [
      node('Mul', ['x', 'three'], 'd'),
      node('Erf', ['d'], 'e'),
      node('Add', ['e', 'one'], 'a'),
      node('Mul', ['x', 'a'], 'y'),
    ],
    numbers: [number('three', 3), number('one', 1)],
    lipschitz: 2 * GELU,
  },
  'x tanh(softplus(-x/2)), turned and wider': {
    nodes: [
      node('Mul', ['x', 'a'], 'u'),
      node('Softplus', ['u'], 'p'),
      node('Tanh', ['p'], 't'),
      node('Mul', ['x', 't'], 'y'),
    ],
    numbers: [number('a', -0.5)],
    lipschitz: 1.08849816125172,
  },
  'Gelu by tanh, TorchScript': {
    nodes: [
      node('Mul', ['x', 'x'], 'q'),
      node('Mul', ['x', 'q'], 'cube'),
      node('Mul', ['k', 'cube'], 'kc'),
      node('Add', ['x', 'kc'], 'in'),
      node('Mul', ['c', 'in'], 'u'),
      node('Tanh', ['u'], 't'),
      node('Add', ['one', 't'], 'a'),
      node('Mul', ['x', 'a'], 'p'),
      node('Mul', ['half', 'p'], 'y'),
    ],
    numbers: tanhConstants,
    lipschitz: TANH_GELU,
  },
  'Gelu by tanh, dynamo': {
    nodes: [
      node('Pow', ['x', 'three'], 'cube'),
      node('Mul', ['k', 'cube'], 'kc'),
      node('Add', ['x', 'kc'], 'in'),
      node('Mul', ['c', 'in'], 'u'),
      node('Tanh', ['u'], 't'),
      node('Add', ['t', 'one'], 'a'),
      node('Mul', ['half', 'a'], 'g'),
      node('Mul', ['x', 'g'], 'y'),
    ],
    numbers: tanhConstants,
    lipschitz: TANH_GELU,
  },
  'Gelu by tanh, x c (1 + k x x)': {
    nodes: [
      node('Mul', ['x', 'half'], 'h'),
      node('Mul', ['x', 'c'], 'xc'),
      node('Mul', ['x', 'k'], 'xk'),
      node('Mul', ['xk', 'x'], 'kxx'),
      node('Add', ['kxx', 'one'], 'in'),
      node('Mul', ['xc', 'in'], 'u'),
      node('Tanh', ['u'], 't'),
      node('Add', ['t', 'one'], 'a'),
      node('Mul', ['h', 'a'], 'y'),
    ],
    numbers: tanhConstants,
    lipschitz: TANH_GELU,
  },
  'Mish, TorchScript': {
    nodes: [node('Softplus', ['x'], 'p'), node('Tanh', ['p'], 't'), node('Mul', ['x', 't'], 'y')],
    lipschitz: 1.08849816125172,
  },
  'HardSwish, TorchScript below opset 14': {
    nodes: [
      node('HardSigmoid', ['x'], 's', { attribute: [floatAttr('alpha', Math.fround(1 / 6))] }),
      node('Mul', ['x', 's'], 'y'),
    ],
    opset: 13,
    lipschitz: 1.5,
  },
  'HardSwish, Paddle: x clip(x + 3, 0, 6) / 6': {
    nodes: [
      node('Add', ['x', 'three'], 'a'),
      node('Clip', ['a', 'zero', 'six'], 'c'),
      node('Mul', ['x', 'c'], 'p'),
      node('Div', ['p', 'six'], 'y'),
    ],
    numbers: [number('three', 3), number('zero', 0), number('six', 6)],
    lipschitz: 1.5,
  },
  'HardSwish, relu6(x + 3) / 6 first, limits as attributes': {
    nodes: [
      node('Add', ['three', 'x'], 'a'),
      node('Clip', ['a'], 'c', { attribute: [floatAttr('min', 0), floatAttr('max', 6)] }),
      node('Div', ['c', 'six'], 'g'),
      node('Mul', ['g', 'x'], 'y'),
    ],
    numbers: [number('three', 3), number('six', 6)],
    opset: 10,
    lipschitz: 1.5,
  },
  'x clip(2 x + 0.5, 0, 1), kinks elsewhere': {
    nodes: [
      node('Mul', ['x', 'two'], 't'),
      node('Add', ['t', 'half'], 'a'),
      node('Clip', ['a', 'zero', 'one'], 'c'),
      node('Mul', ['x', 'c'], 'y'),
    ],
    numbers: [number('two', 2), number('half', 0.5), number('zero', 0), number('one', 1)],
    lipschitz: 1.5,
  },
  'x clip(x + 5, 0, 2), all of it left of zero': {
    nodes: [
      node('Add', ['x', 'five'], 'a'),
      node('Clip', ['a', 'zero', 'two'], 'c'),
      node('Mul', ['x', 'c'], 'y'),
    ],
    numbers: [number('five', 5), number('zero', 0), number('two', 2)],
    lipschitz: 5,
  },
};

const dims = [1, 3, 2, 2];
const modelOf = ({ nodes, numbers = [], opset = 17 }: Form) => ({
  nodes,
  initializers: numbers,
  dims,
  opset,
});

/** The compiled half, which must be one step behind the input. */
function compiledForm(form: Form): { half: LeftHalf; activation: Activation; factor: number } {
  const half = leftHalfOf(modelFromBytes(encoded(modelOf(form))), dims);
  const [step, ...others] = half.steps;
  if (others.length > 0) throw new Error('it was not recognised');
  const [term] = half.output.terms;
  const factor = term?.matrix instanceof SparseMatrix ? (term.matrix.value[0] ?? 1) : 1;
  return { half, activation: activationOf(step), factor };
}

describe.each(Object.entries(forms))('%s', (_, form) => {
  const { half, activation, factor } = compiledForm(form);
  const phi = (z: number): number => factor * activation.value(z, 0);

  it('computes what ONNX Runtime computes', async () => {
    const rows = checkRows(3, 12, 6).map((row, k) => row.map((v) => [3, 12, 40][k]! * (2 * v - 1)));
    await withSession(encoded(modelOf(form)), 'form', async (session) => {
      for (const row of rows) {
        const { data, dims: theirs } = await runRows(session, [row], dims.slice(1));
        expect(half.dims).toEqual(theirs);
        const ours = evaluateLeftHalf(half, Float64Array.from(row)).latent.value;
        for (const [i, value] of data.entries())
          expect(Math.abs(value - ours[i]!)).toBeLessThan(4e-6 * (1 + Math.abs(row[i]!)));
      }
    });
  });

  it('has the largest slope of its operator', () => {
    expect(activation.lipschitz(0) * Math.abs(factor)).toBeGreaterThanOrEqual(form.lipschitz * (1 - 1e-12));
    expect(activation.lipschitz(0) * Math.abs(factor)).toBeLessThan(form.lipschitz * (1 + 1e-5));
    let steepest = 0;
    for (let z = -12; z < 12; z += 1e-3)
      steepest = Math.max(steepest, Math.abs(phi(z + 1e-5) - phi(z - 1e-5)) / 2e-5);
    expect(steepest).toBeGreaterThan(form.lipschitz * 0.996);
    expect(steepest).toBeLessThan(activation.lipschitz(0) * Math.abs(factor) * (1 + 1e-8));
  });

  it('has no chord steeper than its secant, none longer than its displacement', () => {
    const share = fc.oneof(fc.double({ min: -1, max: 1, noNaN: true }), fc.constantFrom(-1, 1));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.double({ min: -8, max: 8, noNaN: true }),
          fc.constantFrom(-3, 3, 0, -1.41, 1.41, 40, -40),
        ),
        fc.oneof(fc.double({ min: 1e-4, max: 8, noNaN: true }), fc.constantFrom(1e-5, 60)),
        fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.5, noNaN: true })),
        share,
        share,
        (z, T, e, along, off) => {
          const exact = z + off * e;
          const t = along * T;
          const moved = Math.abs(activation.value(exact + t, 0) - activation.value(exact, 0));
          const rounding = 1e-13 * (1 + Math.abs(exact) + T);
          expect(moved).toBeLessThanOrEqual(activation.secant(z, T, e, 0) * Math.abs(t) + rounding);
          expect(moved).toBeLessThanOrEqual(activation.displacement(z, T, e, 0) + rounding);
          if (activation.isConstant(z, T, e, 0)) expect(moved).toBe(0);
        },
      ),
      { numRuns: 1500, seed: 31 },
    );
  });
});

describe('what only looks like one', () => {
  const product = (gate: NodeProto[], numbers: TensorProto[] = [], factor = 'x'): Form => ({
    nodes: [...gate, node('Mul', [factor, 'g'], 'y')],
    numbers,
    lipschitz: 0,
  });
  const others: Record<string, Form> = {
    'the gate of another tensor': product([node('Relu', ['x'], 'r'), node('Sigmoid', ['r'], 'g')]),
    'a gate of x + 1': product(
      [node('Add', ['x', 'one'], 'a'), node('Sigmoid', ['a'], 'g')],
      [number('one', 1)],
    ),
    'a gate per channel': product(
      [node('Mul', ['x', 'w'], 'a'), node('Sigmoid', ['a'], 'g')],
      [weights('w', [3, 1, 1])],
    ),
    '0.999 + erf': product([node('Erf', ['x'], 'e'), node('Add', ['e', 'k'], 'g')], [number('k', 0.999)]),
    '1 + sigmoid': product([node('Sigmoid', ['x'], 's'), node('Add', ['s', 'k'], 'g')], [number('k', 1)]),
    'tanh with another cubic constant': product(
      [
        node('Pow', ['x', 'three'], 'cube'),
        node('Mul', ['k', 'cube'], 'kc'),
        node('Add', ['x', 'kc'], 'in'),
        node('Mul', ['c', 'in'], 'u'),
        node('Tanh', ['u'], 't'),
        node('Add', ['t', 'one'], 'g'),
      ],
      [...tanhConstants.filter(({ name }) => name !== 'k'), number('k', 0.044716)],
    ),
    'tanh of a square': product(
      [node('Mul', ['x', 'x'], 'q'), node('Tanh', ['q'], 't'), node('Add', ['t', 'one'], 'g')],
      [number('one', 1)],
    ),
    'a clip from -1': product(
      [node('Clip', ['x', 'low', 'one'], 'g')],
      [number('low', -1), number('one', 1)],
    ),
    'a clip without upper limit': product([node('Clip', ['x', 'zero'], 'g')], [number('zero', 0)]),
    'a falling gate': product(
      [node('Neg', ['x'], 'n'), node('Clip', ['n', 'zero', 'one'], 'g')],
      [number('zero', 0), number('one', 1)],
    ),
    'x times x': product([node('Mul', ['x', 'one'], 'g')], [number('one', 1)]),
    'a cubic term that a large one hides': product(
      [
        node('Mul', ['x', 'x'], 'q'),
        node('Mul', ['q', 'x'], 'cube'),
        node('Mul', ['cube', 'large'], 'l'),
        node('Mul', ['cube', 'small'], 's'),
        node('Add', ['l', 's'], 'both'),
        node('Sub', ['both', 'l'], 'rest'),
        node('Add', ['x', 'rest'], 'u'),
        node('Sigmoid', ['u'], 'g'),
      ],
      [number('large', 0.75 * 2 ** 40), number('small', -0.9 * 2 ** -14)],
    ),
    'a cubic term that a product rounds away': product(
      [
        node('Mul', ['x', 'x'], 'q'),
        node('Mul', ['q', 'x'], 'cube'),
        node('Mul', ['cube', 'b'], 'l1'),
        node('Mul', ['l1', 'c'], 'l2'),
        node('Mul', ['l2', 'd'], 'l3'),
        node('Mul', ['cube', 'c'], 'm1'),
        node('Mul', ['m1', 'd'], 'm2'),
        node('Mul', ['m2', 'b'], 'm3'),
        node('Sub', ['l3', 'm3'], 'rest'),
        node('Add', ['x', 'rest'], 'u'),
        node('Sigmoid', ['u'], 'g'),
      ],
      [number('b', 1e9 + 7), number('c', 1e9 / 3), number('d', 1e9 / 7)],
    ),
    'an offset that a large one hides': product(
      [
        node('Sigmoid', ['x'], 's'),
        node('Add', ['s', 'large'], 'a'),
        node('Add', ['a', 'small'], 'b'),
        node('Add', ['b', 'less'], 'g'),
      ],
      [number('large', 2 ** 40), number('small', 1e-6), number('less', -(2 ** 40))],
    ),
    'two gates': product([node('Sigmoid', ['x'], 's'), node('Tanh', ['x'], 'g')], [], 's'),
  };
  it.each(Object.entries(others))('is not a match: %s', (_, form) => {
    expect(() => compiledForm(form)).toThrow();
  });
});

describe('a network with spelled-out activations', () => {
  it('has a bound at every cut, although there is none for what lies inside (x times x)', async () => {
    const form = forms['Gelu by tanh, TorchScript'] as Form;
    const inner = form.nodes.map((n) => ({
      ...n,
      input: (n.input ?? []).map((name) => (name === 'x' ? 'hidden' : name)),
      output: (n.output ?? []).map((name) => (name === 'y' ? 'active' : name)),
    }));
    const model = tinyModel({
      nodes: [node('MatMul', ['x', 'w'], 'hidden'), ...inner, node('MatMul', ['active', 'v'], 'y')],
      initializers: [weights('w', [4, 5]), weights('v', [5, 3]), ...tanhConstants],
    });
    const classifier = await prepareClassifier(model, undefined, null);
    const { cuts } = boundability(classifier, 5000);
    expect(cuts.map(({ cut }) => cut.value.name)).toEqual(['x', 'hidden', 'p', 'active']);
    for (const { why, latentLipschitz } of cuts) {
      expect(why).toBeNull();
      expect(latentLipschitz).toBeLessThan(20);
    }
  });
});
