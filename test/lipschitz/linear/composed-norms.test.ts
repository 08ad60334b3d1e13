/** What the norms of composed matrices may cost in failure probability, and what is known of them without any. */
import { describe, expect, it } from 'vitest';
import type { AffineForm } from '../../../src/lipschitz/affine-form.ts';
import { displacement, type NormOf } from '../../../src/lipschitz/displacement.ts';
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

  it('is half for the secant bound, half for all norms that proofs with the linear part may take', () => {
    const bound = createLeftHalfBound(half, 'linear', DELTA);
    expect(bound.failureProbability).toBe(DELTA);
    const plan = linearPlan(half, Number.POSITIVE_INFINITY);
    // That of diag(w) B behind the image; those of the two symbols of the latent.
    expect(plan).toMatchObject({ keeps: [true], probabilistic: 3 });
    const kept = (delta: number): number =>
      linearBall(half, evaluation, 0.01, plan, { normOf: shareOf(delta), enter: () => {} })?.displacement ??
      0;
    // Of the secant bound: two segments, three proofs and one that images share.
    const secant = displacement(half, evaluation, 0.01, 'secant', shareOf(DELTA / 2 / (2 * 4)));
    const due = Math.min(secant, kept(DELTA / 2 / (3 * PROOFS)));
    const D = bound.displacementAt(evaluation, 0.01, probe);
    expect(D).toBeGreaterThanOrEqual(due * (1 - 1e-13));
    // A smaller share is a visibly wider bound, so that the line above says something.
    expect(kept(DELTA / (3 * PROOFS))).toBeLessThan(due * (1 - 1e-6));
    expect(kept(DELTA / 2 / 3)).toBeLessThan(due * (1 - 1e-6));
  });

  it('is not spent beyond the plan: further norms are bounded without any', () => {
    const norms = new ComposedNorms(() => null);
    let drawn = 0;
    const counting = (): Float64Array => {
      drawn++;
      return probe();
    };
    const proving = norms.proving(counting, { each: 1e-7, uses: 2 });
    proving.enter([{ matrix, rowDims: dims, columnDims: dims }]);
    const rows = new Float64Array(SIZE).fill(0.5);
    const found = [1, 2, 3, 4].map(() => proving.normOf(matrix, rows, null));
    expect(drawn).toBe(2);
    for (const bound of found) expect(bound).toBeGreaterThanOrEqual(truth(rows));
    expect(found[3]).toBeGreaterThan(1.5 * truth(rows));
  });
});

describe('a norm without a factorisation and without any probability', () => {
  it('is an upper bound for any scales of rows and columns', () => {
    const norms = new ComposedNorms(() => null);
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
