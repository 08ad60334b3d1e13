/** Reference for operator norms: the largest singular value of a dense matrix by one-sided Jacobi rotations. */
import type { LinearMap } from '../../src/operators/algebra/linear-map.ts';

/** Columns of diag(rows) A diag(columns). */
export function denseColumns(
  map: LinearMap,
  rows: Float64Array | null = null,
  columns: Float64Array | null = null,
): Float64Array[] {
  const matrix = map.explicit('');
  const dense = Array.from({ length: matrix.cols }, () => new Float64Array(matrix.rows));
  for (let i = 0; i < matrix.rows; i++) {
    for (let k = matrix.rowStart[i] as number; k < (matrix.rowStart[i + 1] as number); k++) {
      const c = matrix.column[k] as number;
      (dense[c] as Float64Array)[i] = (matrix.value[k] as number) * (rows?.[i] ?? 1) * (columns?.[c] ?? 1);
    }
  }
  return dense;
}

function transposed(columns: readonly Float64Array[]): Float64Array[] {
  const rows = columns[0]?.length ?? 0;
  return Array.from({ length: rows }, (_, i) => Float64Array.from(columns, (column) => column[i] as number));
}

/** Rotates pairs of columns until all are orthogonal; the longest is then the spectral norm. */
export function largestSingularValue(dense: readonly Float64Array[]): number {
  const wide = dense.length > (dense[0]?.length ?? 0);
  const columns = (wide ? transposed(dense) : dense.map((c) => c.slice())).filter((c) =>
    c.some((v) => v !== 0),
  );
  for (let sweep = 0, rotated = true; sweep < 40 && rotated; sweep++) {
    rotated = false;
    for (let p = 0; p < columns.length; p++) {
      for (let q = p + 1; q < columns.length; q++) {
        const [a, b] = [columns[p] as Float64Array, columns[q] as Float64Array];
        let [aa, bb, ab] = [0, 0, 0];
        for (let i = 0; i < a.length; i++) {
          aa += (a[i] as number) ** 2;
          bb += (b[i] as number) ** 2;
          ab += (a[i] as number) * (b[i] as number);
        }
        if (Math.abs(ab) <= 1e-13 * Math.sqrt(aa * bb)) continue;
        rotated = true;
        const zeta = (bb - aa) / (2 * ab);
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, t);
        const sine = cosine * t;
        for (let i = 0; i < a.length; i++) {
          const [x, y] = [a[i] as number, b[i] as number];
          a[i] = cosine * x - sine * y;
          b[i] = sine * x + cosine * y;
        }
      }
    }
  }
  return Math.max(0, ...columns.map((c) => Math.hypot(...c)));
}
