/**
 * The part of the network behind a cut, as mathematics: what its scores are at a point in exact arithmetic, and how steep they can be.
 * L of a score needs a constant on all of space: noise reaches everywhere.
 */
import { ModelRefused } from '../../ground/errors.ts';
import { inflate } from '../../ground/rounding-error.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { perLogits, perPair, type SoftMapName, scoresOf } from '../../smoothing/scores/score-map.ts';
import { ownAndOthers } from '../../smoothing/scores/score-statistic.ts';
import { type BoundedNetwork, networkBehind } from '../deterministic/network.ts';

/** Bounds on the score of a class and on the largest other one, at one point. */
export interface ScoreEnclosure {
  /** Lower bound on the score of the class. */
  readonly own: number;
  /** Upper bound on every other score. */
  readonly others: number;
}

export interface ScoredNetwork {
  /** Λ: an upper bound on the Lipschitz constant of every difference of two logits, in the point at the cut. */
  readonly pairLipschitz: number;
  /** In exact arithmetic. @param point float32, at the cut */
  scoresAt(point: Float32Array, scoring: ExactScoring): ScoreEnclosure;
}

export interface ExactScoring {
  readonly map: SoftMapName;
  readonly temperature: number;
  readonly top: number;
}

/** A network that may have no constant: then it says why. */
export type MaybeScored =
  | { readonly network: ScoredNetwork }
  | { readonly network: null; readonly why: string };

const compiled = new WeakMap<PreparedClassifier, Map<string, MaybeScored>>();

/** Compiled once per model and cut, and its norms proved once. */
export function scoredNetworkAt(classifier: PreparedClassifier, cut: Cut): MaybeScored {
  const known = compiled.get(classifier) ?? new Map<string, MaybeScored>();
  compiled.set(classifier, known);
  const made = known.get(cut.value.name) ?? compile(classifier, cut);
  known.set(cut.value.name, made);
  return made;
}

function compile(classifier: PreparedClassifier, cut: Cut): MaybeScored {
  const { model, classes } = classifier;
  if (classes < 2) return { network: null, why: 'a network with one score has nothing to compare' };
  let behind: BoundedNetwork;
  try {
    const part = { model, input: cut.value, inputDims: cut.dims, classes };
    behind = networkBehind(part);
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    const { what, why } = error.report;
    return { network: null, why: why === undefined ? what : `${what} (${why})` };
  }
  const onBallsOnly = behind.whole.steps.find((step) => !Number.isFinite(step.nonlinearity.lipschitz));
  if (onBallsOnly !== undefined)
    return {
      network: null,
      why: `${onBallsOnly.node.opType} has no Lipschitz constant on all of space`,
    };
  return {
    network: {
      pairLipschitz: widest(behind, classes),
      scoresAt: (point, scoring) => enclosed(behind, point, scoring, classes),
    },
  };
}

function widest({ bound, against }: BoundedNetwork, classes: number): number {
  let most = 0;
  for (let j = 0; j < classes; j++) for (const one of bound.lipschitz(against(j))) most = Math.max(most, one);
  return most;
}

/** Rounding of the map itself, generously: a few operations per class. */
const ofMap = (classes: number): number => (classes + 16) * 2 ** -50;

function enclosed(
  network: BoundedNetwork,
  point: Float32Array,
  { map, temperature, top }: ExactScoring,
  classes: number,
): ScoreEnclosure {
  const { value, error } = network.evaluate(point).latent;
  const scores = new Float64Array(classes);
  if (!Number.isFinite(error) || !scoresOf(map, temperature, value, 0, scores)) return { own: 0, others: 1 };
  const [own, others] = ownAndOthers(scores, top);
  const slack = (perLogits(map) * error) / temperature + ofMap(classes);
  return { own: Math.max(0, own - slack), others: Math.min(1, others + slack) };
}

/** L of a score: an upper bound. */
export const scoreLipschitz = (
  pair: number,
  map: SoftMapName,
  temperature: number,
  classes: number,
): number => inflate((pair * perPair(map, classes)) / temperature, 4);
