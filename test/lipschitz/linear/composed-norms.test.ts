/** What the norms of composed matrices may cost in failure probability, and what is known of them without any. */
import { describe, expect, it } from 'vitest';
import type { AffineForm } from '../../../src/lipschitz/affine-form.ts';
import type { NormOf } from '../../../src/lipschitz/displacement.ts';
import { createLeftHalfBound } from '../../../src/lipschitz/input-radius.ts';
import type { LeftHalf, Step } from '../../../src/lipschitz/left-half.ts';
import { composed } from '../../../src/lipschitz/linear/composed-forms.ts';
import { ComposedNorms } from '../../../src/lipschitz/linear/composed-norms.ts';
import { linearBall } from '../../../src/lipschitz/linear/linear-ball.ts';
import { linearPlan } from '../../../src/lipschitz/linear/linear-plan.ts';
import { PROOFS } from '../../../src/lipschitz/proved-radius.ts';
import { createSpectralNorm } from '../../../src/lipschitz/spectral-norm.ts';
import { buildMatrix, type SparseMatrix } from '../../../src/operators/algebra/sparse-matrix.ts';
import { elementwise } from '../../../src/operators/nonlinear/elementwise.ts';
import { node } from '../../onnx/tiny-model.ts';
import { activationOf, compiled } from '../../operators/compiled.ts';
import { randomSource } from '../../operators/random.ts';
import { denseColumns, largestSingularValue } from '../dense-svd.ts';
import { randomDense, shuffledBlocks } from '../wide.ts';

const SIZE = 1300;
const DELTA = 1e-6;
const { matrix, norm: truth } = shuffledBlocks(randomSource(5));
const tanh = activationOf(
  compiled({ nodes: [node('Tanh', ['x'], 'y')], initializers: [], dims: [1, 2], opset: 17 }).steps[0],
);
const form = (of: SparseMatrix, base: number): AffineForm => ({
  size: of.rows,
  terms: [{ base, matrix: of }],
  bias: new Float64Array(of.rows),
  biasError: 0,
});
const dims = [1, SIZE];
/** B tanh(B x), with a B that only products bound. */
const half: LeftHalf = {
  inputDims: dims,
  dims,
  steps: [
    { input: form(matrix, 0), dims, size: SIZE, nonlinearity: elementwise(tanh, SIZE) } as unknown as Step,
  ],
  output: form(matrix, 1),
};
const NOTHING_KNOWN = { prepared: () => null, unmasked: () => undefined };
/** One probe for all norms, so that bounds differ by their delta alone. */
const probe = (): Float64Array => randomSource(8).normals(SIZE);
const shareOf =
  (delta: number): NormOf =>
  (of, rows, columns) =>
    createSpectralNorm(of, [of.rows], [of.cols]).bound(rows, columns, probe, delta);

describe('the failure probability of one image', () => {
  const evaluation = createLeftHalfBound(half, 'secant', DELTA).evaluate(
    randomSource(4)
      .normals(SIZE)
      .map((v) => 0.02 * v),
  );

  const bound = createLeftHalfBound(half, 'linear', DELTA);
  const plan = linearPlan(half, Number.POSITIVE_INFINITY);
  const kept = (delta: number, r: number): number =>
    linearBall(half, evaluation, r, plan, { normOf: shareOf(delta), enter: () => {} })?.displacement ?? 0;
  // Three proofs, and as much again for what all images share.
  const ATTEMPTS = PROOFS + 1;

  it('is the same for each proof of an image, whichever bound it is of', () => {
    expect(bound.failureProbability).toBe(DELTA);
    // That of diag(w) B behind the image; those of the two symbols of the latent.
    expect(plan).toMatchObject({ keeps: [true], probabilistic: 3 });
    const each = DELTA / (3 * ATTEMPTS);
    const D = bound.displacementAt(evaluation, 0.01, probe);
    expect(D).toBeGreaterThanOrEqual(kept(each, 0.01) * (1 - 1e-13));
    // A smaller share is a visibly wider bound, so that the line above says something.
    for (const more of [DELTA / 3, DELTA / (3 * PROOFS)])
      expect(kept(more, 0.01)).toBeLessThan(D * (1 - 1e-6));
  });

  it('is spent as by secants where the linear part gains nothing: the radius is the same to the bit', () => {
    // Bᵀ tanh(B x): both layers stretch the same directions.
    const aligned = { ...half, output: form(matrix.transpose(), 1) };
    const [a, b] = (['secant', 'linear'] as const).map((kind) =>
      createLeftHalfBound(aligned, kind, DELTA).inputRadius(evaluation, 0.05, probe),
    );
    expect(linearPlan(aligned, Number.POSITIVE_INFINITY).keeps).toEqual([true]);
    expect(a!.radius).toBeGreaterThan(0);
    expect(b).toEqual(a);
  });

  it('buys no more than three proofs in a search', () => {
    let drawn = 0;
    const counting = (): Float64Array => {
      drawn++;
      return probe();
    };
    const { radius } = bound.inputRadius(evaluation, 0.05, counting);
    expect(radius).toBeGreaterThan(0);
    expect(drawn).toBeLessThanOrEqual(plan.probabilistic * PROOFS);
  });

  it('is not spent beyond the plan: further norms are bounded without any', () => {
    const norms = new ComposedNorms(NOTHING_KNOWN);
    let drawn = 0;
    const counting = (): Float64Array => {
      drawn++;
      return probe();
    };
    const proving = norms.proving(counting, { each: 1e-7, uses: 2 });
    proving.enter([{ matrix, rowDims: dims, columnDims: dims }]);
    // Rising, so that none is bounded by one before it.
    const rows = [0.5, 0.6, 0.7, 0.8].map((row) => new Float64Array(SIZE).fill(row));
    const found = rows.map((row) => proving.normOf(matrix, row, null));
    expect(drawn).toBe(2);
    for (const [i, row] of rows.entries()) expect(found[i]).toBeGreaterThanOrEqual(truth(row));
    expect(found[3]).toBeGreaterThan(1.5 * truth(rows[3]!));
    // What was paid for bounds any smaller scales.
    expect(proving.normOf(matrix, new Float64Array(SIZE).fill(0.4), null)).toBe(found[0]);
  });
});

