/**
 * Norms at every scale that float64 has, against exact arithmetic: entries whose squares vanish or overflow, denormals,
 * zeros. An upper bound that is 0 for something that moves would certify every radius.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelRefused } from '../../src/ground/errors.ts';
import { inflate, normUp, productUp, TINY, timesPowerUp } from '../../src/ground/rounding-error.ts';
import { chebyshevBound } from '../../src/lipschitz/chebyshev-bound.ts';
import { displacement } from '../../src/lipschitz/displacement.ts';
import { DISPLACEMENT_BOUNDS, type DisplacementBound } from '../../src/lipschitz/displacement-bounds.ts';
import { type Evaluation, evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import type { LeftHalf, Step } from '../../src/lipschitz/left-half.ts';
import { createSpectralNorm } from '../../src/lipschitz/spectral-norm.ts';
import { residualNorm } from '../../src/methods/splitz/confirm/residual-norm.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import { buildMatrix, type SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import { add, multiply } from '../../src/operators/algebra/sparse-products.ts';
import { carried } from '../../src/operators/compile/carried-range.ts';
import { elementwise } from '../../src/operators/nonlinear/elementwise.ts';
import { noShared, sharedFolder, titled } from '../onnx/shared.ts';
import { floatTensor, node } from '../onnx/tiny-model.ts';
import { activationOf, compiled, leftHalfOf } from '../operators/compiled.ts';
import { floatAttr, type OneOperator } from '../operators/one-operator.ts';
import { randomSource } from '../operators/random.ts';
import { atLeastNorm, atLeastSpectralNorm, units } from './exact.ts';
import { ladder, repeated } from './ladder.ts';
import { provedNorms } from './nets.ts';

const runs = (numRuns: number) => ({ numRuns, seed: 12 });

/** A number of either sign with an exponent in the range; 0 in one of six. */
const numbers = (least = -1074, most = 1023): fc.Arbitrary<number> =>
  fc
    .tuple(fc.double({ min: 1, max: 1.999, noNaN: true }), fc.integer({ min: least, max: most }), fc.nat(11))
    .map(([m, k, kind]) => (kind < 2 ? 0 : (kind % 2 === 0 ? 1 : -1) * m * 2 ** k));

/** Numbers that lie together: all near one exponent, which may be any. */
const clustered = <T>(of: (entry: fc.Arbitrary<number>) => fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof(
    of(numbers()),
    fc.integer({ min: -1074, max: 1003 }).chain((k) => of(numbers(k, k + 20))),
    fc.integer({ min: -560, max: -480 }).chain((k) => of(numbers(k, k + 20))),
  );

const vectors = clustered((entry) => fc.array(entry, { minLength: 1, maxLength: 8 }));

const dense = (rows: number, cols: number, entries: readonly number[]): SparseMatrix =>
  buildMatrix(rows, cols, rows * cols, (row, push) => {
    for (let c = 0; c < cols; c++) push(c, entries[row * cols + c]!);
  });

/** rows x cols entries, for matrices of up to 5 x 4. */
const matrices = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }))
  .chain(([rows, cols]) =>
    clustered((entry) => fc.array(entry, { minLength: rows * cols, maxLength: rows * cols })).map(
      (entries) => ({
        rows,
        cols,
        entries,
      }),
    ),
  );

const rowsOf = ({
  rows,
  cols,
  entries,
}: {
  rows: number;
  cols: number;
  entries: readonly number[];
}): bigint[][] => Array.from({ length: rows }, (_, i) => entries.slice(i * cols, (i + 1) * cols).map(units));

const unused = (): Float64Array => {
  throw new Error('a deterministic bound draws nothing');
};

