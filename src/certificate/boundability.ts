/**
 * Which cuts have a left half with a sound bound, and why the others have none; the global Lipschitz bounds and the norms
 * of the affine segments, as many as fit in the time given. For `inspect`.
 */
import { ModelRefused } from '../errors.ts';
import { createLeftHalfBound } from '../lipschitz/input-radius.ts';
import { type LeftHalf, leftHalfCompiler } from '../lipschitz/left-half.ts';
import { createSpectralNorm } from '../lipschitz/spectral-norm.ts';
import type { Cut } from '../onnx/cuts.ts';
import { describeNode } from '../onnx/graph.ts';
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

const DELTA = 1e-6;

export function boundability(
  { cuts, input, inputDims }: PreparedClassifier,
  milliseconds: number,
): { cuts: CutBoundability[]; segments: SegmentNorm[] } {
  const until = performance.now() + milliseconds;
  const compile = leftHalfCompiler(input, inputDims);
  const segments: SegmentNorm[] = [];
  let failure: string | null = null;
  let product: number | null = 1;
  const listed = cuts.cuts.map((cut): CutBoundability => {
    if (cut.value === input) return { cut, why: null, latentLipschitz: 1 };
    if (failure !== null) return { cut, why: failure, latentLipschitz: null };
    let half: LeftHalf;
    try {
      half = compile(cut.value);
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      failure = error.report.what;
      return { cut, why: failure, latentLipschitz: null };
    }
    if (performance.now() > until) product = null;
    if (product !== null) {
      measure(half, segments);
      product = createLeftHalfBound(half, 'global', DELTA).globalLipschitz(probesOf(0n, 0));
    }
    return { cut, why: null, latentLipschitz: product };
  });
  return { cuts: listed, segments };
}

/** Adds the norms of the steps that are new in this left half. */
function measure(half: LeftHalf, segments: SegmentNorm[]): void {
  for (const step of half.steps.slice(segments.length)) {
    const norms = step.input.terms.map(({ matrix, base }) =>
      createSpectralNorm(
        matrix,
        [matrix.rows],
        base === 0 ? half.inputDims : half.steps[base - 1]!.dims,
      ).bound(null, null, probesOf(0n, base), DELTA),
    );
    segments.push({ name: describeNode(step.node), norm: Math.max(0, ...norms) });
  }
}
