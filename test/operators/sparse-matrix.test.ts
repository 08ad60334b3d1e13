/** The matrices of all operators: adjoint identity, norms of rows, and the error a composition carries. */
import { describe, expect, it } from 'vitest';
import { type SparseMatrix, selection } from '../../src/operators/algebra/sparse-matrix.ts';
import { add, multiply } from '../../src/operators/algebra/sparse-products.ts';
import { denseColumns, largestSingularValue } from '../lipschitz/dense-svd.ts';
import { compiled } from './compiled.ts';
import { makers } from './one-operator.ts';
import { type Random, randomSource } from './random.ts';

const inner = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);

/** Every matrix of random one-operator models. */
function* matrices(type: string): Generator<{ matrix: SparseMatrix; random: Random }> {
  for (let seed = 0; seed < 8; seed++) {
    const random = randomSource(40 + seed);
    const half = compiled((makers[type] as (typeof makers)[string])(random));
    for (const form of [half.output, ...half.steps.map((step) => step.input)])
      for (const { matrix } of form.terms) yield { matrix: matrix.explicit(''), random };
  }
}

describe.each(Object.keys(makers))('the matrix of %s', (type) => {
  it('satisfies <Ax, y> = <x, A^T y>, has distinct columns in each row, and bounds of its rows hold', () => {
    for (const { matrix, random } of matrices(type)) {
      const [x, y] = [random.normals(matrix.cols), random.normals(matrix.rows)];
      const [Ax, ATy] = [matrix.apply(x), matrix.applyAdjoint(y)];
      const scale = 1 + Math.sqrt(inner(Ax, Ax) * inner(y, y));
      expect(Math.abs(inner(Ax, y) - inner(x, ATy))).toBeLessThan(1e-12 * scale);
      expect(
        matrix
          .transpose()
          .apply(y)
          .every((v, i) => Math.abs(v - (ATy[i] as number)) < 1e-12 * scale),
      ).toBe(true);
      const norms = matrix.rowNorms();
      const reach = matrix.applyAbsolute(x.map(Math.abs));
      for (let i = 0; i < matrix.rows; i++) {
        const row = matrix.column.subarray(matrix.rowStart[i], matrix.rowStart[i + 1]);
        expect(new Set(row).size).toBe(row.length);
        expect(Math.abs(Ax[i] as number)).toBeLessThanOrEqual((reach[i] as number) * (1 + 1e-15));
        expect(Math.abs(Ax[i] as number)).toBeLessThanOrEqual(
          (norms[i] as number) * Math.hypot(...x) * (1 + 1e-12),
        );
      }
      const positive = matrix.withValues(matrix.value.map(Math.abs));
      expect(matrix.absoluteNorm()).toBeGreaterThanOrEqual(
        largestSingularValue(denseColumns(positive)) * (1 - 1e-12),
      );
    }
  });
});

describe('the error of a composition', () => {
  const tenths = selection(1, [0, 0, 0], [0.1, 0.2, 0.3]);
  const ones = selection(1, [0, 0, 0]).transpose();

  it('is 0 for copies, and counts the sums that copies of one cell lead to', () => {
    const permutation = selection(3, [2, 0, 1]);
    expect(multiply(permutation, tenths, '').error).toBe(0);
    expect(multiply(tenths.transpose(), permutation, '').error).toBe(0);
    // [0.1 0.2 0.3] times three copies of one cell: 0.1 + 0.2 + 0.3 rounds.
    const product = multiply(tenths.transpose(), selection(1, [0, 0, 0]), '');
    const exact = Number(BigInt(0.1 * 2 ** 60) + BigInt(0.2 * 2 ** 60) + BigInt(0.3 * 2 ** 60)) / 2 ** 60;
    expect(product.error).toBeGreaterThan(0);
    expect(Math.abs((product.value[0] as number) - exact)).toBeLessThanOrEqual(product.error);
    expect(multiply(ones, tenths, '').error).toBeGreaterThan(0);
  });

  it('grows with the errors of both factors', () => {
    const random = randomSource(9);
    const dense = (rows: number, cols: number, error: number): SparseMatrix =>
      Array.from({ length: cols }, (_, c) =>
        add(
          selection(
            cols,
            Array.from({ length: rows }, () => c),
            random.normals(rows),
          ),
          selection(cols, new Array<number>(rows).fill(-1)),
        ),
      )
        .reduce(add)
        .withError(error);
    const [a, b] = [dense(3, 4, 0.1), dense(4, 2, 0.01)];
    const norm = (m: SparseMatrix): number => largestSingularValue(denseColumns(m));
    expect(multiply(a, b, '').error).toBeGreaterThanOrEqual(norm(a) * 0.01 + norm(b) * 0.1 + 0.001);
    expect(add(a, a.withError(0.5)).error).toBeGreaterThanOrEqual(0.6);
  });
});
