/**
 * Spectral norms of masked segments, || diag(rows) A diag(columns) ||_2, as true upper bounds: proved by a factorisation
 * where the Gram matrix is small or banded, probabilistic (delta from the error budget) elsewhere. Power iteration, which
 * is a lower bound, is offered only to reproduce the published method and is labelled an estimate wherever it shows.
 *
 * The proofs square entries times scales. So that no square leaves the normal range of float64, a matrix is first scaled by
 * a power of two to a largest entry near 1, entries then below 2^-200 are counted as error, and scales below 2^-100 are
 * raised to that, which lowers no norm.
 */

import { exponentOf, gamma, inflate, productUp, timesPowerUp } from '../ground/rounding-error.ts';
import { ConvolutionMap } from '../operators/algebra/convolution-map.ts';
import { type FactorisationLimit, PER_IMAGE } from '../operators/algebra/factorisable.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import { largestScale, type Scales } from '../operators/algebra/scales.ts';
import { SparseMatrix } from '../operators/algebra/sparse-matrix.ts';
import {
  extentOf,
  LARGEST_CARRIED,
  SMALLEST_CARRIED,
  withoutSmall,
} from '../operators/compile/carried-range.ts';
import { PROOF_EXCESS } from './banded-gram.ts';
import { chebyshevBound, chebyshevExcess } from './chebyshev-bound.ts';
import { hasSymbolNorm, symbolNorm } from './convolution-symbol.ts';
import { factorisedNorm } from './factorised-norm.ts';
import { lanczosEstimate, type WarmStart } from './lanczos.ts';
import { powerNorm } from './power-norm.ts';

/** Source of independent standard normal vectors, one per call, independent of every matrix they are used on. */
export type GaussianSource = (size: number) => Float64Array;

/** For bounds that draw nothing. */
export const noProbe: GaussianSource = () => {
  throw new Error('a factorisation draws nothing');
};

export interface ProvableNorm {
  /** Whether `bound` is deterministic. */
  readonly deterministic: boolean;
  /**
   * Upper bound on the exact map's norm; false with probability at most delta (0 when deterministic).
   * @param frugal whether to make do with half the products, for a bound one hundredth larger; by default where they are costly
   */
  bound(rows: Scales, columns: Scales, gaussian: GaussianSource, delta: number, frugal?: boolean): number;
}

export interface SpectralNorm extends ProvableNorm {
  /** @param warm begins the estimate of a probabilistic bound's scale: any scale is valid, one close to the norm gives a tight bound */
  bound(
    rows: Scales,
    columns: Scales,
    gaussian: GaussianSource,
    delta: number,
    frugal?: boolean,
    warm?: WarmStart | null,
  ): number;
  /** Whether `bound` without scales is deterministic: by a factorisation, or by the symbol of a large convolution. */
  readonly certainUnmasked: boolean;
  /** Multiplications of one product with the matrix. */
  readonly work: number;
  /** Multiplications a second of such products, about, on a slow core. */
  readonly workPerSecond: number;
  /** Multiplications of one bound, about. */
  proofWork(frugal: boolean): number;
  /** Factor by which `bound` usually exceeds the norm: a search should aim that much lower. */
  excess(delta: number, frugal: boolean): number;
  /**
   * An estimate from below by `steps` Lanczos steps, fewer from a warm start; without scales, the bound itself where that is
   * deterministic. For searching, never for certifying.
   */
  estimate(rows: Scales, columns: Scales, steps: number, warm?: WarmStart | null): number;
  /** `steps` power steps from a fixed start, as published SPLITZ code computes "the norm": a LOWER bound. */
  powerEstimate(rows: Scales, columns: Scales, steps: number): number;
}

/** Multiplications in one application beyond which products are counted. */
export const COSTLY = 8e6;

/** The convolution, where its norm without scales is bounded by its symbol: products would take longer, and spend probability. */
export const boundedBySymbol = (map: LinearMap): ConvolutionMap | null =>
  map instanceof ConvolutionMap && map.work() > COSTLY && hasSymbolNorm(map.kernel) ? map : null;

/** Chebyshev and Lanczos steps of a bound, where products are cheap and where they are not. */
const THOROUGH = { chebyshev: 128, lanczos: 40 };
const FRUGAL = { chebyshev: 64, lanczos: 16 };
type Effort = typeof THOROUGH;

/** Multiplications a second, on a slow core: with a kernel in WebAssembly, and with a matrix entry by entry. */
const PER_SECOND = { kernel: 2e9, matrix: 4e8 } as const;

/** Scales between which squares of scaled entries stay in the normal range. */
const LEAST_SCALE = 2 ** -100;
const LARGEST_SCALE = 2 ** 100;

/** The scales with none lowered, and none between 0 and `LEAST_SCALE`. */
function raised(scales: Scales): Scales {
  if (scales === null || scales.every((s) => s === 0 || s >= LEAST_SCALE)) return scales;
  return scales.map((s) => (s > 0 && s < LEAST_SCALE ? LEAST_SCALE : s));
}

