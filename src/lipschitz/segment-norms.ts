/**
 * The norms of all segments of one left half, each prepared once, and the share of the failure probability that each
 * probabilistic one may spend.
 */

import type { LinearMap } from '../operators/algebra/linear-map.ts';
import type { AffineForm } from './affine-form.ts';
import { onBall } from './ball-bound.ts';
import type { NormOf } from './displacement.ts';
import type { SegmentwiseBound } from './displacement-bounds.ts';
import type { Evaluation } from './evaluate-left-half.ts';
import { type SearchStarts, startOf, type WarmStart } from './lanczos.ts';
import { type LeftHalf, segmentsOf } from './left-half.ts';
import { type ProvedNorms, provedNorms } from './proved-norms.ts';
import { type Balls, PROOFS, SHARED_PROOFS } from './proved-radius.ts';
import {
  COSTLY,
  createSpectralNorm,
  type GaussianSource,
  type ProvableNorm,
  type SpectralNorm,
} from './spectral-norm.ts';

/** Products with every matrix and its transpose that a search takes, about: warm starts are for costly ones. */
const SEARCHED = { quick: 200, costly: 40 } as const;

export class SegmentNorms {
  /** Whether any norm is only bounded with high probability. */
  readonly probabilistic: boolean;
  /** Whether no unmasked norm needs a probe. */
  readonly certainUnmasked: boolean;
  /** Whether one proof takes seconds. */
  readonly costly: boolean;
  /** Multiplications of one product with every matrix, and of one proof of D, about. */
  readonly productWork: number;
  readonly proofWork: number;
  /** Processor time of the search and the proof of one image's bound by these norms, about, on a slow core. */
  readonly seconds: number;
  /** Factor by which D from proved norms usually exceeds D from estimates, at most. */
  readonly excess: number;
  readonly #norms = new Map<LinearMap, SpectralNorm>();
  /** Unmasked norms, from probes that belong to no image: the same for every image of a run, in any order. */
  readonly #unmasked = new Map<LinearMap, number>();
  /** Segments whose rows are not weighted in every bound on a ball. */
  readonly #unweighted = new Set<LinearMap>();
  readonly #deltaEach: number;

