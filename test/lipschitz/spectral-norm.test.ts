/** Norm bounds against a dense SVD. */
import { describe, expect, it } from 'vitest';
import { BandedGram, gershgorin, provedBound } from '../../src/lipschitz/banded-gram.ts';
import { chebyshevBound } from '../../src/lipschitz/chebyshev-bound.ts';
import { createSpectralNorm, noProbe } from '../../src/lipschitz/spectral-norm.ts';
import { buildMatrix, type SparseMatrix, selection } from '../../src/operators/algebra/sparse-matrix.ts';
import { compiled } from '../operators/compiled.ts';
import { makers } from '../operators/one-operator.ts';
import { type Random, randomSource } from '../operators/random.ts';
import { denseColumns, largestSingularValue } from './dense-svd.ts';
import { randomDense, shuffledBlocks } from './wide.ts';

const DELTA = 1e-7;
/** null, or scales in [0, 1] with some zeros among them. */
function randomScales(random: Random, size: number, onlyMask: boolean): Float64Array | null {
  const live = random.pick([1, 0.8, 0.4]);
  if (random.integer(0, 4) === 0) return null;
  return Float64Array.from({ length: size }, () =>
    random.uniform(0, 1) > live ? 0 : onlyMask ? 1 : random.uniform(0, 1),
  );
}

/** Symmetric G = A^T A as the product of the bounds. */
function gramProduct(matrix: SparseMatrix): (x: Float64Array, y: Float64Array) => void {
  return (x, y) => {
    y.set(matrix.applyAdjoint(matrix.apply(x)));
  };
}

describe('a norm proved by factorisation', () => {
  it('is never below the SVD on random masked convolutions, nor 2 % above it', () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = randomSource(seed);
      const model = (makers['Conv'] as (typeof makers)[string])(random);
      const half = compiled(model);
      const matrix = half.output.terms[0]?.matrix as SparseMatrix;
      const norm = createSpectralNorm(matrix, half.dims, model.dims);
      expect(norm.deterministic).toBe(true);
      const rows = randomScales(random, matrix.rows, false);
      const columns = randomScales(random, matrix.cols, true);
      const truth = largestSingularValue(denseColumns(matrix, rows, columns));
      const bound = norm.bound(rows, columns, noProbe, 0);
      expect(bound, `seed ${seed}`).toBeGreaterThanOrEqual(truth * (1 - 1e-13));
      expect(bound, `seed ${seed}`).toBeLessThanOrEqual(truth * 1.02);
      expect(norm.estimate(rows, columns, 20)).toBeLessThanOrEqual(bound);
      expect(norm.powerEstimate(rows, columns, 5)).toBeLessThanOrEqual(truth * (1 + 1e-12));
    }
  });

  it('is what a search is told of the whole matrix, at no cost per image', () => {
    const model = (makers['Conv'] as (typeof makers)[string])(randomSource(1));
    const half = compiled(model);
    const matrix = half.output.terms[0]?.matrix as SparseMatrix;
    const norm = createSpectralNorm(matrix, half.dims, model.dims);
    expect(norm.estimate(null, null, 1)).toBe(norm.bound(null, null, noProbe, 0));
  });

  it('is 0 when every row or every column is masked', () => {
    const random = randomSource(1);
    const matrix = randomDense(random, 8, 6);
    const norm = createSpectralNorm(matrix, [8], [6]);
    expect(norm.bound(new Float64Array(8), null, noProbe, 0)).toBe(0);
    expect(norm.bound(null, new Float64Array(6), noProbe, 0)).toBe(0);
  });

  it('is the largest entry of a diagonal or a selection', () => {
    const scales = [0.5, -3, 2, 0];
    const norm = createSpectralNorm(selection(4, [0, 1, 2, 3], scales), [4], [4]);
    expect(norm.bound(null, null, noProbe, 0)).toBeCloseTo(3, 12);
    expect(norm.bound(null, null, noProbe, 0)).toBeGreaterThanOrEqual(3);
    expect(norm.bound(Float64Array.of(1, 0.1, 1, 1), null, noProbe, 0)).toBeCloseTo(2, 12);
    // Two outputs that copy one cell: sqrt(2).
    expect(createSpectralNorm(selection(1, [0, 0]), [2], [1]).bound(null, null, noProbe, 0)).toBeCloseTo(
      Math.SQRT2,
      12,
    );
  });

  it('holds for slopes above 1, on either side, and for cells in another order', () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = randomSource(700 + seed);
      const size = random.integer(3, 8);
      // Tridiagonal once the cells are put in order.
      const order = Int32Array.from({ length: size }, (_, i) => (i * 5 + seed) % size);
      const distinct = new Set(order).size === size ? order : order.map((_, i) => size - 1 - i);
      const placeOf = Array.from(distinct);
      const matrix = buildMatrix(size, size, 2 * size, (row, add) => {
        add(placeOf.indexOf(row), random.normal());
        if (row + 1 < size) add(placeOf.indexOf(row + 1), random.normal());
      });
      const scales = (): Float64Array => Float64Array.from({ length: size }, () => random.uniform(0.2, 3));
      const [rows, columns] = [scales(), scales()];
      const truth = largestSingularValue(denseColumns(matrix, rows, columns));
      const bound = new BandedGram(matrix, distinct).bound(rows, columns);
      expect(bound, `seed ${seed}`).toBeGreaterThanOrEqual(truth * (1 - 1e-13));
      expect(bound, `seed ${seed}`).toBeLessThanOrEqual(truth * 1.02);
    }
  });

  it('falls back on row sums that see both sides of the diagonal', () => {
    // A star: its hub is in a row with every other cell, each of which stores the entry they share.
    const n = 6;
    const gram = new Float64Array(n * n);
    const at = (i: number, j: number): number => i * n + (j - i + n - 1);
    gram[at(0, 0)] = n - 1;
    for (let i = 1; i < n; i++) {
      gram[at(i, 0)] = 1;
      gram[at(i, i)] = 1;
    }
    expect(gershgorin(gram, n, n - 1)).toBeGreaterThanOrEqual(n);
  });

  it('includes the error of a composed matrix', () => {
    const matrix = randomDense(randomSource(2), 5, 5).withError(0.25);
    const truth = largestSingularValue(denseColumns(matrix));
    const half = new Float64Array(5).fill(0.5);
    const norm = createSpectralNorm(matrix, [5], [5]);
    expect(norm.bound(null, null, noProbe, 0)).toBeGreaterThanOrEqual(truth + 0.25);
    expect(norm.bound(half, null, noProbe, 0)).toBeGreaterThanOrEqual((truth + 0.25) / 2);
  });
});