describe('at every scale of float64, exactly,', () => {
  it('normUp is no less than the norm, and 0 only for zeros', () => {
    fc.assert(
      fc.property(vectors, (entries) => {
        const bound = normUp(Float64Array.from(entries));
        expect(atLeastNorm(bound, entries.map(units))).toBe(true);
        expect(bound === 0).toBe(entries.every((v) => v === 0));
        // Tight, where the norm itself is in the normal range.
        const largest = Math.max(...entries.map(Math.abs));
        if (largest > 2 ** -1000)
          expect(bound).toBeLessThanOrEqual(largest * Math.sqrt(entries.length) * (1 + 1e-12));
      }),
      runs(3000),
    );
  });

  it('normUp of Infinity or NaN is neither finite nor below anything', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(normUp(Float64Array.of(1, bad)) <= Number.MAX_VALUE).toBe(false);
  });

  it('productUp, timesPowerUp and inflate do not round down to 0, nor below the exact result', () => {
    const size = fc.tuple(numbers(), numbers()).map(([a, b]) => [Math.abs(a), Math.abs(b)] as const);
    fc.assert(
      fc.property(size, fc.integer({ min: -3000, max: 3000 }), ([a, b], k) => {
        const product = productUp(a, b);
        const exact = units(a) * units(b);
        expect(product === 0).toBe(exact === 0n);
        // Up to the 2^-53 that productUp says it leaves to its caller, and inflate takes on.
        if (product !== Number.POSITIVE_INFINITY)
          expect(units(inflate(product, 1)) << 1074n).toBeGreaterThanOrEqual(exact);
        const shifted = timesPowerUp(a, k);
        if (shifted !== Number.POSITIVE_INFINITY)
          expect(units(shifted) << BigInt(k < 0 ? -k : 0)).toBeGreaterThanOrEqual(
            units(a) << BigInt(Math.max(k, 0)),
          );
        expect(shifted === 0).toBe(a === 0);
      }),
      runs(3000),
    );
  });

  it('the norms of rows, and |A| b, are no less than they are', () => {
    fc.assert(
      fc.property(
        matrices,
        clustered((entry) => fc.array(entry, { minLength: 4, maxLength: 4 })),
        (m, given) => {
          const matrix = dense(m.rows, m.cols, m.entries);
          const b = Float64Array.from(given.slice(0, m.cols), Math.abs);
          const [norms, sums] = [matrix.rowNorms(), matrix.applyAbsolute(b)];
          for (const [i, row] of rowsOf(m).entries()) {
            expect(atLeastNorm(norms[i]!, row)).toBe(true);
            const sum = row.reduce((total, v, c) => total + (v < 0n ? -v : v) * units(b[c]!), 0n);
            if (sums[i] !== Number.POSITIVE_INFINITY)
              expect(units(sums[i]!) << 1074n).toBeGreaterThanOrEqual(sum);
            expect(sums[i] === 0).toBe(sum === 0n);
          }
        },
      ),
      runs(1500),
    );
  });

  it('absoluteNorm is no less than the norm of |A|', () => {
    fc.assert(
      fc.property(matrices, (m) => {
        const matrix = dense(m.rows, m.cols, m.entries);
        const magnitudes = rowsOf(m).map((row) => row.map((v) => (v < 0n ? -v : v)));
        expect(atLeastSpectralNorm(inflate(matrix.absoluteNorm(), 1), magnitudes)).toBe(true);
      }),
      runs(1500),
    );
  });

  it('a product and a sum of matrices differ from the exact ones by no more than their error', () => {
    const pairs = fc.tuple(
      clustered((entry) => fc.array(entry, { minLength: 6, maxLength: 6 })),
      clustered((entry) => fc.array(entry, { minLength: 6, maxLength: 6 })),
    );
    fc.assert(
      fc.property(pairs, ([left, right]) => {
        const [a, b] = [dense(2, 3, left), dense(3, 2, right)];
        const product = multiply(a, b, '');
        const exact = [0, 1].map((i) =>
          [0, 1].map((j) =>
            [0, 1, 2].reduce((sum, k) => sum + units(left[i * 3 + k]!) * units(right[k * 2 + j]!), 0n),
          ),
        );
        expect(within(product, exact, 1n << 1074n)).toBe(true);
        const sum = add(dense(3, 2, left), b);
        const exactSum = [0, 1, 2].map((i) =>
          [0, 1].map((j) => units(left[i * 2 + j]!) + units(right[i * 2 + j]!)),
        );
        expect(within(sum, exactSum, 1n)).toBe(true);
      }),
      runs(1500),
    );
  });

  it('what is left out of a matrix that spans more than the bounds carry is in its error', () => {
    fc.assert(
      fc.property(fc.array(numbers(-300, 190), { minLength: 6, maxLength: 6 }), (entries) => {
        const given = dense(3, 2, entries);
        if (entries.every((v) => Math.abs(v) < 2 ** -200) && entries.some((v) => v !== 0)) {
          expect(() => carried(given, 'here')).toThrow(ModelRefused);
          return;
        }
        const kept = carried(given, 'here');
        expect(kept.value.every((v) => Math.abs(v) >= 2 ** -200)).toBe(true);
        expect(within(kept, rowsOf({ rows: 3, cols: 2, entries }), 1n)).toBe(true);
      }),
      runs(1000),
    );
  });

  /** Scales: none, a mask, or slopes of any size. */
  const scales = (size: number): fc.Arbitrary<Float64Array | null> =>
    fc.oneof(
      fc.constant(null),
      fc.array(fc.constantFrom(0, 1), { minLength: size, maxLength: size }).map((s) => Float64Array.from(s)),
      fc
        .array(numbers(-1074, 40), { minLength: size, maxLength: size })
        .map((s) => Float64Array.from(s, Math.abs)),
    );
  const masked = matrices.chain((m) => fc.tuple(fc.constant(m), scales(m.rows), scales(m.cols)));

  it.each([
    [
      'proved by a factorisation',
      (m: SparseMatrix, r: Float64Array | null, c: Float64Array | null) =>
        createSpectralNorm(m, [m.rows], [m.cols]).bound(r, c, unused, 0),
    ],
    ['proved by a residual', residualNorm],
  ] as const)('a spectral norm %s is no less than it is, and 0 only without entries', (_, normOf) => {
    fc.assert(
      fc.property(masked, ([m, r, c]) => {
        const bound = normOf(dense(m.rows, m.cols, m.entries), r, c);
        if (bound === null || Number.isNaN(bound)) return;
        const rows = rowsOf(m).map((row, i) =>
          row.map((v, j) => v * units(r === null ? 1 : r[i]!) * units(c === null ? 1 : c[j]!)),
        );
        expect(atLeastSpectralNorm(bound, rows, 1n << 2148n)).toBe(true);
        if (bound === 0) expect(rows.every((row) => row.every((v) => v === 0n))).toBe(true);
        // Tight: no more than what the entries allow, where that is in the normal range.
        const all = normUp(Float64Array.from(m.entries));
        if (r === null && c === null && all > 2 ** -1000) expect(bound).toBeLessThanOrEqual(1.02 * all);
      }),
      runs(2500),
    );
  });

  it('a Chebyshev bound is no less than the eigenvalue, or none', () => {
    const start = randomSource(3).normals(40);
    for (let k = -1070; k <= 1020; k += 5) {
      const spread = Float64Array.from({ length: 40 }, (_, i) => (i === 17 ? 1 : Math.sin(i) ** 2) * 2 ** k);
      const product = (x: Float64Array, y: Float64Array): void => {
        for (let i = 0; i < y.length; i++) y[i] = spread[i]! * x[i]!;
      };
      for (const scale of [0.5, 1, 3]) {
        const bound = chebyshevBound(product, start, scale * 2 ** k, 1e-7, 2 ** (k - 50));
        if (bound !== null) expect(bound).toBeGreaterThanOrEqual(2 ** k);
        // Where squares of norms in the range that is carried lie, it is there, and tight.
        if (k > -300 && k < 900 && scale === 1) expect(bound).toBeLessThan(1.1 * 2 ** k);
      }
    }
  });
});

