/** The left half at a cut and its bound, compiled once per model. */
import { ModelRefused, UsageError } from '../../ground/errors.ts';
import { compileLeftHalf, leftHalfCompiler } from '../../lipschitz/compile-left-half.ts';
import { BALL_BOUNDS, type DisplacementBound } from '../../lipschitz/displacement-bounds.ts';
import type { Evaluation } from '../../lipschitz/evaluate-left-half.ts';
import { createLeftHalfBound, DEFAULT_DELTA, type LeftHalfBound } from '../../lipschitz/input-radius.ts';
import type { LeftHalf } from '../../lipschitz/left-half.ts';
import type { GaussianSource } from '../../lipschitz/spectral-norm.ts';
import { type Cut, findCut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { describeNode } from '../../onnx/model/graph.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { gaussianProbe } from '../../smoothing/noise/probe.ts';

/**
 * Seed of what chooses settings (the pilot, a derived noise level): its choice must come out the same when a run is continued, and
 * no certificate rests on it. A model made for this seed can mislead about which cut is best, at the price of its own radius.
 */
export const PILOT_SEED = 0n;

const compiled = new WeakMap<PreparedClassifier, Map<string, LeftHalf>>();

function halfAt(classifier: PreparedClassifier, { value }: Cut): LeftHalf {
  const known = compiled.get(classifier) ?? new Map<string, LeftHalf>();
  compiled.set(classifier, known);
  const half = known.get(value.name) ?? compileLeftHalf(classifier.input, classifier.inputDims, value);
  known.set(value.name, half);
  return half;
}

/** The bound of the left half at a cut behind the input. Throws ModelRefused naming the node that has none. */
export const leftHalfBoundAt = (
  classifier: PreparedClassifier,
  cut: Cut,
  lipschitz: DisplacementBound,
  delta = DEFAULT_DELTA,
): LeftHalfBound => createLeftHalfBound(halfAt(classifier, cut), lipschitz, delta);

/** Probes for probabilistic norm bounds around one image: independent of each other, of the votes and of the masks. */
export function probesOf(seed: bigint, image: number, stage: Stage = Stage.operatorNorm): GaussianSource {
  let sample = 0;
  return (size) => gaussianProbe(size, { seed, stage, image, sample: sample++ });
}

/**
 * Upper bound on the Lipschitz constant of the left half on all of space. Taken before the first image: norms of large left
 * halves are proved once, with probes of the run's seed, and shared by all images.
 */
export const globalLipschitz = (left: LeftHalfBound, seed: bigint): number =>
  // The images' probes use their own indices; this one-off bound uses the largest index there is.
  left.globalLipschitz(probesOf(seed, 0xffffffff));

/** A left half as a run has it. */
export interface RunBound {
  readonly cut: Cut;
  readonly left: LeftHalfBound;
  /** Upper bound on its Lipschitz constant on all of space; infinite where there is none. */
  readonly globalBound: number;
}

const ofRuns = new WeakMap<PreparedClassifier, Map<string, RunBound>>();

/** The left half of a run, its shared norms proved with probes of the run's seed; made once for each model, cut, bound and seed. */
export function runBound(
  classifier: PreparedClassifier,
  split: string,
  lipschitz: DisplacementBound,
  seed: bigint,
): RunBound {
  const known = ofRuns.get(classifier) ?? new Map<string, RunBound>();
  ofRuns.set(classifier, known);
  const anySeed = JSON.stringify([split, lipschitz]);
  const thisSeed = JSON.stringify([split, lipschitz, String(seed)]);
  const found = known.get(anySeed) ?? known.get(thisSeed);
  if (found !== undefined) return found;
  const cut = findCut(classifier.cuts, split);
  const left = boundAskedFor(classifier, cut, lipschitz);
  const made = { cut, left, globalBound: globalLipschitz(left, seed) };
  // Norms that are proved without probes are the same for every seed.
  known.set(left.isUpperBound && left.failureProbability === 0 ? anySeed : thisSeed, made);
  return made;
}

/** u in float64, as it is sampled around, and eta: how far that is from the exact f_L(x) at most. */
export function latentCentre(
  left: LeftHalfBound,
  image: Float32Array,
): { readonly evaluation: Evaluation; readonly latent: Float64Array; readonly eta: number } {
  const evaluation = left.evaluate(Float64Array.from(image));
  return { evaluation, latent: evaluation.latent.value, eta: evaluation.latent.error };
}

/** The last cut whose whole left half has a bound: the remedy when a cut further on has none. */
export function lastBoundableCut({ cuts, input, inputDims }: PreparedClassifier): Cut | null {
  const compile = leftHalfCompiler(input, inputDims);
  let last: Cut | null = null;
  for (const cut of cuts.cuts) {
    try {
      compile(cut.value);
      last = cut;
    } catch (error) {
      if (error instanceof ModelRefused) return last;
      throw error;
    }
  }
  return last;
}

/**
 * The left half's bound at a cut that was asked for; a refusal names which cut to use instead.
 * @throws UsageError for a bound that no ball has there: every radius would be 0
 */
export function boundAskedFor(
  classifier: PreparedClassifier,
  cut: Cut,
  lipschitz: DisplacementBound,
): LeftHalfBound {
  let left: LeftHalfBound;
  try {
    left = leftHalfBoundAt(classifier, cut, lipschitz);
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    const last = lastBoundableCut(classifier);
    throw new ModelRefused({
      ...error.report,
      where: `${classifier.model.path}, left of the cut '${cut.name}'`,
      remedy: `Cut earlier: the last boundable cut is ${last === null ? '--split input' : `--split ${last.name}`}.`,
      cause: error,
    });
  }
  const onBallsOnly = left.half.steps.find(
    (step) => step.nonlinearity.lipschitz === Number.POSITIVE_INFINITY,
  );
  if (BALL_BOUNDS.includes(lipschitz) || onBallsOnly === undefined) return left;
  const where = describeNode(onBallsOnly.node);
  throw new UsageError({
    what: `--lipschitz ${lipschitz} certifies nothing at the cut '${cut.name}'`,
    where,
    why: `${where} has no Lipschitz constant on all of space, only bounds on balls around images, and only secant and linear use these`,
    remedy: 'Use --lipschitz linear (the default), or cut before that node.',
  });
}
