/**
 * How far left halves move around one image, by both bounds on a ball: which deep cut is worth trying, and what keeping the linear
 * part gains there. For `inspect --data`, in the time given; cuts that do not fit into it are left out.
 */
import type { DisplacementBound } from '../lipschitz/displacement-bounds.ts';
import { leftHalfBoundAt, probesOf } from '../methods/splitz/left-half.ts';
import type { Cut } from '../onnx/cuts.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { drawnSeed } from '../smoothing/noise/drawn-seed.ts';
import { timeBudget } from './time-budget.ts';

/** Radius of the ball, in units of pixels in [0,1]. */
export const LOCAL_RADIUS = 0.1;

export interface LocalBound {
  readonly cut: Cut;
  /** Upper bound on D(r)/r at `LOCAL_RADIUS`; infinite where the ball has no bound. */
  readonly secant: number;
  /** The same with the linear part kept; null where there was no time for it. */
  readonly linear: number | null;
}

/** Work of a bound with the linear part kept, in units of one by secants. */
const TIMES_SECANT = 4;

/**
 * Bounds around one image, cut by cut from the input on, as many as fit.
 * @param classifier with its pixels prepared
 * @param cuts whose left half is known to have a bound
 */
export function localBounds(
  classifier: PreparedClassifier,
  cuts: readonly Cut[],
  image: Float32Array,
  milliseconds: number,
): LocalBound[] {
  const budget = timeBudget(milliseconds);
  const around = (cut: Cut, lipschitz: DisplacementBound): number => {
    const left = leftHalfBoundAt(classifier, cut, lipschitz);
    const evaluation = left.evaluate(Float64Array.from(image));
    // From a seed that nobody knows: a model can be made for the probes of a known one.
    const probes = probesOf(BigInt(drawnSeed()), 0);
    return left.displacementAt(evaluation, LOCAL_RADIUS, probes) / LOCAL_RADIUS;
  };
  const found: LocalBound[] = [];
  for (const cut of cuts) {
    const { work } = leftHalfBoundAt(classifier, cut, 'secant');
    const secant = budget.spend('norm', work, () => around(cut, 'secant'));
    if (secant === null) return found;
    const linear = budget.spend('norm', TIMES_SECANT * work, () => around(cut, 'linear'));
    found.push({ cut, secant, linear });
  }
  return found;
}