/** Whether the stored matrix is within its error of the exact one, in units of 2^-1074 / unit. */
function within(matrix: SparseMatrix, exact: readonly (readonly bigint[])[], unit: bigint): boolean {
  if (!matrix.value.every(Number.isFinite) || !Number.isFinite(matrix.error)) return true;
  const difference = exact.map((row) => row.slice());
  for (let i = 0; i < matrix.rows; i++)
    for (let k = matrix.rowStart[i]!; k < matrix.rowStart[i + 1]!; k++)
      difference[i]![matrix.column[k]!]! -= units(matrix.value[k]!) * unit;
  return atLeastSpectralNorm(inflate(matrix.error, 1), difference, unit);
}

/** Ladders that are relu(x) as a whole, though rho, or an entry, or a value goes far out of float64 in between. */
const descents = {
  'one entry of 1e-170': [1e-170, 1e85, 1e85],
  'one entry of 1e-300': [1e-300, 1e100, 1e100, 1e100],
  '1e-35 five times': [...repeated(1e-35, 5), ...repeated(1e35, 5)],
  '1e-35 nine times, below 1e-308': [...repeated(1e-35, 9), ...repeated(1e35, 9)],
  '1e-50 up and down': [1e-50, 1e-50, 1e50, 1e-50, 1e50, 1e50],
  '1e-50 eight times': [...repeated(1e-50, 8), ...repeated(1e50, 8)],
  '1e50 seven times, beyond 1e308': [...repeated(1e50, 7), ...repeated(1e-50, 7)],
} as const;

const image = new Float64Array(8).fill(0.8);

const D = (half: LeftHalf, evaluation: Evaluation, r: number, kind: DisplacementBound): number =>
  createLeftHalfBound(half, kind, 1e-6).ballAt(evaluation, r, provedNorms(randomSource(1))).displacement;

