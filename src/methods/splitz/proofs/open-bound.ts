/** The left half of a run with its proofs where they do not hold up the main thread. */
import type { DisplacementBound } from '../../../lipschitz/displacement-bounds.ts';
import type { LeftHalfBound } from '../../../lipschitz/input-radius.ts';
import { type Cut, findCut } from '../../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../../onnx/intake/prepare-classifier.ts';
import type { Context } from '../../context.ts';
import { boundAskedFor, type RunBound } from '../left-half.ts';
import { announceSlow, type Prover, proverOf } from './prover.ts';

export interface OpenedBound extends RunBound {
  readonly prover: Prover;
}

const ofRuns = new WeakMap<PreparedClassifier, Map<string, OpenedBound>>();

/**
 * As `runBound`, and made once likewise. Tells when its bounds will be slow.
 * @throws also the signal's reason when aborted
 */
export async function openBound(
  classifier: PreparedClassifier,
  split: string,
  lipschitz: DisplacementBound,
  seed: bigint,
  context: Context,
): Promise<OpenedBound> {
  const known = ofRuns.get(classifier) ?? new Map<string, OpenedBound>();
  ofRuns.set(classifier, known);
  const anySeed = JSON.stringify([split, lipschitz]);
  const thisSeed = JSON.stringify([split, lipschitz, String(seed)]);
  const found = known.get(anySeed) ?? known.get(thisSeed);
  if (found !== undefined) return found;
  const cut = findCut(classifier.cuts, split);
  const left = boundAskedFor(classifier, cut, lipschitz);
  const made = await provenEverywhere(left, classifier, cut, seed, context);
  // Norms that are proved without probes are the same for every seed.
  known.set(left.isUpperBound && left.failureProbability === 0 ? anySeed : thisSeed, made);
  return made;
}

/** A left half with the norms that its images share, proved with probes of the seed. */
export async function provenEverywhere(
  left: LeftHalfBound,
  classifier: PreparedClassifier,
  cut: Cut,
  seed: bigint,
  context: Context,
): Promise<OpenedBound> {
  announceSlow(left, cut, context);
  const prover = proverOf(left, classifier, cut);
  return { cut, left, prover, globalBound: await prover.globalLipschitz([seed], context) };
}
