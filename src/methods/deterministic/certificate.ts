/**
 * The Lipschitz margin (docs/certificates.md, section 8): with y = W h + c, class j is answered at every x' for which, for
 * every other class i,
 *
 *   ||w_j - w_i|| (D(r) + eta') <= y_j - y_i - sqrt(2) eta,
 *
 * where D(r) bounds how far the features h move while the image moves by r, eta' bounds their rounding error there, and eta
 * bounds the rounding error of the scores at the image. No draw is made; only a norm that is proved with probability 1 - delta
 * can fail.
 */
import type { Evaluation } from '../../lipschitz/evaluate-left-half.ts';
import type { GaussianSource } from '../../lipschitz/spectral-norm.ts';
import type { BoundedNetwork } from './network.ts';
import type { DeterministicEvidence } from './schema.ts';

/** An upper bound on sqrt(2): two entries of a vector of norm eta differ from theirs by at most this times eta together. */
const ROOT_TWO = Math.SQRT2 * (1 + 2 ** -50);
/** Two roundings of a difference, one of a product, one of a quotient. */
const DOWN = 1 - 2 ** -49;

/** The class with the largest score; null for a tie within rounding, or scores without an error bound. */
export function answered(scores: readonly number[], error: number): number | null {
  const [first, second] = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  if (first === undefined || second === undefined || !Number.isFinite(error)) return null;
  return usableMargin(scores, error, first, second) > 0 ? first : null;
}

/** y_j - y_i less its rounding error, a lower bound. */
export const usableMargin = (scores: readonly number[], error: number, j: number, i: number): number => {
  const margin = (scores[j] ?? Number.NaN) - (scores[i] ?? Number.NaN) - ROOT_TWO * error;
  return margin > 0 ? margin * DOWN : margin;
};

/** How far the features may move at most: the least margin over the norm of its row difference; Infinity without another class. */
export function allowedMovement(
  scores: readonly number[],
  error: number,
  j: number,
  norms: readonly number[],
): number {
  let least = Number.POSITIVE_INFINITY;
  for (const [i, norm] of norms.entries()) {
    if (i === j) continue;
    const margin = usableMargin(scores, error, j, i);
    // Rows that are equal keep their margin wherever the features go.
    least = Math.min(least, norm === 0 && margin > 0 ? Number.POSITIVE_INFINITY : (margin / norm) * DOWN);
  }
  return least;
}

/** The largest movement considered: the answer of some networks does not change however far the features move. */
const FAR = 1e6;

export function marginCertificate(
  network: BoundedNetwork,
  image: Float32Array,
  gaussian: GaussianSource,
): { readonly prediction: number | null; readonly radius: number; readonly evidence: DeterministicEvidence } {
  const evaluation = network.evaluate(image);
  const { value, error } = evaluation.latent;
  const scores = [...value];
  const finite = scores.every(Number.isFinite);
  const prediction = finite ? answered(scores, error) : null;
  const stated = { scores: finite ? scores : [], scoreError: Number.isFinite(error) ? error : null };
  if (prediction === null)
    return { prediction, radius: 0, evidence: { ...stated, norms: [], displacement: null, rounding: null } };
  const norms = network.normsAgainst(prediction);
  const allowed = Math.min(FAR, allowedMovement(scores, error, prediction, norms));
  const { radius, displacement, forwardError } = network.features.inputRadius(
    upToFeatures(network, evaluation),
    allowed,
    gaussian,
  );
  return {
    ...{ prediction, radius },
    evidence: { ...stated, norms: [...norms], displacement, rounding: radius === 0 ? null : forwardError },
  };
}

/** The evaluation of the features' half: its steps are the network's first ones, and its output is the last base. */
export function upToFeatures({ features, whole }: BoundedNetwork, { inputs, bases }: Evaluation): Evaluation {
  const steps = features.half.steps.length;
  const last = bases[whole.output.terms[0]?.base ?? 0];
  if (last === undefined) throw new Error('the last layer has a base');
  return { latent: last, inputs: inputs.slice(0, steps), bases: bases.slice(0, steps + 1) };
}