describe('a network that is relu(x), by factors that leave float64 on the way,', () => {
  const kinds = DISPLACEMENT_BOUNDS.filter((kind) => kind !== 'power');
  const cases = Object.entries(descents).flatMap(([name, factors]) =>
    kinds.map((kind) => [name, kind, factors] as const),
  );

  it.each(cases)('is refused or has a D of at least r: %s, %s', (_, kind, factors) => {
    for (const activation of ['Relu', 'LeakyRelu', 'Abs']) {
      let half: ReturnType<typeof compiled>;
      try {
        half = compiled(ladder(factors, activation));
      } catch (error) {
        expect(error).toBeInstanceOf(ModelRefused);
        expect((error as ModelRefused).report.what).toMatch(/Mul .*m\d.*: the weights of the linear map/);
        expect((error as ModelRefused).report.remedy).toContain('Cut the network before');
        continue;
      }
      const evaluation = evaluateLeftHalf(half, image);
      for (const r of [1e-6, 0.5, 100, 1e6]) expect(D(half, evaluation, r, kind)).toBeGreaterThanOrEqual(r);
      const bound = createLeftHalfBound(half, kind, 1e-6);
      expect(bound.inputRadius(evaluation, 1, randomSource(2).normals).radius).toBeLessThanOrEqual(1);
      // What vanished on the way is in the error of the value.
      const distance = Math.hypot(...evaluation.latent.value.map((v) => v - 0.8));
      expect(Number.isFinite(distance) ? distance : 0).toBeLessThanOrEqual(evaluation.latent.error);
    }
  });

  it('is bounded, and not refused, where every entry and every product is carried', () => {
    const half = compiled(ladder([1e-50, 1e50, 1e50, 1e-50], 'Relu'));
    const D = displacement(half, evaluateLeftHalf(half, image), 0.5, 'secant', provedNorms(randomSource(1)));
    expect(D).toBeGreaterThanOrEqual(0.5);
    expect(D).toBeLessThan(0.51);
  });

  it('has no radius where a slope makes it so: LeakyRelu by 1e-38 and back', () => {
    const down = { attribute: [floatAttr('alpha', 1e-38)] };
    const up = { attribute: [floatAttr('alpha', 1e38)] };
    const nodes = [...repeated(0, 9), ...repeated(1, 9)].map((rising, k) =>
      node('LeakyRelu', [k === 0 ? 'x' : `h${k - 1}`], k === 17 ? 'y' : `h${k}`, rising === 1 ? up : down),
    );
    const half = compiled({ nodes, initializers: [], dims: [1, 8], opset: 17 });
    const bound = createLeftHalfBound(half, 'secant', 1e-6);
    const evaluation = bound.evaluate(image.map((v) => -v));
    // -0.8 vanishes after nine; its way back is lost, and the error says so.
    expect(evaluation.latent.error).toBeGreaterThan(0.8);
    for (const kind of kinds) expect(D(half, evaluation, 0.1, kind)).toBeGreaterThanOrEqual(0.1);
  });

  it('does not count a dead channel: weights decayed to 1e-40, twice, are carried as error', () => {
    const model: OneOperator = {
      nodes: [node('Mul', ['x', 'a'], 'm'), node('Mul', ['m', 'b'], 'z'), node('Relu', ['z'], 'y')],
      initializers: [
        floatTensor('a', [8], [1, 1, 1, 1, 1, 1, 1, 1e-40]),
        floatTensor('b', [8], [1, 1, 1, 1, 1, 1, 1, 1e-40]),
      ],
      dims: [1, 8],
      opset: 17,
    };
    const half = compiled(model);
    expect(half.steps[0]?.input.terms[0]?.matrix.error).toBeLessThan(1e-15);
    const evaluation = evaluateLeftHalf(half, image);
    expect(evaluation.latent.error).toBeLessThan(1e-14);
    const D = displacement(half, evaluation, 0.5, 'secant', provedNorms(randomSource(1)));
    expect(D).toBeGreaterThanOrEqual(0.5);
    expect(D).toBeLessThan(0.501);
  });
});

