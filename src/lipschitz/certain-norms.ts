/**
 * The norms of all segments of one left half without any probability: for certificates that have no error budget to spend.
 *
 *   - A factorisation that is quick bounds every masked norm by itself.
 *   - Elsewhere the unmasked norm is bounded once, by a factorisation that may take half a minute, a convolution's also by its
 *     symbol, or, failing these, by sqrt(||A||_1 ||A||_inf): loose, but certain. Times the largest scales it bounds every masked norm.
 */
import { inflate, productUp } from '../ground/rounding-error.ts';
import { ConvolutionMap, forSharedProof } from '../operators/algebra/convolution-map.ts';
import { PER_RUN } from '../operators/algebra/factorisable.ts';
import type { LinearMap } from '../operators/algebra/linear-map.ts';
import { largestScale } from '../operators/algebra/scales.ts';
import type { AffineForm } from './affine-form.ts';
import { symbolNorm } from './convolution-symbol.ts';
import type { NormOf } from './displacement.ts';
import { type LeftHalf, type Segment, segmentsOf } from './left-half.ts';
import { createSpectralNorm, noProbe, type SpectralNorm } from './spectral-norm.ts';

interface CertainNorm {
  readonly norm: SpectralNorm;
  /** Upper bound on the unmasked norm; null where every masked norm is bounded by itself. */
  readonly whole: (() => number) | null;
}

export class CertainNorms {
  readonly #norms = new Map<LinearMap, CertainNorm>();

  constructor(half: LeftHalf) {
    const enter = (form: AffineForm, dims: readonly number[]): void => {
      for (const segment of segmentsOf(half, form, dims)) this.#norms.set(segment.matrix, certain(segment));
    };
    for (const { input, dims } of half.steps) enter(input, dims);
    enter(half.output, half.dims);
  }

  /** Estimates from below by `steps` Lanczos steps: for searching. */
  estimating(steps: number): NormOf {
    return (matrix, rows, columns) => {
      const { norm, whole } = this.#of(matrix);
      if (whole === null) return norm.estimate(rows, columns, steps);
      // What will be proved of it, which a search has to aim at.
      return whole() * largestScale(rows) * largestScale(columns);
    };
  }

  /** Estimates from below by `steps` power steps, as the published methods take them. */
  powerEstimating(steps: number): NormOf {
    return (matrix, rows, columns) => this.#of(matrix).norm.powerEstimate(rows, columns, steps);
  }

  /** The prepared norm of a segment that a factorisation bounds; null for another matrix. */
  prepared(matrix: LinearMap): SpectralNorm | null {
    const known = this.#norms.get(matrix);
    return known !== undefined && known.whole === null ? known.norm : null;
  }

  /** Upper bound on the norm without scales of a segment that is bounded only so. */
  unmasked(matrix: LinearMap): number | undefined {
    return this.#norms.get(matrix)?.whole?.();
  }

  /** Upper bounds. */
  readonly proving: NormOf = (matrix, rows, columns) => {
    const { norm, whole } = this.#of(matrix);
    if (whole === null) return norm.bound(rows, columns, noProbe, 0);
    return inflate(productUp(productUp(whole(), largestScale(rows)), largestScale(columns)), 4);
  };

  #of(matrix: LinearMap): CertainNorm {
    const known = this.#norms.get(matrix);
    if (known === undefined) throw new Error('a segment without norm');
    return known;
  }
}

function certain({ matrix, rowDims, columnDims }: Segment): CertainNorm {
  const norm = createSpectralNorm(matrix, rowDims, columnDims);
  if (norm.deterministic) return { norm, whole: null };
  let known: number | null = null;
  const whole = (): number => {
    if (known !== null) return known;
    const bySymbol = matrix instanceof ConvolutionMap ? symbolNorm(matrix) : Number.POSITIVE_INFINITY;
    const coarse = inflate(Math.min(matrix.absoluteNorm(), bySymbol) + matrix.error, 4);
    const thorough = createSpectralNorm(forSharedProof(matrix), rowDims, columnDims, PER_RUN);
    known = thorough.deterministic ? Math.min(coarse, thorough.bound(null, null, noProbe, 0)) : coarse;
    return known;
  };
  return { norm, whole };
}
