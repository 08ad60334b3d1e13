/**
 * The norms of one proof, or of the few proofs of one image: each masked norm bounded as cheaply as what is already known
 * allows. A probabilistic bound costs a share of the failure probability and many products, so one that has been paid for
 * bounds every norm whose masks are no larger, in both rows and columns: a norm rises with its scales.
 */

import { inflate, productUp } from '../ground/rounding-error.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import { largestScale, type Scales } from '../operators/algebra/scales.ts';
import type { NormOf } from './displacement.ts';
import type { GaussianSource, ProvableNorm } from './spectral-norm.ts';

/** A masked norm bound already paid for. */
interface Proved {
  readonly rows: Scales;
  readonly columns: Scales;
  readonly bound: number;
}

/** Whether no scale exceeds the other's: then neither does the norm. */
const within = (scales: Scales, other: Scales): boolean =>
  scales === null
    ? other === null || other.every((s) => s >= 1)
    : scales.every((s, i) => s <= (other === null ? 1 : other[i]!));

/**
 * @param wholeNorm bound on the unmasked norm where one was proved before; times the largest scales, it bounds any masked norm
 * @param delta failure probability of each bound that is not deterministic
 * @param frugal as of `SpectralNorm.bound`
 * @returns upper bounds, each false with probability at most `delta`
 */
export function provedNorms(
  normOf: (matrix: LinearMap) => ProvableNorm,
  wholeNorm: (matrix: LinearMap) => number | undefined,
  gaussian: GaussianSource,
  delta: number,
  frugal?: boolean,
): NormOf {
  const proved = new Map<LinearMap, Proved[]>();
  return (matrix, rows, columns) => {
    const norm = normOf(matrix);
    if (norm.deterministic) return norm.bound(rows, columns, gaussian, 0);
    const whole = wholeNorm(matrix);
    if (rows === null && columns === null && whole !== undefined) return whole;
    // What failed at a larger radius still bounds a smaller one.
    const earlier = proved.get(matrix) ?? [];
    const covering = earlier.find((one) => within(rows, one.rows) && within(columns, one.columns));
    if (covering !== undefined) return covering.bound;
    const bound = Math.min(
      norm.bound(rows, columns, gaussian, delta, frugal),
      whole === undefined
        ? Number.POSITIVE_INFINITY
        : inflate(productUp(productUp(whole, largestScale(rows)), largestScale(columns)), 4),
    );
    proved.set(matrix, [...earlier, { rows, columns, bound }]);
    return bound;
  };
}
