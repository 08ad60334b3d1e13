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

/** A bound whose proof for all of space is under way. */
export interface BegunBound extends Omit<OpenedBound, 'globalBound'> {
  /** Upper bound on the Lipschitz constant on all of space; infinite where there is none. Rejects also with the signal's reason. */
  readonly globalBound: Promise<number>;
}

const ofRuns = new WeakMap<PreparedClassifier, Map<string, BegunBound>>();

/**
 * As `runBound`, and made once likewise, except that the norms which its images share are proved while the caller goes on, where
 * that takes a thread. Tells when its bounds will be slow.
 */
export function beginBound(
  classifier: PreparedClassifier,
  split: string,
  lipschitz: DisplacementBound,
  seed: bigint,
  context: Context,
): BegunBound {
  const known = ofRuns.get(classifier) ?? new Map<string, BegunBound>();
  ofRuns.set(classifier, known);
  const anySeed = JSON.stringify([split, lipschitz]);
  const thisSeed = JSON.stringify([split, lipschitz, String(seed)]);
  const found = known.get(anySeed) ?? known.get(thisSeed);
  if (found !== undefined) return found;
  const cut = findCut(classifier.cuts, split);
  const left = boundAskedFor(classifier, cut, lipschitz);
  const begun = begunEverywhere(left, classifier, cut, seed, context);
  // Norms that are proved without probes are the same for every seed.
  const key = left.isUpperBound && left.failureProbability === 0 ? anySeed : thisSeed;
  known.set(key, begun);
  // Whoever waits hears of a failure; whoever asks later has it tried again.
  begun.globalBound.catch(() => known.delete(key));
  return begun;
}

/** The same, proved. @throws also the signal's reason when aborted */
export const openBound = async (...asked: Parameters<typeof beginBound>): Promise<OpenedBound> =>
  proven(beginBound(...asked));

/** A left half with the norms that its images share, proved with probes of the seed. */
export const provenEverywhere = async (...asked: Parameters<typeof begunEverywhere>): Promise<OpenedBound> =>
  proven(begunEverywhere(...asked));

const proven = async ({ globalBound, ...begun }: BegunBound): Promise<OpenedBound> => ({
  ...begun,
  globalBound: await globalBound,
});

function begunEverywhere(
  left: LeftHalfBound,
  classifier: PreparedClassifier,
  cut: Cut,
  seed: bigint,
  context: Context,
): BegunBound {
  announceSlow(left, cut, context);
  const prover = proverOf(left, classifier, cut);
  return { cut, left, prover, globalBound: prover.globalLipschitz([seed], context) };
}
