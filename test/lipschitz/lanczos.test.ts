/** Estimates of the largest eigenvalue, from cold and from where the last one ended. */
import { describe, expect, it } from 'vitest';
import { lanczosEstimate, type WarmStart } from '../../src/lipschitz/lanczos.ts';
import { randomSource } from '../operators/random.ts';
import { denseColumns, largestSingularValue } from './dense-svd.ts';
import { randomDense } from './wide.ts';

describe('a warm start', () => {
  const matrix = randomDense(randomSource(2), 60, 40);
  const rowsOf = (k: number): Float64Array =>
    Float64Array.from({ length: 60 }, (_, i) => 1 + 0.01 * k * (i % 3));
  const truth = (k: number): number => largestSingularValue(denseColumns(matrix, rowsOf(k), null)) ** 2;
  const shortfall = (k: number, steps: number, warm: WarmStart | null): number =>
    1 - lanczosEstimate(matrix.gram(rowsOf(k), null), 40, steps, warm) / truth(k);

  it('comes closer in three products than eight from cold do, along a search, and never beyond the eigenvalue', () => {
    const warm: WarmStart = { vector: null };
    expect(shortfall(0, 8, warm)).toBe(shortfall(0, 8, null));
    for (let k = 1; k < 8; k++) {
      const short = shortfall(k, 8, warm);
      expect(short).toBeGreaterThan(-1e-12);
      expect(short).toBeLessThan(shortfall(k, 8, null));
    }
  });

  it('leaves none where there is nothing to begin with', () => {
    const warm: WarmStart = { vector: null };
    expect(lanczosEstimate((_, y) => y.fill(0), 5, 8, warm)).toBe(0);
    expect(lanczosEstimate((x, y) => y.set(x), 5, 8, warm)).toBeCloseTo(1, 12);
  });
});
