/** A matrix times several vectors at once is the matrix times each of them, to the bit. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rowProducts, TOGETHER } from '../../src/operators/algebra/row-products.ts';
import { buildMatrix, type SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import { randomSource } from './random.ts';

/** Rows of every length, none included. */
function randomMatrix(seed: number, rows: number, cols: number): SparseMatrix {
  const random = randomSource(seed);
  const full = random.pick([0, 0.3, 1]);
  return buildMatrix(rows, cols, 0, (row, add) => {
    if (row % 3 === 1) return;
    for (let c = 0; c < cols; c++) if (random.uniform(0, 1) < full) add(c, random.normal());
  });
}

it('gives each vector what it would get alone, whatever the others and the matrices beside it', () => {
  const shape = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), shape, shape), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: TOGETHER }),
      fc.nat(),
      (shapes, count, seed) => {
        const matrices = shapes.map(([own, rows, cols]) => randomMatrix(own, rows, cols));
        const products = rowProducts(matrices);
        const random = randomSource(seed);
        for (const matrix of [...matrices, ...matrices]) {
          const xs = Array.from({ length: count }, () => random.normals(matrix.cols));
          expect(products(matrix, xs)).toEqual(xs.map((x) => matrix.apply(x)));
        }
      },
    ),
  );
});

it('does not spread what is not a number to other vectors, nor to later ones', () => {
  const matrix = randomMatrix(3, 5, 7);
  const products = rowProducts([matrix]);
  const [bad, good] = [new Float64Array(7).fill(Number.NaN), new Float64Array(7).fill(0.1)];
  expect(products(matrix, [bad, good])[1]).toEqual(matrix.apply(good));
  expect(products(matrix, [good])[0]).toEqual(matrix.apply(good));
});

it('takes no matrix that it was not given, and no more vectors than it has room for', () => {
  const matrix = randomMatrix(4, 2, 2);
  const products = rowProducts([matrix]);
  expect(() => products(randomMatrix(4, 2, 2), [new Float64Array(2)])).toThrow('not prepared');
  const many = Array.from({ length: TOGETHER + 1 }, () => new Float64Array(2));
  expect(() => products(matrix, many)).toThrow('not prepared');
});