describe('a norm without a factorisation and without any probability', () => {
  const whole = { prepared: () => null, unmasked: () => truth(new Float64Array(SIZE).fill(1)) };
  it.each([
    ['nothing', NOTHING_KNOWN],
    ['its norm without scales', whole],
  ])('is an upper bound for any scales of rows and columns, where %s is known', (_, known) => {
    const norms = new ComposedNorms(known);
    norms.certain.enter([{ matrix, rowDims: dims, columnDims: dims }]);
    const random = randomSource(3);
    for (let trial = 0; trial < 6; trial++) {
      const rows = Float64Array.from({ length: SIZE }, () => random.pick([0, 0.1, 1, 3]));
      const column = random.pick([0.25, 1, 2]);
      const columns = new Float64Array(SIZE).fill(column);
      expect(norms.certain.normOf(matrix, rows, columns)).toBeGreaterThanOrEqual(column * truth(rows));
    }
  });
});

describe('a composed matrix', () => {
  it('is within its error of the exact product, and so are its rows', () => {
    const random = randomSource(6);
    for (let trial = 0; trial < 20; trial++) {
      const [a, b] = [randomDense(random, 5, 7), randomDense(random, 7, 4)];
      const [offA, offB] = [random.pick([0, 1e-3]), random.pick([0, 1e-2])];
      const product = composed(a.withError(offA), b.withError(offB));
      expect(product).not.toBeNull();
      // Perturbed factors within their errors, worst along one pair of directions.
      const off = (of: SparseMatrix, by: number): SparseMatrix =>
        of.withValues(of.value.map((v, k) => (k === 0 ? v + by : v)));
      const exact = composed(off(a, offA), off(b, offB)) as SparseMatrix;
      const stored = product as SparseMatrix;
      const difference = exact.withValues(exact.value.map((v, k) => v - stored.value[k]!));
      expect(largestSingularValue(denseColumns(difference))).toBeLessThanOrEqual(stored.error + 1e-15);
    }
  });

  it('that would be too large is not formed, and refuses nothing: its bound does without', () => {
    const wide = buildMatrix(9000, 9000, 9000 * 2, (row, add) => {
      add(0, 1 + row);
      if (row > 0) add(row, 1);
    });
    const full = buildMatrix(9000, 9000, 2 * 9000, (row, add) => {
      if (row === 0) for (let c = 0; c < 9000; c++) add(c, 1);
      else add(row, 1);
    });
    expect(composed(wide, full)).toBeNull();
  });

  it('beyond the range that bounds carry has none: entries that vanish are an error, large ones end the linear part', () => {
    const entry = (value: number): SparseMatrix => buildMatrix(1, 1, 1, (_, add) => add(0, value));
    expect(composed(entry(2 ** 150), entry(2 ** 150))).toBeNull();
    const small = composed(entry(2 ** -150), entry(2 ** -150)) as SparseMatrix;
    expect(small.value.length).toBe(0);
    expect(small.error).toBeGreaterThanOrEqual(2 ** -300);
  });
});