  /** @param delta failure probability of all proofs of one image together */
  constructor(half: LeftHalf, delta: number) {
    let [probabilisticUses, probabilisticWork, productWork] = [0, 0, 0];
    const used: [SpectralNorm, uses: number][] = [];
    const count = (form: AffineForm, dims: readonly number[], uses: number): void => {
      for (const { matrix, rowDims, columnDims } of segmentsOf(half, form, dims)) {
        const norm = this.#norms.get(matrix) ?? createSpectralNorm(matrix, rowDims, columnDims);
        this.#norms.set(matrix, norm);
        if (!norm.deterministic) {
          probabilisticUses += uses;
          probabilisticWork += uses * norm.work;
        }
        productWork += uses * norm.work;
        used.push([norm, uses]);
      }
    };
    for (const { input, dims, nonlinearity } of half.steps) {
      count(input, dims, nonlinearity.norms);
      if (!nonlinearity.weightsRows) for (const { matrix } of input.terms) this.#unweighted.add(matrix);
    }
    count(half.output, half.dims, 1);
    for (const { matrix } of half.output.terms) this.#unweighted.add(matrix);
    this.probabilistic = probabilisticUses > 0;
    this.#deltaEach = this.probabilistic ? delta / (probabilisticUses * (PROOFS + SHARED_PROOFS)) : 0;
    const norms = [...this.#norms.values()];
    this.certainUnmasked = norms.every((norm) => norm.certainUnmasked);
    // However the products are spread over the segments: a gate has two streams, each half the work.
    this.costly = probabilisticWork > COSTLY;
    this.productWork = productWork;
    this.proofWork = used.reduce((sum, [norm, uses]) => sum + uses * norm.proofWork(this.costly), 0);
    const searched = this.costly ? SEARCHED.costly : SEARCHED.quick;
    this.seconds = used.reduce(
      (sum, [norm, uses]) =>
        sum + (uses * (searched * norm.work + norm.proofWork(this.costly))) / norm.workPerSecond,
      0,
    );
    this.excess = norms.reduce((product, norm) => product * norm.excess(this.#deltaEach, this.costly), 1);
  }

  /**
   * Estimates from below by `steps` Lanczos steps: for searching.
   * @param starts of the search, where products are costly: each estimate begins with what the last one came close to
   */
  estimating(steps: number, starts: SearchStarts | null = null): NormOf {
    return (matrix, rows, columns) => {
      // What a proof will take, where estimating it again would cost products.
      const whole = rows === null && columns === null ? this.#unmasked.get(matrix) : undefined;
      if (starts !== null && whole !== undefined) return whole;
      return this.#normOf(matrix).estimate(rows, columns, steps, starts && startOf(starts, matrix));
    };
  }

  /** Estimates from below by `steps` power steps, as the published method takes them. */
  powerEstimating(steps: number): NormOf {
    return (matrix, rows, columns) => this.#normOf(matrix).powerEstimate(rows, columns, steps);
  }

  /**
   * Upper bounds for one image; `gaussian` draws their probes.
   * @param starts of the search before: the scale of a probabilistic bound is estimated from there, before its probe is drawn
   */
  proving(gaussian: GaussianSource, starts: SearchStarts | null = null): ProvedNorms {
    return provedNorms(
      (matrix) => {
        const norm = this.#normOf(matrix);
        return starts === null || norm.deterministic ? norm : startingAt(norm, startOf(starts, matrix));
      },
      (matrix) => this.#unmasked.get(matrix),
      gaussian,
      this.#deltaEach,
      this.costly,
    );
  }

  /** The unmasked norm of a segment, where it was proved for all images. */
  unmasked(matrix: LinearMap): number | undefined {
    return this.#unmasked.get(matrix);
  }

  /** The prepared norm of a segment; null for another matrix. */
  prepared(matrix: LinearMap): SpectralNorm | null {
    return this.#norms.get(matrix) ?? null;
  }

  /**
   * Bounds the unmasked norms that are probabilistic, unless that was done before.
   * @param everywhere whether they are wanted for a bound on all of space; otherwise those never used unmasked are left out
   */
  proveUnmasked(gaussian: GaussianSource, everywhere: boolean): void {
    for (const [matrix, norm] of this.#norms) {
      const wanted = everywhere || this.#unweighted.has(matrix);
      if (wanted && !norm.deterministic && !this.#unmasked.has(matrix))
        this.#unmasked.set(matrix, norm.bound(null, null, gaussian, this.#deltaEach, this.costly));
    }
  }

  #normOf(matrix: LinearMap): SpectralNorm {
    const norm = this.#norms.get(matrix);
    if (norm === undefined) throw new Error('a segment without norm');
    return norm;
  }
}

/** The norm, with the scale of its bounds estimated from a start. */
const startingAt = (norm: SpectralNorm, warm: WarmStart): ProvableNorm => ({
  deterministic: norm.deterministic,
  bound: (rows, columns, gaussian, delta, frugal) => norm.bound(rows, columns, gaussian, delta, frugal, warm),
});

/** The balls of a bound by norms of single segments. @param gaussian draws the probes of one image */
export function ballsOf(
  half: LeftHalf,
  norms: SegmentNorms,
  evaluation: Evaluation,
  bound: SegmentwiseBound,
  gaussian: GaussianSource,
): Balls {
  const starts: SearchStarts | null = norms.costly ? new WeakMap() : null;
  const proving = norms.proving(gaussian, starts);
  return {
    estimate: (r, steps) => onBall(half, evaluation, r, bound, norms.estimating(steps, starts)).total,
    prove: (r, near) => onBall(half, evaluation, r, bound, near === true ? proving.known : proving.close),
    costly: norms.costly,
    factorised: !norms.probabilistic,
    excess: norms.excess,
  };
}
