/**
 * Terms of the proofs that are as small as rounding, each by numbers made so that the bound is false without it. All
 * comparisons are exact.
 */
import { describe, expect, it } from 'vitest';
import { UNIT_ROUNDOFF } from '../../src/ground/rounding-error.ts';
import { plus, transformed, withBias, zeroForm } from '../../src/lipschitz/affine-form.ts';
import { BandedGram, provedBound } from '../../src/lipschitz/banded-gram.ts';
import { displacement, type NormOf } from '../../src/lipschitz/displacement.ts';
import { type Evaluation, evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import type { LeftHalf, Step } from '../../src/lipschitz/left-half.ts';
import { createSpectralNorm } from '../../src/lipschitz/spectral-norm.ts';
import type { LinearMap } from '../../src/operators/algebra/linear-map.ts';
import { buildMatrix, type SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import type { Nonlinearity } from '../../src/operators/nonlinear/nonlinearity.ts';
import { normalized } from '../../src/operators/nonlinear/unit-scale.ts';
import { sortedGroups, wholeVectors } from '../../src/operators/nonlinear/vector-map.ts';
import { floatTensor, intsAttr, node } from '../onnx/tiny-model.ts';
import { activationOf, compiled } from '../operators/compiled.ts';
import { floatAttr } from '../operators/one-operator.ts';
import { randomSource } from '../operators/random.ts';
import { units } from './exact.ts';
import { distance, exponential, fixed, ONE, over, times } from './fixed-point.ts';

const u = UNIT_ROUNDOFF;
const scalar = (value: number, error = 0): SparseMatrix =>
  buildMatrix(1, 1, 1, (_, add) => add(0, value)).withError(error);

describe('rounding in a norm proved by a factorisation', () => {
  it('of the Gram matrix: a column of squares that each vanish beside the first', () => {
    // 1 + 999 x² with x² = 0.49 u: every sum rounds back to 1.
    const x = Math.sqrt(0.49 * u);
    const column = buildMatrix(1000, 1, 1000, (row, add) => add(0, row === 0 ? 1 : x));
    const bound = new BandedGram(column, Int32Array.of(0)).bound(null, null);
    const exact = units(1) ** 2n + 999n * units(x) ** 2n;
    expect(units(bound) ** 2n).toBeGreaterThanOrEqual(exact);
    // What a few operations may round by would not have done.
    expect(units(1 + 32 * u) ** 2n).toBeLessThan(exact);
  });

  it('of the factorisation: it runs to its end on a matrix that is not positive', () => {
    // 2 I - G is 1 on the diagonal but for its last row (t, ..., t, 1, 1 + 4u): the t² vanish beside 1, before 1 is taken
    // off, so that the last pivot comes out as 4u. It is 4u - (n - 2) t².
    const n = 400;
    const t = Math.sqrt(0.49 * u);
    const gram = new Float64Array(n * n);
    const at = (i: number, j: number): number => i * n + (j - i + n - 1);
    for (let i = 0; i < n; i++) gram[at(i, i)] = 1;
    for (let j = 0; j < n - 2; j++) gram[at(n - 1, j)] = -t;
    gram[at(n - 1, n - 2)] = -1;
    gram[at(n - 1, n - 1)] = 1 - 4 * u;
    const proved = provedBound(gram, n, n - 1, 2);
    expect(proved).not.toBeNull();
    // The quotient of v = (t, ..., t, 1, -1), in units: lambda_max is at least that.
    const [T, one] = [units(t), units(1)];
    const many = BigInt(n - 2);
    const square = many * T * T + 2n * one * one;
    const last = units(1 - 4 * u);
    const form = many * T * T * one + one ** 3n + last * one * one + 2n * (many * T * T * one + one ** 3n);
    const quotientIsAbove = (bound: number): boolean => form > units(bound) * square;
    expect(quotientIsAbove(proved as number)).toBe(false);
    expect(quotientIsAbove(2 * (1 + 24 * u))).toBe(true);
  });
});

describe('rounding in a norm by Chebyshev polynomials', () => {
  /** 21 Hadamard matrices of 64 x 64, shuffled: of norm 8, and 64 in absolute values. Too wide to factorise. */
  const size = 21 * 64;
  const order = Int32Array.from({ length: size }, (_, i) => (i * 571) % size);
  const signs = (i: number, j: number): number => {
    let bits = 0;
    for (let both = i & j; both > 0; both >>= 1) bits ^= both & 1;
    return bits === 0 ? 1 : -1;
  };
  const matrix = buildMatrix(size, size, size * 64, (row, add) => {
    const at = order[row]!;
    for (let j = 0; j < 64; j++) add(order[at - (at % 64) + j]!, signs(at % 64, j));
  });
  const probe = (): Float64Array => randomSource(4).normals(size);

  it('of the product leaves no tight bound where it could hide the eigenvector from the probe', () => {
    const norm = createSpectralNorm(matrix, [size], [size]);
    expect(norm.deterministic).toBe(false);
    expect(norm.bound(null, null, probe, 1e-7)).toBeLessThan(8.1);
    // A component of 1e-11 stands out of the rounding of the recurrence, and not out of the product's.
    expect(norm.bound(null, null, probe, 1e-11)).toBeGreaterThan(12);
  });
});

/** Steps that copy x (sorting one cell), and one form of all of them. */
function fan(coefficients: readonly number[], final: Nonlinearity | null): LeftHalf {
  const copies = coefficients.map(
    () =>
      ({
        input: { ...zeroForm(1), terms: [{ base: 0, matrix: scalar(1) }] },
        dims: [1, 1],
        size: 1,
        nonlinearity: wholeVectors(sortedGroups(1, 1)),
      }) as unknown as Step,
  );
  const sum = {
    ...zeroForm(1),
    terms: coefficients.map((c, k) => ({ base: k + 1, matrix: scalar(c) })),
  };
  if (final === null) return { inputDims: [1, 1], dims: [1, 1], steps: copies, output: sum };
  const last = { input: sum, dims: [1, 1], size: 1, nonlinearity: final } as unknown as Step;
  const output = { ...zeroForm(1), terms: [{ base: copies.length + 1, matrix: scalar(1) }] };
  return { inputDims: [1, 1], dims: [1, 1], steps: [...copies, last], output };
}

const known = (steps: number): Evaluation => ({
  latent: { value: new Float64Array(1), error: 0 },
  bases: [],
  inputs: Array.from({ length: steps }, () => ({ value: new Float64Array(1), error: 0 })),
});
/** Of a 1 x 1 matrix. */
const entry: NormOf = (matrix: LinearMap, rows, columns) =>
  Math.abs((matrix as SparseMatrix).value[0]!) * (rows?.[0] ?? 1) * (columns?.[0] ?? 1) + matrix.error;

describe('rounding in a displacement', () => {
  // Added one by one, all but the first vanish.
  const coefficients = [1, ...new Array<number>(2000).fill(0.98 * u)];
  const exact = coefficients.reduce((sum, c) => sum + units(c), 0n);
  const sorted = wholeVectors(sortedGroups(1, 1));

  it('of the sum of the displacements of many terms', () => {
    const D = displacement(fan(coefficients, null), known(2001), 1, 'mask', entry);
    expect(units(D)).toBeGreaterThanOrEqual(exact);
    expect(D).toBeLessThan(1 + 1e-9);
  });

  it('of the sum of the reaches of many terms', () => {
    // Norms that are far from tight, so that what is reached cell by cell decides.
    const loose: NormOf = (matrix, rows, columns) => 2 * entry(matrix, rows, columns);
    const within: NormOf = (matrix, rows, columns) =>
      (matrix as SparseMatrix).value[0] === 1 ? entry(matrix, rows, columns) : loose(matrix, rows, columns);
    const half = fan(coefficients, sorted);
    const D = displacement(half, known(2002), 1, 'secant', within);
    expect(units(D)).toBeGreaterThanOrEqual(exact);
    expect(D).toBeLessThan(1 + 1e-9);
  });

  it('of a matrix known up to its error: what it reaches may be error alone', () => {
    // Stored 0.001, known up to 1: x -> relu(relu(x) - 0.5) may rise by 0.5 on the unit ball.
    const model = compiled({
      nodes: [node('Relu', ['x'], 'h'), node('Relu', ['h'], 'y')],
      initializers: [],
      dims: [1, 1],
      opset: 17,
    });
    const [first, second] = model.steps as [Step, Step];
    const rough = {
      ...second,
      input: { ...second.input, terms: [{ base: 1, matrix: scalar(0.001, 1) }], bias: Float64Array.of(-0.5) },
    };
    const half: LeftHalf = { ...model, steps: [first, rough] };
    const D = displacement(half, evaluateLeftHalf(half, Float64Array.of(0)), 1, 'secant', entry);
    expect(D).toBeGreaterThanOrEqual(0.5);
  });
});

describe('rounding in the value of a left half', () => {
  it('of an activation of an exact input', () => {
    const inverse = (z: number): bigint => over(ONE, ONE + exponential(-fixed(z)));
    let inexact = 0;
    for (const opType of ['Sigmoid', 'Exp']) {
      const half = compiled({ nodes: [node(opType, ['x'], 'y')], initializers: [], dims: [1, 5], opset: 17 });
      for (let seed = 0; seed < 20; seed++) {
        const x = Float64Array.from(randomSource(seed).float32s(5));
        const { latent } = evaluateLeftHalf(half, x);
        const exact = Array.from(x, (z) => (opType === 'Exp' ? exponential(fixed(z)) : inverse(z)));
        const error = distance(latent.value, exact);
        if (error > 1e-17) inexact++;
        expect(latent.error).toBeGreaterThanOrEqual(error);
      }
    }
    expect(inexact).toBeGreaterThan(30);
  });

  it('of an l2 window and of a normalisation of an exact input', () => {
    const unit = compiled({
      nodes: [node('LpNormalization', ['x'], 'y')],
      initializers: [],
      dims: [1, 2],
      opset: 17,
    });
    const { latent } = evaluateLeftHalf(unit, Float64Array.of(1, 3));
    const root = (value: bigint): bigint => {
      let r = 1n << 500n;
      for (let next = r; ; r = next) {
        next = (r + (value << 320n) / r) / 2n;
        if (next >= r) return r;
      }
    };
    const ten = root(10n * ONE);
    const error = distance(latent.value, [over(ONE, ten), over(3n * ONE, ten)]);
    expect(latent.error).toBeGreaterThanOrEqual(error);
    expect(latent.error).toBeGreaterThan(0);
  });

  it('of a constant that is known badly, through the layers behind it', () => {
    // The constant is what is left of two large products; the factor behind carries its error on.
    const random = randomSource(6);
    const [a, b] = [random.float32s(16, 1e5), random.float32s(16, 1e5)];
    const product = a.reduce((sum, v, i) => sum + times(fixed(v), fixed(b[i]!)), 0n);
    const off = -Number(product) / Number(ONE);
    const constant = withBias(
      transformed(
        buildMatrix(1, 16, 16, (_, add) => {
          for (const [i, v] of a.entries()) add(i, v);
        }),
        { ...zeroForm(16), bias: Float64Array.from(b) },
        '',
      ),
      Float64Array.of(off),
      0,
    );
    const through = transformed(scalar(3), constant, '');
    const exact = 3n * (product + fixed(off));
    const distanceOf = distance(through.bias, [exact]);
    expect(distanceOf).toBeGreaterThan(4 * u * Math.abs(through.bias[0]!));
    expect(through.biasError).toBeGreaterThanOrEqual(distanceOf);
    // And in a sum, of forms or with a bias.
    expect(plus(through, through, '').biasError).toBeGreaterThanOrEqual(2 * distanceOf);
  });
});

describe('the error of a bias', () => {
  const form = (bias: number, biasError = 0) => ({ ...zeroForm(1), bias: Float64Array.of(bias), biasError });

  it('has in it that of both forms of a sum', () => {
    expect(plus(form(1, 0.25), form(2, 0.5), '').biasError).toBeGreaterThanOrEqual(0.75);
    expect(withBias(form(1, 0.25), Float64Array.of(2), 0.5).biasError).toBeGreaterThanOrEqual(0.75);
  });

  it('has in it the rounding of the sum', () => {
    const sum = withBias(form(1), Float64Array.of(0.7 * u), 0);
    expect(units(sum.bias[0]!)).not.toBe(units(1) + units(0.7 * u));
    expect(sum.biasError).toBeGreaterThanOrEqual(0.7 * u);
  });

  it('has in it what the matrix is not known to', () => {
    expect(transformed(scalar(1, 0.125), form(8), '').biasError).toBeGreaterThanOrEqual(1);
  });

  it('is that of the constant, computed by a nonlinearity and carried through another', () => {
    const tenth = Math.fround(0.1);
    const half = compiled({
      nodes: [
        node('Sigmoid', ['c'], 's'),
        node('Mul', ['s', 'big'], 'b'),
        node('Abs', ['b'], 't'),
        node('Mul', ['x', 'w'], 'm'),
        node('Add', ['m', 't'], 'y'),
      ],
      initializers: [
        floatTensor('c', [1], [tenth]),
        floatTensor('big', [1], [2 ** 20]),
        floatTensor('w', [1], [1]),
      ],
      dims: [1, 1],
      opset: 17,
    });
    const { bias, biasError } = half.output;
    const exact = over(ONE, ONE + exponential(-fixed(tenth))) << 20n;
    expect(biasError).toBeGreaterThanOrEqual(distance(bias, [exact]));
    // Of an activation known to 2^-48, times 2^20.
    expect(biasError).toBeGreaterThan(0.5 * 2 ** -48 * 2 ** 20);
  });

  it('and the rounding of adding it to what depends on the input is in that of the value', () => {
    const half = compiled({
      nodes: [node('Add', ['x', 'b'], 'y')],
      initializers: [floatTensor('b', [1], [1])],
      dims: [1, 1],
      opset: 17,
    });
    const small = 0.7 * u;
    // However well the bias itself is known.
    const known = { ...half, output: { ...half.output, biasError: 0 } };
    const { latent } = evaluateLeftHalf(known, Float64Array.of(small));
    expect(units(latent.value[0]!)).toBe(units(1));
    expect(latent.error).toBeGreaterThanOrEqual(small);
  });
});

describe('an error of an input', () => {
  it('of windows that overlap comes out of all of them', () => {
    const half = compiled({
      nodes: [
        node('Add', ['x', 'c'], 'h'),
        node('MaxPool', ['h'], 'y', {
          attribute: [intsAttr('kernel_shape', [3]), intsAttr('strides', [1])],
        }),
      ],
      initializers: [floatTensor('c', [1, 1, 5], [0, 0, 0, 0, 0])],
      dims: [1, 1, 5],
      opset: 17,
    });
    const [step] = half.steps as [Step];
    const rough = { ...half, steps: [{ ...step, input: { ...step.input, biasError: 1e-3 } }] };
    // The middle cell is the largest of all three windows, and may be off by 1e-3.
    const { latent } = evaluateLeftHalf(rough, Float64Array.of(0, 0, 1, 0, 0));
    expect(latent.error).toBeGreaterThanOrEqual(Math.sqrt(3) * 1e-3);
  });
});

describe('a HardSigmoid', () => {
  it('is as steep as it is from a centre beside a kink that float64 does not have', () => {
    let needed = 0;
    for (let seed = 0; seed < 400; seed++) {
      const alpha = Math.fround(randomSource(seed).uniform(0.1, 1));
      const half = compiled({
        nodes: [node('HardSigmoid', ['x'], 'y', { attribute: [floatAttr('alpha', alpha)] })],
        initializers: [],
        dims: [1, 1],
        opset: 17,
      });
      const [step] = half.steps as [Step];
      // Left of the lower kink -0.5/alpha by a little, and half as far again beyond it.
      const kink = -0.5 / alpha;
      const z = kink * (1 + 2 ** -46);
      const before = over(-ONE / 2n, fixed(alpha)) - fixed(z);
      const T = (Number(before) / Number(ONE)) * 1.5;
      const chord = over(times(fixed(alpha), fixed(T) - before), fixed(T));
      const slope = activationOf(step).secant(z, T, 0, 0);
      expect(fixed(slope) >= chord, `seed ${seed}`).toBe(true);
      // From the kink as computed it would be visibly less steep.
      if (fixed(((alpha * (T - (kink - z))) / T) * (1 + 2 ** -40)) < chord) needed++;
    }
    expect(needed).toBeGreaterThan(50);
  });
});

describe('a normalisation', () => {
  it('is as steep as its floor allows where the cells differ by the rounding of their mean alone', () => {
    const floor = 1e-20;
    const map = normalized({ cells: Int32Array.of(0, 1, 2), length: 3, centred: true, gain: 1, floor });
    const centre = Float64Array.of(0.1, 0.1, 0.1);
    const step = 1e-21;
    const T = Float64Array.of(step, step, 0);
    const size = Math.SQRT2 * step;
    const bound = map.on({ centre, error: 0, T, rho: () => size });
    // Exactly, v = 0, and (step, -step, 0) moves f by size / sqrt(size² + floor²).
    const moved = size / Math.hypot(size, floor);
    expect(bound).not.toBeNull();
    expect(bound!.slopes[0]![0]! * size).toBeGreaterThanOrEqual(moved * (1 - 1e-12));
    expect(bound!.box[0]!).toBeGreaterThanOrEqual((moved / Math.SQRT2) * (1 - 1e-12));
    // The mean of three 0.1 is not 0.1 in float64: without its error the scale would look a thousand times as large.
    expect(map.value(centre).some((v) => v !== 0)).toBe(true);
  });
});
