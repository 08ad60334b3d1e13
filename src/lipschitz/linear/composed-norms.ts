/**
 * Norms of the matrices that are composed for one image: each is prepared when its form is, and forgotten with the image. Those of
 * the left half's own segments, which occur unchanged, are shared with the bounds that know them.
 */
import { inflate, normUp, productUp } from '../../ground/rounding-error.ts';
import type { LinearMap } from '../../operators/algebra/linear-map.ts';
import { largestScale, type Scales } from '../../operators/algebra/scales.ts';
import type { Segment } from '../left-half.ts';
import { COSTLY, createSpectralNorm, type GaussianSource, type SpectralNorm } from '../spectral-norm.ts';
import type { BallNorms } from './linear-ball.ts';

/** Failure probability that the proofs of one image may spend: on at most `uses` norms, `each` on one. */
export interface NormBudget {
  readonly each: number;
  readonly uses: number;
}

/** Upper bound on the norm of diag(rows) A diag(columns) without a factorisation and without any probability. */
function certainNorm(matrix: LinearMap, rows: Scales, columns: Scales): number {
  const lengths = matrix.rowNorms();
  const frobenius = normUp(rows === null ? lengths : lengths.map((length, i) => length * rows[i]!));
  const absolute = productUp(matrix.absoluteNorm() + matrix.error, largestScale(rows));
  return inflate(productUp(Math.min(frobenius, absolute), largestScale(columns)), 8);
}

export class ComposedNorms {
  readonly #norms = new WeakMap<LinearMap, SpectralNorm>();
  readonly #known: (matrix: LinearMap) => SpectralNorm | null;

  /** @param known norms of segments that are prepared already */
  constructor(known: (matrix: LinearMap) => SpectralNorm | null) {
    this.#known = known;
  }

  /** Estimates from below by `steps` Lanczos steps, for searching; `certain` aims at what `certain` will prove. */
  estimating(steps: number, certain: boolean): BallNorms {
    return this.#by((matrix, norm, rows, columns) =>
      certain && !norm.deterministic
        ? certainNorm(matrix, rows, columns)
        : norm.estimate(rows, columns, steps),
    );
  }

  /** Upper bounds; `budget` pays for those that only products bound. */
  proving(gaussian: GaussianSource, { each, uses }: NormBudget): BallNorms {
    let left = uses;
    return this.#by((matrix, norm, rows, columns) => {
      if (norm.deterministic) return norm.bound(rows, columns, gaussian, 0);
      // What the plan did not foresee is bounded without any probability.
      if (left === 0) return certainNorm(matrix, rows, columns);
      left--;
      return norm.bound(rows, columns, gaussian, each, norm.work > COSTLY / 8);
    });
  }

  /** Upper bounds without any probability. */
  readonly certain: BallNorms = this.#by((matrix, norm, rows, columns) =>
    norm.deterministic ? norm.bound(rows, columns, noProbe, 0) : certainNorm(matrix, rows, columns),
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
    this.#norms.set(matrix, this.#known(matrix) ?? createSpectralNorm(matrix, rowDims, columnDims));
  }

  #of(matrix: LinearMap): SpectralNorm {
    const norm = this.#norms.get(matrix);
    if (norm === undefined) throw new Error('a composed matrix without norm');
    return norm;
  }
}

const noProbe = (): never => {
  throw new Error('a factorisation draws nothing');
};
