/**
 * Which cuts have a left half with a sound bound, and why the others have none; the global Lipschitz bounds and the norms
 * of the affine segments, as many as fit in the time given. For `inspect`.
 */
import { ModelRefused } from '../errors.ts';
import type { AffineForm } from '../lipschitz/affine-form.ts';
import { productBound } from '../lipschitz/displacement.ts';
import { DEFAULT_DELTA } from '../lipschitz/input-radius.ts';
import { type LeftHalf, leftHalfCompiler, segmentsOf } from '../lipschitz/left-half.ts';
import { createSpectralNorm } from '../lipschitz/spectral-norm.ts';
import type { Cut } from '../onnx/cuts.ts';
import { describeNode } from '../onnx/graph.ts';
import type { LinearMap } from '../operators/linear-map.ts';
import type { PreparedClassifier } from './prepare-classifier.ts';
import { probesOf } from './smoothed-classifier.ts';

export interface CutBoundability {
  readonly cut: Cut;
  /** Why the left half has no bound; null when it has one. */
  readonly why: string | null;
  /** Upper bound on the left half's Lipschitz constant on all of space; null when not measured in time. */
  readonly latentLipschitz: number | null;
}

export interface SegmentNorm {
  /** The nonlinearity the segment feeds. */
  readonly name: string;
  /** Upper bound on its operator norm (the largest of its terms, where a residual has several). */
  readonly norm: number;
}

/** Milliseconds beyond the time given after which a deep cut of a large network is not even compiled. */
const PATIENCE = 10_000;

export function boundability(
  { cuts, input, inputDims }: PreparedClassifier,
  milliseconds: number,
): { cuts: CutBoundability[]; segments: SegmentNorm[] } {
  const until = performance.now() + milliseconds;
  const compile = leftHalfCompiler(input, inputDims);
  const norms = new Map<LinearMap, number>();
  const segments: SegmentNorm[] = [];
  let failure: string | null = null;
  let product: number | null = 1;
  const listed = cuts.cuts.map((cut): CutBoundability => {
    if (cut.value === input) return { cut, why: null, latentLipschitz: 1 };
    if (failure !== null) return { cut, why: failure, latentLipschitz: null };
    if (performance.now() > until + PATIENCE) {
      failure = 'not examined in the time given';
      return { cut, why: failure, latentLipschitz: null };
    }
    let half: LeftHalf;
    try {
      half = compile(cut.value);
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      failure = error.report.what;
      return { cut, why: failure, latentLipschitz: null };
    }
    product = product !== null && measure(half, norms, segments, until) ? lipschitzOf(half, norms) : null;
    return { cut, why: null, latentLipschitz: product };
  });
  return { cuts: listed, segments };
}

/** Adds the norms of what is new in this left half; false when the time is over before all are known. */
function measure(
  half: LeftHalf,
  norms: Map<LinearMap, number>,
  segments: SegmentNorm[],
  until: number,
): boolean {
  const learn = (form: AffineForm, dims: readonly number[]): boolean =>
    segmentsOf(half, form, dims).every(({ matrix, rowDims, columnDims }) => {
      if (norms.has(matrix)) return true;
      if (performance.now() > until) return false;
      const norm = createSpectralNorm(matrix, rowDims, columnDims);
      // Half a minute for one norm: certify takes that time, a listing does not.
      if (norm.costly) return false;
      norms.set(matrix, norm.bound(null, null, probesOf(0n, norms.size), DEFAULT_DELTA));
      return true;
    });
  for (const [index, step] of half.steps.entries()) {
    if (!learn(step.input, step.dims)) return false;
    if (index < segments.length) continue;
    const known = step.input.terms.map(({ matrix }) => norms.get(matrix) ?? 0);
    segments.push({ name: describeNode(step.node), norm: Math.max(0, ...known) });
  }
  return learn(half.output, half.dims);
}

/** The product of the norms along the left half. */
function lipschitzOf(half: LeftHalf, norms: ReadonlyMap<LinearMap, number>): number {
  return productBound(half, (matrix) => {
    const norm = norms.get(matrix);
    if (norm === undefined) throw new Error('a segment without norm');
    return norm;
  });
}
