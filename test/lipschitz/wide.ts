/** Matrices for norms: small dense ones, and one too wide for a deterministic proof whose exact norm is known. */
import { buildMatrix, type SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import type { Random } from '../operators/random.ts';
import { denseColumns, largestSingularValue } from './dense-svd.ts';

export function randomDense(random: Random, rows: number, cols: number): SparseMatrix {
  return buildMatrix(rows, cols, rows * cols, (_, add) => {
    for (let c = 0; c < cols; c++) add(c, random.normal());
  });
}

/** 130 random 10 x 10 blocks, rows and columns shuffled: too wide a band to factorise, and its SVD is its blocks'. */
export function shuffledBlocks(random: Random): {
  matrix: SparseMatrix;
  norm: (rows: Float64Array | null) => number;
} {
  const shuffled = (): number[] => {
    const order = Array.from({ length: 1300 }, (_, i) => i);
    for (let i = 1299; i > 0; i--) {
      const j = random.integer(0, i);
      [order[i], order[j]] = [order[j] as number, order[i] as number];
    }
    return order;
  };
  const [rowOf, columnOf] = [shuffled(), shuffled()];
  const blocks = Array.from({ length: 130 }, () => randomDense(random, 10, 10));
  const place = Array.from(rowOf, (_, row) => rowOf.indexOf(row));
  const matrix = buildMatrix(1300, 1300, 13000, (row, add) => {
    const at = place[row] as number;
    const block = blocks[Math.floor(at / 10)] as SparseMatrix;
    for (let c = 0; c < 10; c++)
      add(columnOf[at - (at % 10) + c] as number, block.value[(at % 10) * 10 + c] as number);
  });
  const norm = (rows: Float64Array | null): number =>
    Math.max(
      ...blocks.map((block, b) => {
        const scales =
          rows && Float64Array.from({ length: 10 }, (_, i) => rows[rowOf[b * 10 + i] as number] as number);
        return largestSingularValue(denseColumns(block, scales));
      }),
    );
  return { matrix, norm };
}
