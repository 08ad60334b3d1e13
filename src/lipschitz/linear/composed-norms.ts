/**
 * Norms of the matrices that are composed for one image: each is prepared when its form is, and forgotten with the image. Those of
 * the left half's own segments, which occur unchanged, are shared with the bounds that know them.
 */
import { inflate, normUp, productUp } from '../../ground/rounding-error.ts';
import type { LinearMap } from '../../operators/algebra/linear-map.ts';
import { largestScale, type Scales } from '../../operators/algebra/scales.ts';
import { type SearchStarts, startOf } from '../lanczos.ts';
import type { Segment } from '../left-half.ts';
import { provedNorms } from '../proved-norms.ts';
import {
  COSTLY,
  createSpectralNorm,
  type GaussianSource,
  noProbe,
  type SpectralNorm,
} from '../spectral-norm.ts';
import type { BallNorms } from './linear-ball.ts';

/** Failure probability that the proofs of one image may spend: on at most `uses` norms, `each` on one. */
export interface NormBudget {
  readonly each: number;
  readonly uses: number;
}

/**
 * Upper bound on the norm of diag(rows) A diag(columns) without a factorisation and without any probability.
 * @param known upper bound on the norm of A
 */
function certainNorm(
  matrix: LinearMap,
  rows: Scales,
  columns: Scales,
  known = Number.POSITIVE_INFINITY,
): number {
  const lengths = matrix.rowNorms();
  const frobenius = normUp(rows === null ? lengths : lengths.map((length, i) => length * rows[i]!));
  const unscaled = Math.min(known, matrix.absoluteNorm() + matrix.error);
  const absolute = productUp(unscaled, largestScale(rows));
  return inflate(productUp(Math.min(frobenius, absolute), largestScale(columns)), 8);
}

/** What is known of the left half's own segments. */
export interface KnownNorms {
  /** The norm, where it is prepared already. */
  prepared(matrix: LinearMap): SpectralNorm | null;
  /** Upper bound on the norm without scales, where one was proved before. */
  unmasked(matrix: LinearMap): number | undefined;
}

export class ComposedNorms {
  readonly #norms = new WeakMap<LinearMap, SpectralNorm>();
  readonly #known: KnownNorms;

  constructor(known: KnownNorms) {
    this.#known = known;
  }

  /**
   * Estimates from below by `steps` Lanczos steps, for one search; `certain` aims at what `certain` will prove.
   * @param starts of this search: what is near to the largest singular vector of each matrix
   */
  estimating(steps: number, certain: boolean, starts: SearchStarts): BallNorms {
    return this.#by((matrix, norm, rows, columns) => {
      if (certain && !norm.deterministic)
        return certainNorm(matrix, rows, columns, this.#known.unmasked(matrix));
      return norm.estimate(rows, columns, steps, startOf(starts, matrix));
    });
  }

  /** Upper bounds for one image; `budget` pays for those that only products bound. */
  proving(gaussian: GaussianSource, { each, uses }: NormBudget): BallNorms {
    let left = uses;
    const boundOf = (matrix: LinearMap, norm: SpectralNorm): SpectralNorm['bound'] => {
      if (norm.deterministic) return norm.bound;
      return (rows, columns, probes, delta) => {
        // What the plan did not foresee is bounded without any probability.
        if (left === 0) return certainNorm(matrix, rows, columns);
        left--;
        return norm.bound(rows, columns, probes, delta, norm.work > COSTLY / 8);
      };
    };
    const { close } = provedNorms(
      (matrix) => {
        const norm = this.#of(matrix);
        return { deterministic: norm.deterministic, bound: boundOf(matrix, norm) };
      },
      (matrix) => this.#known.unmasked(matrix),
      gaussian,
      each,
    );
    return this.#by((matrix, _, rows, columns) => close(matrix, rows, columns));
  }

  /** Upper bounds without any probability. */
  readonly certain: BallNorms = this.#by((matrix, norm, rows, columns) =>
    norm.deterministic
      ? norm.bound(rows, columns, noProbe, 0)
      : certainNorm(matrix, rows, columns, this.#known.unmasked(matrix)),
  );

  #by(of: (matrix: LinearMap, norm: SpectralNorm, rows: Scales, columns: Scales) => number): BallNorms {
    return {
      normOf: (matrix, rows, columns) => of(matrix, this.#of(matrix), rows, columns),
      enter: (segments) => {
        for (const segment of segments) this.#enter(segment);
      },
    };
  }

  #enter({ matrix, rowDims, columnDims }: Segment): void {
    if (this.#norms.has(matrix)) return;
    this.#norms.set(matrix, this.#known.prepared(matrix) ?? createSpectralNorm(matrix, rowDims, columnDims));
  }

  #of(matrix: LinearMap): SpectralNorm {
    const norm = this.#norms.get(matrix);
    if (norm === undefined) throw new Error('a composed matrix without norm');
    return norm;
  }
}