/** The map as 2^exponent times one whose entries are between 2^-200 and 2^200, except for what its error covers. */
function brought(map: LinearMap): { readonly map: LinearMap; readonly exponent: number } {
  // A convolution keeps to that range (map-products.ts).
  if (!(map instanceof SparseMatrix)) return { map, exponent: 0 };
  const { least, most } = extentOf(map);
  // Without a finite largest entry the norm is not finite: the sums below come to Infinity or NaN.
  if (most === 0 || most === Number.POSITIVE_INFINITY) return { map, exponent: 0 };
  if (least >= SMALLEST_CARRIED && most <= LARGEST_CARRIED) return { map, exponent: 0 };
  const exponent = exponentOf(most);
  // In two steps: 2^1074 is beyond float64. Entries that round here are omitted anyway.
  const half = Math.trunc(-exponent / 2);
  const [first, second] = [2 ** half, 2 ** (-exponent - half)];
  const value = map.value.map((v) => v * first * second);
  const error = timesPowerUp(map.error, -exponent);
  return { map: withoutSmall(map.withValues(value).withError(error), SMALLEST_CARRIED), exponent };
}

/** Upper bound on the norm of diag(rows) A diag(columns), loose, but computed without squares. */
const coarseNorm = (map: LinearMap, rows: Scales, columns: Scales): number =>
  inflate(productUp(productUp(map.absoluteNorm(), largestScale(rows)), largestScale(columns)), 4);

/** Upper bound from products alone, of the stored map; false with probability at most delta. */
function matrixFreeNorm(
  map: LinearMap,
  rows: Scales,
  columns: Scales,
  gaussian: GaussianSource,
  delta: number,
  effort: Effort,
  warm: WarmStart | null,
): number {
  const step = map.gram(rows, columns);
  const coarse = coarseNorm(map, rows, columns);
  const estimate = lanczosEstimate(step, map.cols, effort.lanczos, warm);
  if (!(estimate > 0)) return coarse;
  const terms = map.longestRow() + map.longestColumn() + 8;
  const proved = chebyshevBound(
    step,
    gaussian(map.cols),
    estimate,
    delta,
    gamma(terms) * coarse * coarse,
    effort.chebyshev,
    map.gramUnderflow(largestScale(rows), largestScale(columns)),
  );
  return Math.min(coarse, proved === null ? coarse : inflate(Math.sqrt(proved), 4));
}

/**
 * @param rowDims shape of the map's output, batch axis included
 * @param columnDims shape of its input
 * @param limit what a factorisation may cost
 */
export function createSpectralNorm(
  given: LinearMap,
  rowDims: readonly number[],
  columnDims: readonly number[],
  limit: FactorisationLimit = PER_IMAGE,
): SpectralNorm {
  const { map, exponent } = brought(given);
  const proof = map instanceof SparseMatrix ? factorisedNorm(map, rowDims, columnDims, limit) : null;
  const symbol = boundedBySymbol(map);
  const work = map.work();
  const effortOf = (frugal: boolean): Effort => (frugal ? FRUGAL : THOROUGH);
  let unscaled: number | null = null;

  /** Adds the composition error of the stored matrix, scaled like the map. */
  const ofExactMap = (stored: number, rows: Scales, columns: Scales): number =>
    inflate(stored + productUp(productUp(map.error, largestScale(rows)), largestScale(columns)), 4);

  const ofStored = (
    rows: Scales,
    columns: Scales,
    gaussian: GaussianSource,
    delta: number,
    effort: Effort,
    warm: WarmStart | null,
  ): number => {
    if (!(largestScale(rows) <= LARGEST_SCALE && largestScale(columns) <= LARGEST_SCALE))
      return coarseNorm(map, rows, columns);
    if (rows === null && columns === null && symbol !== null)
      return Math.min(coarseNorm(map, null, null), symbolNorm(symbol));
    return proof === null
      ? matrixFreeNorm(map, rows, columns, gaussian, delta, effort, warm)
      : proof.bound(rows, columns);
  };

  const bound: SpectralNorm['bound'] = (
    givenRows,
    givenColumns,
    gaussian,
    delta,
    frugal = work > COSTLY,
    warm = null,
  ) => {
    const [rows, columns] = [raised(givenRows), raised(givenColumns)];
    if (rows === null && columns === null && unscaled !== null) return unscaled;
    const stored = ofStored(rows, columns, gaussian, delta, effortOf(frugal), warm);
    const value = ofExactMap(stored, rows, columns);
    const whole = exponent === 0 ? value : timesPowerUp(value, exponent);
    if (rows === null && columns === null && proof !== null) unscaled = whole;
    return whole;
  };

  return {
    deterministic: proof !== null,
    workPerSecond: map instanceof ConvolutionMap ? PER_SECOND.kernel : PER_SECOND.matrix,
    certainUnmasked: proof !== null || symbol !== null,
    work,
    proofWork(frugal) {
      const { chebyshev, lanczos } = effortOf(frugal);
      return proof?.work ?? 2 * work * (chebyshev + lanczos);
    },
    excess: (delta, frugal) =>
      proof !== null ? PROOF_EXCESS : chebyshevExcess(map.cols, delta, effortOf(frugal).chebyshev),
    estimate(rows, columns, steps, warm = null) {
      // Proved once for all images, and then no search estimates it again.
      if (proof !== null && rows === null && columns === null) return bound(null, null, noProbe, 0);
      if (proof?.isDiagonal === true) return proof.bound(rows, columns) * 2 ** exponent;
      const gram = lanczosEstimate(map.gram(rows, columns), map.cols, steps, warm);
      return Math.sqrt(Math.max(0, gram)) * 2 ** exponent;
    },
    bound,
    powerEstimate: (rows, columns, steps) =>
      powerNorm(map.gram(rows, columns), map.cols, steps) * 2 ** exponent,
  };
}
