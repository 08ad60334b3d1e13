/** What may be reused of a norm that was paid for, and how the failure probability is divided among all that are not. */
import { describe, expect, it } from 'vitest';
import type { AffineForm } from '../../src/lipschitz/affine-form.ts';
import { displacement, type NormOf } from '../../src/lipschitz/displacement.ts';
import { createLeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import type { LeftHalf, Step } from '../../src/lipschitz/left-half.ts';
import { provedNorms } from '../../src/lipschitz/proved-norms.ts';
import { createSpectralNorm, noProbe, type SpectralNorm } from '../../src/lipschitz/spectral-norm.ts';
import { buildMatrix, identityMatrix, type SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import type { LocalMap } from '../../src/operators/nonlinear/local-map.ts';
import { boundedOnBalls } from '../../src/operators/nonlinear/local-map.ts';
import { products } from '../../src/operators/nonlinear/products.ts';
import { randomSource } from '../operators/random.ts';
import { shuffledBlocks } from './wide.ts';

const SIZE = 1300;
const DELTA = 1e-6;

const { matrix, norm: truth } = shuffledBlocks(randomSource(5));
const norm = createSpectralNorm(matrix, [SIZE], [SIZE]);
const filled = (value: number): Float64Array => new Float64Array(SIZE).fill(value);
/** The first `live` rows, or columns. */
const first = (live: number): Float64Array =>
  Float64Array.from({ length: SIZE }, (_, i) => (i < live ? 1 : 0));

describe('a norm bound that was paid for', () => {
  const counted = (): { readonly norm: SpectralNorm; count: number } => {
    const counter = {
      count: 0,
      norm: {
        ...norm,
        bound: (...given: Parameters<SpectralNorm['bound']>) => {
          counter.count++;
          return norm.bound(...given);
        },
      },
    };
    return counter;
  };
  const prover = (whole?: number) => {
    const counter = counted();
    const { close: prove } = provedNorms(
      () => counter.norm,
      () => whole,
      randomSource(1).normals,
      DELTA,
    );
    return { prove, counter };
  };

  it('serves where no row and no column counts for more than before', () => {
    const { prove, counter } = prover();
    const bound = prove(matrix, filled(0.9), first(1000));
    expect(prove(matrix, filled(0.8), first(900))).toBe(bound);
    expect(counter.count).toBe(1);
  });

  it('does not serve where more columns move, or where more rows do', () => {
    const { prove, counter } = prover();
    const few = prove(matrix, null, first(20));
    const all = prove(matrix, null, null);
    expect(few).toBeLessThan(0.7 * truth(null));
    expect(all).toBeGreaterThanOrEqual(truth(null));
    const fewRows = prove(matrix, first(20), null);
    // Fewer rows than all: what was proved for all of them serves.
    expect(fewRows).toBe(all);
    expect(counter.count).toBe(2);
    const fresh = prover().prove;
    const less = fresh(matrix, first(20), null);
    expect(fresh(matrix, filled(1), null)).toBeGreaterThanOrEqual(truth(null));
    expect(less).toBeLessThan(0.7 * truth(null));
  });

  it('of the whole matrix bounds scaled ones times their largest scale, which may exceed 1', () => {
    const whole = norm.bound(null, null, randomSource(2).normals, DELTA);
    const { prove } = prover(whole);
    const gelu = 1.13;
    expect(prove(matrix, filled(gelu), null)).toBeGreaterThanOrEqual(gelu * truth(null));
    expect(prove(matrix, null, filled(gelu))).toBeGreaterThanOrEqual(gelu * truth(null));
    expect(prover(whole).prove(matrix, filled(0.5), null)).toBeLessThanOrEqual(0.5001 * whole);
  });
});

describe('a deterministic norm bound', () => {
  const small = buildMatrix(3, 3, 3, (row, add) => add(row, row + 1));
  const scales = (...values: number[]): Float64Array => Float64Array.from(values);
  const prove = () => {
    const certain = createSpectralNorm(small, [3], [3]);
    expect(certain.deterministic).toBe(true);
    return provedNorms(
      () => certain,
      () => undefined,
      noProbe,
      0,
    );
  };

  it('is taken anew of every norm, unless what is known will do', () => {
    const { close, known } = prove();
    const whole = close(small, scales(1, 1, 1), null);
    expect(whole).toBeGreaterThanOrEqual(3);
    expect(close(small, scales(1, 1, 0.5), null)).toBeLessThan(2.01);
    expect(known(small, scales(1, 1, 0.9), null)).toBe(whole);
  });

  it('is not known where a row or a column counts for more than before', () => {
    for (const [first, second] of [
      [scales(1, 1, 0), scales(1, 0.9, 0.1)],
      [scales(0, 1, 0.5), scales(1, 0, 1)],
    ] as const) {
      for (const side of ['rows', 'columns'] as const) {
        const { close, known } = prove();
        const by = (norm: NormOf, of: Float64Array) =>
          side === 'rows' ? norm(small, of, null) : norm(small, null, of);
        const earlier = by(close, first);
        expect(by(known, second), side).not.toBe(earlier);
        expect(by(known, second), side).toBeGreaterThanOrEqual(
          Math.max(...second.map((s, i) => s * (i + 1))),
        );
      }
    }
  });
});

/** z = matrix x, then the map; or the matrix alone. */
function half(map: LocalMap | null): LeftHalf {
  const form = (of: SparseMatrix, base: number): AffineForm => ({
    size: of.rows,
    terms: [{ base, matrix: of }],
    bias: new Float64Array(of.rows),
    biasError: 0,
  });
  const dims = [1, SIZE];
  if (map === null) return { inputDims: dims, dims, steps: [], output: form(matrix, 0) };
  const step = {
    input: form(matrix, 0),
    dims: [1, map.size],
    size: map.size,
    nonlinearity: boundedOnBalls(map),
  };
  return {
    inputDims: dims,
    dims: [1, map.size],
    steps: [step as unknown as Step],
    output: form(identityMatrix(map.size), 1),
  };
}

describe('the failure probability of one image', () => {
  /** One probe for all norms, so that bounds differ by their delta alone. */
  const probe = (): Float64Array => randomSource(8).normals(SIZE);

  it.each([
    // Three proofs per image and one that images share; a product takes two norms of the segment before it.
    ['a matrix', null, 4],
    ['a product of two halves of a segment', products(SIZE / 2), 2 * 4],
  ] as const)('is divided over all norms that a certificate may have to prove: %s', (_, map, norms) => {
    const left = half(map);
    const bound = createLeftHalfBound(left, 'secant', DELTA);
    expect(bound.failureProbability).toBe(DELTA);
    const evaluation = bound.evaluate(randomSource(4).normals(SIZE));
    const shareOf =
      (delta: number): NormOf =>
      (of, rows, columns) =>
        createSpectralNorm(of, [of.rows], [of.cols]).bound(rows, columns, probe, delta);
    const D = bound.displacementAt(evaluation, 0.3, probe);
    const due = displacement(left, evaluation, 0.3, 'secant', shareOf(DELTA / norms));
    expect(D).toBeGreaterThanOrEqual(due * (1 - 1e-13));
    // A smaller share is a visibly wider bound, so that the line above says something.
    const undivided = displacement(left, evaluation, 0.3, 'secant', shareOf((2 * DELTA) / norms));
    expect(undivided).toBeLessThan(due * (1 - 1e-6));
  });
});
