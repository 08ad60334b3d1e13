/** Which cut `--split` means, and the noise level there. */

import { ModelRefused, UsageError } from '../ground/errors.ts';
import { firstActivationCut } from '../inspection/first-activation.ts';
import { leftHalfCompiler } from '../lipschitz/compile-left-half.ts';
import type { DisplacementBound } from '../lipschitz/displacement-bounds.ts';
import { DEFAULT_DELTA, type LeftHalfBound } from '../lipschitz/input-radius.ts';
import { leftHalfBoundAt, probesOf, type SmoothedClassifier } from '../methods/smoothed-classifier.ts';
import { type Cut, findCut } from '../onnx/cuts.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { describeNode } from '../onnx/model/graph.ts';

/** Input noise that a cut's default noise is matched to when neither flag nor model says a level. */
export const DEFAULT_INPUT_SIGMA = 0.25;

/**
 * Seed of pilots (`--split auto`, `plan`): their choice must come out the same when a run is continued, and no certificate
 * rests on it. A model made for this seed can mislead about which cut is best, at the price of its own radius.
 */
export const PILOT_SEED = 0;

/** `first`, `input`, a name or an index. Throws UsageError or ModelRefused when there is no such cut. */
export function cutFor({ cuts, model }: PreparedClassifier, spec: string): Cut {
  const input = cuts.cuts[0];
  if (spec === 'input' && input !== undefined) return input;
  if (spec !== 'first') return findCut(cuts, spec);
  const first = firstActivationCut(cuts.cuts, model.graph);
  if (first !== null) return first;
  throw new ModelRefused({
    what: 'there is no cut after a first activation',
    where: model.path,
    why: 'the network has no activation behind a weighted layer that every path passes through',
    remedy: `Choose a cut by name: ${cuts.cuts.map((cut) => cut.name).join(', ')}.`,
  });
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
 * The left half's bound at a cut; a refusal says which cut to use instead.
 * @throws UsageError for a bound that no ball has there: every radius would be 0
 */
export function boundAt(
  classifier: PreparedClassifier,
  cut: Cut,
  lipschitz: DisplacementBound,
): LeftHalfBound | null {
  let left: LeftHalfBound | null;
  try {
    left = leftHalfBoundAt(classifier, cut, lipschitz, DEFAULT_DELTA);
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
  const onBallsOnly = left?.half.steps.find(
    (step) => step.nonlinearity.lipschitz === Number.POSITIVE_INFINITY,
  );
  if (lipschitz === 'secant' || onBallsOnly === undefined) return left;
  const where = describeNode(onBallsOnly.node);
  throw new UsageError({
    what: `--lipschitz ${lipschitz} certifies nothing at the cut '${cut.name}'`,
    where,
    why: `${where} has no Lipschitz constant on all of space, only bounds on balls around images, and of all methods only secant looks at these`,
    remedy: 'Use --lipschitz secant (the default), or cut before that node.',
  });
}

/** Upper bound on the Lipschitz constant of the left half on all of space; 1 at the input. */
export function globalLipschitz(left: LeftHalfBound | null, seed: number): number {
  // The images' probes use their own indices; this one-off bound uses the largest index there is.
  return left === null ? 1 : left.globalLipschitz(probesOf(BigInt(seed), 0xffffffff));
}

/** For commands that try several noise levels: false, and told, where one is too little for ONNX Runtime's left half. */
export function hidesDifference(
  smoothed: SmoothedClassifier,
  sigma: number,
  tell: (why: string) => void,
): boolean {
  try {
    smoothed.requireHidden(sigma);
    return true;
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    tell(`'${smoothed.cut.name}' at sigma ${sigma} is left out: ${error.report.what}`);
    return false;
  }
}

/** Two significant digits more than anyone reads, so that a derived noise level prints short and compares equal. */
export const shortened = (value: number): number => Number(value.toPrecision(4));