describe('a left half at a scale of its own', () => {
  const random = randomSource(9);
  const w = random.float32s(40);
  const half = (scale: number) =>
    compiled({
      nodes: [node('MatMul', ['x', 'w'], 'z'), node('Relu', ['z'], 'y')],
      initializers: [
        floatTensor(
          'w',
          [8, 5],
          w.map((v) => v * scale),
        ),
      ],
      dims: [1, 8],
      opset: 17,
    });

  it('has D in proportion, from 2^-100 to 2^100', () => {
    const D = (k: number): number => {
      const of = half(2 ** k);
      return displacement(of, evaluateLeftHalf(of, image), 0.3, 'secant', provedNorms(random)) / 2 ** k;
    };
    for (const k of [-100, -60, 60, 100]) expect(D(k) / D(0)).toBeCloseTo(1, 9);
  });

  it('has no bound where its value is not a number, or its movement overflows', () => {
    const of = half(1);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 1e308]) {
      const evaluation = evaluateLeftHalf(
        of,
        image.map((v, i) => (i === 3 ? bad : v)),
      );
      if (bad !== 1e308) expect(evaluation.latent.error < Number.POSITIVE_INFINITY).toBe(false);
      expect(displacement(of, evaluation, 1e308, 'secant', provedNorms(random))).toBe(
        Number.POSITIVE_INFINITY,
      );
      const bound = createLeftHalfBound(of, 'secant', 1e-6);
      expect(bound.inputRadius(evaluation, 1 - 2 * evaluation.latent.error, random.normals).radius).toBe(0);
    }
  });

  it('does not take a movement that is not a number for none', () => {
    const of = half(1);
    const evaluation = evaluateLeftHalf(of, image);
    const linear = compiled({
      nodes: [node('MatMul', ['x', 'w'], 'y')],
      initializers: [floatTensor('w', [8, 5], w)],
      dims: [1, 8],
      opset: 17,
    });
    for (const unknown of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(displacement(of, evaluation, unknown, 'secant', provedNorms(random))).toBe(
        Number.POSITIVE_INFINITY,
      );
      expect(displacement(of, evaluation, 0.1, 'secant', () => unknown)).toBe(Number.POSITIVE_INFINITY);
      expect(displacement(linear, evaluation, 0.1, 'secant', () => unknown)).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('shows maps no movement between 0 and 2^-400, however small the ball', () => {
    const of = half(1);
    const seen: number[] = [];
    const [step] = of.steps as [Step];
    const activation = activationOf(step);
    const watched = {
      ...activation,
      isConstant: (...given: Parameters<typeof activation.isConstant>) => {
        seen.push(given[1]);
        return activation.isConstant(...given);
      },
    };
    const recorded = { ...of, steps: [{ ...step, nonlinearity: elementwise(watched, step.size) }] };
    const evaluation = evaluateLeftHalf(of, image);
    for (const r of [0, 5e-324, 1e-300, 1e-130])
      displacement(recorded, evaluation, r, 'secant', provedNorms(random));
    expect(seen).toHaveLength(15);
    expect(seen.every((T) => T >= TINY)).toBe(true);
  });

  it('has in its error what a product of small numbers rounds by', () => {
    // 1.1 2^-200 times 1.37 2^-870 has three digits left; behind it, 2^1000 makes a large number of the others.
    const factors = [1.1 * 2 ** -200, ...repeated(2 ** 195, 5)];
    const of = compiled(ladder(factors, 'Abs'));
    for (const small of [1.37 * 2 ** -870, 1.9 * 2 ** -874, 2 ** -900]) {
      const { latent } = evaluateLeftHalf(of, new Float64Array(8).fill(small));
      const exact = factors.reduce((product, factor) => product * units(factor), units(small));
      const computed = units(latent.value[0]!) << (1074n * 6n);
      const off = computed > exact ? computed - exact : exact - computed;
      expect(off > 0n).toBe(true);
      if (latent.error !== Number.POSITIVE_INFINITY)
        expect(units(latent.error) << (1074n * 6n)).toBeGreaterThanOrEqual(off);
    }
  });
});

describe.skipIf(noShared !== null)(titled('the files made to deceive by underflow'), () => {
  const kinds = DISPLACEMENT_BOUNDS.filter((kind) => kind !== 'power');
  it.each(['under.onnx', 'under32.onnx'].flatMap((file) => kinds.map((kind) => [file, kind] as const)))(
    'are refused, or have a radius below the true 4.8: %s, %s',
    async (file, kind) => {
      const model = await loadModel(`${sharedFolder}/cases/underflow/${file}`);
      let radius = 0;
      try {
        const bound = createLeftHalfBound(leftHalfOf(model, [1, 1, 8, 8], 'u'), kind, 1e-6);
        const evaluation = bound.evaluate(new Float64Array(64).fill(Math.fround(0.8)));
        radius = bound.inputRadius(evaluation, 1.4, randomSource(1).normals).radius;
      } catch (error) {
        expect(error).toBeInstanceOf(ModelRefused);
        expect((error as ModelRefused).report.why).toContain('underflow');
      }
      expect(radius).toBeLessThan(4.8);
    },
  );
});
