/** A convolution that is never written out is the same map, with bounds as sound, as its matrix. */
import { describe, expect, it } from 'vitest';
import { gamma } from '../../src/ground/rounding-error.ts';
import { createSpectralNorm } from '../../src/lipschitz/spectral-norm.ts';
import { ConvolutionMap, convolutionOf } from '../../src/operators/algebra/convolution-map.ts';
import { explicitConvolution, type Kernel } from '../../src/operators/algebra/kernel.ts';
import { add, multiply } from '../../src/operators/algebra/map-products.ts';
import { identityMatrix, SparseMatrix } from '../../src/operators/algebra/sparse-matrix.ts';
import type { Sweep } from '../../src/operators/algebra/sweep.ts';
import { denseColumns, largestSingularValue } from '../lipschitz/dense-svd.ts';
import { randomDense } from '../lipschitz/wide.ts';
import { randomSource } from './random.ts';
import { mover, randomKernel, randomMap } from './random-convolution.ts';

const DELTA = 1e-7;

const length = (x: Float64Array): number => Math.hypot(...x);
const distance = (a: Float64Array, b: Float64Array): number => length(a.map((v, i) => v - b[i]!));

describe('a convolution that is not written out', () => {
  it('applies as its matrix does, forward and back, within the roundings both declare', () => {
    for (let seed = 0; seed < 300; seed++) {
      const { map, random } = randomMap(seed);
      const matrix = map.explicit('');
      expect([map.rows, map.cols]).toEqual([matrix.rows, matrix.cols]);
      const norm = map.absoluteNorm();
      const [x, y] = [random.normals(map.cols), random.normals(map.rows)];
      const forward = (gamma(map.longestRow()) + gamma(matrix.longestRow() + 4)) * norm * length(x);
      expect(distance(map.apply(x), matrix.apply(x)), `seed ${seed}`).toBeLessThanOrEqual(forward);
      const back = (gamma(map.longestColumn()) + gamma(matrix.longestColumn() + 4)) * norm * length(y);
      expect(distance(map.applyAdjoint(y), matrix.applyAdjoint(y)), `seed ${seed}`).toBeLessThanOrEqual(back);
    }
  });

  it('has row norms, |A| b and || |A| || that bound the matrix and are no looser where no cell is mirrored', () => {
    for (let seed = 0; seed < 300; seed++) {
      const { map, random, mirrored } = randomMap(1000 + seed);
      const exact = map.explicit('').withError(map.error);
      const [norms, truth] = [map.rowNorms(), exact.rowNorms()];
      const b = random.normals(map.cols).map(Math.abs);
      const [reach, reached] = [map.applyAbsolute(b), exact.applyAbsolute(b)];
      for (let i = 0; i < map.rows; i++) {
        expect(norms[i]!).toBeGreaterThanOrEqual(truth[i]! * (1 - 1e-14));
        expect(reach[i]!).toBeGreaterThanOrEqual(reached[i]! * (1 - 1e-14));
        if (mirrored) continue;
        expect(norms[i]!).toBeLessThanOrEqual(truth[i]! * (1 + 1e-13));
        expect(reach[i]!).toBeLessThanOrEqual(reached[i]! * (1 + 1e-13));
      }
      const positive = exact.withValues(exact.value.map(Math.abs));
      expect(map.absoluteNorm()).toBeGreaterThanOrEqual(
        largestSingularValue(denseColumns(positive)) * (1 - 1e-12),
      );
    }
  });

  it('has a masked norm bound that is never below the SVD, nor below the estimate from below', () => {
    for (let seed = 0; seed < 120; seed++) {
      const { map, random } = randomMap(2000 + seed);
      const rows = Float64Array.from({ length: map.rows }, () => Math.max(0, random.uniform(-0.5, 1)));
      const columns = Float64Array.from({ length: map.cols }, () => random.integer(0, 3) && 1);
      const norm = createSpectralNorm(map, [map.rows], [map.cols]);
      expect(norm.deterministic).toBe(false);
      for (const [r, c] of [
        [rows, columns],
        [null, columns],
        [rows, null],
        [null, null],
      ] as const) {
        const truth = largestSingularValue(denseColumns(map, r, c));
        const bound = norm.bound(r, c, random.normals, DELTA);
        expect(bound, `seed ${seed}`).toBeGreaterThanOrEqual(truth * (1 - 1e-13));
        // Nothing is left of some masked maps, of which only the coarse bound is known.
        if (truth > 0) expect(bound, `seed ${seed}`).toBeLessThanOrEqual(truth * 1.02);
        expect(norm.estimate(r, c, 20)).toBeLessThanOrEqual(truth * (1 + 1e-9));
      }
    }
  });

  it('multiplies by the Gram matrix as two applications do', () => {
    for (let seed = 0; seed < 100; seed++) {
      const { map, random } = randomMap(3000 + seed);
      const [rows, columns] = [
        random.normals(map.rows).map(Math.abs),
        random.normals(map.cols).map(Math.abs),
      ];
      const x = random.normals(map.cols);
      const image = map.apply(x.map((v, i) => v * columns[i]!)).map((v, i) => v * rows[i]! * rows[i]!);
      const expected = map.applyAdjoint(image).map((v, i) => v * columns[i]!);
      const got = new Float64Array(map.cols);
      map.gram(rows, columns)(x, got);
      const scale =
        1 + map.absoluteNorm() ** 2 * length(x) * Math.max(...rows) ** 2 * Math.max(...columns) ** 2;
      expect(distance(got, expected), `seed ${seed}`).toBeLessThanOrEqual(1e-14 * scale);
    }
  });
});