describe('provedBound', () => {
  it('refuses a shift just below the largest eigenvalue and proves one just above', () => {
    for (let seed = 0; seed < 50; seed++) {
      const random = randomSource(100 + seed);
      const size = random.integer(2, 12);
      const columns = denseColumns(randomDense(random, size + 2, size));
      const top = largestSingularValue(columns) ** 2;
      // Lower band of A^T A with half bandwidth size - 1: entry (i, j) at i * size + j - i + size - 1.
      const gram = new Float64Array(size * size);
      for (let i = 0; i < size; i++) {
        for (let j = 0; j <= i; j++) {
          const [a, b] = [columns[i] as Float64Array, columns[j] as Float64Array];
          gram[i * size + j - i + size - 1] = a.reduce((sum, v, k) => sum + v * (b[k] as number), 0);
        }
      }
      expect(provedBound(gram, size, size - 1, top * (1 - 1e-9))).toBeNull();
      const proved = provedBound(gram, size, size - 1, top * (1 + 1e-9));
      expect(proved).toBeGreaterThanOrEqual(top * (1 + 1e-9));
      expect(proved).toBeLessThanOrEqual(top * (1 + 1e-8));
      expect(provedBound(gram.fill(Number.NaN), size, size - 1, top)).toBeNull();
    }
  });
});

