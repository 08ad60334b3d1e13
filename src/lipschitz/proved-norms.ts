/**
 * The norms of one proof, or of the few proofs of one image: each masked norm bounded as cheaply as what is already known
 * allows. A probabilistic bound costs a share of the failure probability and many products, so one that has been paid for
 * bounds every norm whose masks are no larger, in both rows and columns: a norm rises with its scales. A deterministic bound does
 * the same where a ball is little smaller than the one before, and its own norms would be little smaller too.
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

/** Upper bounds, two ways. */
export interface ProvedNorms {
  /** A deterministic bound is taken of this very norm: it costs nothing but time. */
  readonly close: NormOf;
  /** What was proved before comes first, also of a deterministic bound: for a ball little smaller than the last. */
  readonly known: NormOf;
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
): ProvedNorms {
  const proved = new Map<LinearMap, Proved[]>();
  const boundOf = (norm: ProvableNorm, matrix: LinearMap, rows: Scales, columns: Scales): number => {
    if (norm.deterministic) return norm.bound(rows, columns, gaussian, 0);
    const whole = wholeNorm(matrix);
    return Math.min(
      norm.bound(rows, columns, gaussian, delta, frugal),
      whole === undefined
        ? Number.POSITIVE_INFINITY
        : inflate(productUp(productUp(whole, largestScale(rows)), largestScale(columns)), 4),
    );
  };
  const by =
    (reused: (norm: ProvableNorm) => boolean): NormOf =>
    (matrix, rows, columns) => {
      const norm = normOf(matrix);
      const whole = norm.deterministic ? undefined : wholeNorm(matrix);
      if (rows === null && columns === null && whole !== undefined) return whole;
      // What failed at a larger radius still bounds a smaller one.
      const earlier = proved.get(matrix) ?? [];
      const covers = (one: Proved): boolean => within(rows, one.rows) && within(columns, one.columns);
      const covering = reused(norm) ? earlier.find(covers) : undefined;
      if (covering !== undefined) return covering.bound;
      const bound = boundOf(norm, matrix, rows, columns);
      proved.set(matrix, [...earlier, { rows, columns, bound }]);
      return bound;
    };
  return { close: by(({ deterministic }) => !deterministic), known: by(() => true) };
}
