/** An orthogonal encoder: proven by row sums where a factorisation leaves slack, and called by its name. */
import { describe, expect, it } from 'vitest';
import { isOrthogonalEncoder } from '../../src/lipschitz/orthogonal-encoder.ts';
import { createSpectralNorm } from '../../src/lipschitz/spectral-norm.ts';
import { buildMatrix, type SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import { boundInWords } from '../../src/report/findings/markdown.ts';
import { projected } from '../../src/training/constraints.ts';
import { randomSource } from '../operators/random.ts';
import { denseColumns, largestSingularValue } from './dense-svd.ts';

const noProbe = (): never => {
  throw new Error('nothing is drawn');
};

function orthonormal(rows: number, columns: number, seed: number): SparseMatrix {
  const start = Float32Array.from(randomSource(seed).float32s(rows * columns, 1));
  const values = projected('orthonormal', [rows, columns], start);
  return buildMatrix(rows, columns, values.length, (row, add) => {
    for (let k = 0; k < columns; k++) add(k, values[row * columns + k] ?? 0);
  });
}

const normOf = (matrix: SparseMatrix): number =>
  createSpectralNorm(matrix, [1, matrix.rows], [1, matrix.cols]).bound(null, null, noProbe, 0);

describe('the norm of an orthonormal matrix in float32', () => {
  it.each([
    [12, 12],
    [8, 30],
    [30, 8],
  ])('of %i by %i is proven within 1e-6 of 1, and never below its true value', (rows, columns) => {
    for (let seed = 1; seed <= 5; seed++) {
      const matrix = orthonormal(rows, columns, seed);
      const bound = normOf(matrix);
      expect(bound).toBeGreaterThanOrEqual(largestSingularValue(denseColumns(matrix)) * (1 - 1e-12));
      expect(isOrthogonalEncoder(bound)).toBe(true);
    }
  });

  it('counts one entry that is off, in full', () => {
    const matrix = orthonormal(10, 10, 3);
    const value = matrix.value.map((v, i) => (i === 17 ? v + 0.01 : v));
    const bound = normOf(matrix.withValues(value));
    expect(bound).toBeGreaterThanOrEqual(
      largestSingularValue(denseColumns(matrix.withValues(value))) * (1 - 1e-12),
    );
    expect(isOrthogonalEncoder(bound)).toBe(false);
  });
});

describe('inspect', () => {
  const cut = { nodesLeft: 3 } as never;
  const known = { cut, why: null, checked: true, localOnly: false };

  it('calls a left half that is proven 1-Lipschitz an orthogonal encoder, and no other', () => {
    expect(boundInWords({ ...known, latentLipschitz: 1 + 2e-7 })).toContain('an orthogonal encoder');
    for (const latentLipschitz of [0.5, 1 + 2e-6, null])
      expect(boundInWords({ ...known, latentLipschitz })).not.toContain('orthogonal');
    const input = { ...known, cut: { nodesLeft: 0 } as never };
    expect(boundInWords({ ...input, latentLipschitz: 1 })).not.toContain('orthogonal');
  });
});