describe('composition around a convolution', () => {
  const kernel = randomKernel(randomSource(7));
  const map = new ConvolutionMap(kernel);

  it('stays unwritten between maps that move and scale cells, and carries their errors', () => {
    const random = randomSource(8);
    const [before, after] = [mover(random, map.cols, map.cols, true), mover(random, 5, map.rows, false)];
    const chain = multiply(after, multiply(map, before, ''), '');
    expect(chain).toBeInstanceOf(ConvolutionMap);
    expect(denseColumns(chain)).toEqual(
      denseColumns(multiply(after, multiply(explicitConvolution(kernel, ''), before, ''), '')),
    );
    const uncertain = multiply(after.withError(1e-3), map, '');
    expect(uncertain.error).toBeGreaterThanOrEqual(1e-3 * largestSingularValue(denseColumns(map)));
    expect(multiply(identityMatrix(map.rows), map, '')).toBe(map);
    expect(multiply(map, identityMatrix(map.cols), '')).toBe(map);
  });

  it('is written out where cells are mixed or maps are added', () => {
    const random = randomSource(9);
    const mixed = randomDense(random, 3, map.rows);
    expect(multiply(mixed, map, '')).toBeInstanceOf(SparseMatrix);
    expect(add(map, map, '')).toBeInstanceOf(SparseMatrix);
    const twice = add(map, map, '').apply(random.normals(map.cols));
    expect(twice).toHaveLength(map.rows);
  });

  it('is chosen by size: a small convolution is a matrix, the stem of a 224 x 224 network is not', () => {
    const axis: Sweep = {
      input: 224,
      output: 112,
      kernel: 7,
      stride: 2,
      dilation: 1,
      padBegin: 3,
      padEnd: 3,
    };
    const weights = new Float64Array(64 * 3 * 49).fill(0.01);
    const stem: Kernel = { batch: 1, groups: 1, outChannels: 64, perGroup: 3, weights, y: axis, x: axis };
    expect(convolutionOf(stem, '')).toBeInstanceOf(ConvolutionMap);
    expect(convolutionOf(kernel, '')).toBeInstanceOf(SparseMatrix);
    // 1.8 million entries each: over 32 x 32 pixels the Gram matrix of the columns has a narrow band, over 64 x 64 none has.
    const over = (side: number, outChannels: number) => {
      const sweep = { input: side, output: side, kernel: 3, stride: 1, dilation: 1, padBegin: 1, padEnd: 1 };
      const values = new Float64Array(outChannels * 27).fill(0.01);
      return convolutionOf({ ...stem, outChannels, weights: values, y: sweep, x: sweep }, '');
    };
    expect(over(64, 16)).toBeInstanceOf(ConvolutionMap);
    expect(over(32, 64)).toBeInstanceOf(SparseMatrix);
    expect(() => new ConvolutionMap({ ...stem, outChannels: 128 }).explicit("node 'conv1'")).toThrow(
      /linear map has 236 million entries/,
    );
  });
});