describe('a norm proved by Chebyshev polynomials', () => {
  it('is never below the SVD on matrices too wide to factorise, nor 2 % above it', () => {
    for (let seed = 0; seed < 12; seed++) {
      const random = randomSource(200 + seed);
      const { matrix, norm: truthOf } = shuffledBlocks(random);
      const norm = createSpectralNorm(matrix, [1300], [1300]);
      expect(norm.deterministic).toBe(false);
      const rows = randomScales(random, 1300, false);
      const truth = truthOf(rows);
      const bound = norm.bound(rows, null, random.normals, DELTA);
      expect(bound).toBeGreaterThanOrEqual(truth);
      expect(bound).toBeLessThanOrEqual(truth * 1.02);
      expect(norm.powerEstimate(rows, null, 5)).toBeLessThan(truth);
    }
  });

  it('draws its probe afresh for every image, also of the whole matrix', () => {
    const random = randomSource(4);
    const norm = createSpectralNorm(shuffledBlocks(random).matrix, [1300], [1300]);
    const first = norm.bound(null, null, random.normals, DELTA);
    expect(norm.bound(null, null, random.normals, DELTA)).not.toBe(first);
  });

  it('is 0 when everything is masked', () => {
    const random = randomSource(3);
    const norm = createSpectralNorm(shuffledBlocks(random).matrix, [1300], [1300]);
    expect(norm.bound(new Float64Array(1300), null, random.normals, DELTA)).toBe(0);
  });
});

describe('chebyshevBound', () => {
  const spread = Float64Array.from({ length: 60 }, (_, i) => (i === 17 ? 2 : Math.sin(i) ** 2));
  const diagonal = (x: Float64Array, y: Float64Array): void => {
    for (let i = 0; i < y.length; i++) y[i] = (spread[i] as number) * (x[i] as number);
  };

  it('fails with probability at most delta, and nearly that when one eigenvalue dominates', () => {
    const delta = 0.2;
    const runs = 1500;
    let failures = 0;
    for (let seed = 0; seed < runs; seed++) {
      const bound = chebyshevBound(diagonal, randomSource(seed).normals(60), 1.9, delta, 0);
      expect(bound).not.toBeNull();
      if ((bound as number) < 2) failures++;
    }
    // Three standard deviations of the binomial above delta; far from 0, or the test would prove nothing.
    expect(failures / runs).toBeLessThan(delta + 3 * Math.sqrt((delta * (1 - delta)) / runs));
    expect(failures / runs).toBeGreaterThan(delta / 2);
  });

  it('holds for any scale, however far from the eigenvalue', () => {
    for (let seed = 0; seed < 100; seed++) {
      const random = randomSource(seed);
      const matrix = randomDense(random, 20, 15);
      const top = largestSingularValue(denseColumns(matrix)) ** 2;
      for (const scale of [0.3, 0.9, 1, 1.1, 4]) {
        const bound = chebyshevBound(gramProduct(matrix), random.normals(15), scale * top, DELTA, 1e-15);
        if (bound !== null) expect(bound).toBeGreaterThanOrEqual(top);
        if (scale >= 0.9) expect(bound).not.toBeNull();
      }
    }
  });

  it('survives errors of the product of the size it was told, aimed against the top eigenvector', () => {
    const size = 60;
    for (const relativeError of [1e-14, 1e-12, 1e-10, 1e-9]) {
      for (let seed = 0; seed < 50; seed++) {
        const adversarial = (x: Float64Array, y: Float64Array): void => {
          diagonal(x, y);
          const length = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
          y[17] = (y[17] as number) - Math.sign(x[17] as number) * relativeError * length;
        };
        const bound = chebyshevBound(
          adversarial,
          randomSource(seed).normals(size),
          1.999,
          1e-3,
          relativeError,
        );
        if (bound !== null) expect(bound).toBeGreaterThanOrEqual(2);
      }
    }
  });

  it('is wider for a less exact product, and gives up when rounding swamps it', () => {
    const start = randomSource(5).normals(60);
    const exact = chebyshevBound(diagonal, start, 2, DELTA, 0) as number;
    const rough = chebyshevBound(diagonal, start, 2, DELTA, 1e-11) as number;
    expect(rough).toBeGreaterThan(exact);
    const hopeless = chebyshevBound(diagonal, start, 2, DELTA, 1e-2);
    expect(hopeless === null || hopeless > 2.5).toBe(true);
    expect(chebyshevBound((_, y) => y.fill(Number.NaN), start, 2, DELTA, 0)).toBeNull();
    // A probe made of 52 random bits is exactly 0 more often than with this probability.
    expect(chebyshevBound(diagonal, start, 2, 2 ** -47, 0)).toBeNull();
  });
});
