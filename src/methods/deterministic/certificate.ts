/**
 * The Lipschitz margin (docs/certificates.md, section 8): class j keeps the largest score at every x' within r as soon as, for
 * every other class i,
 *
 *   M_i(r) + sqrt(2) eta' <= y_j - y_i - sqrt(2) eta,
 *
 * where M_i(r) bounds how far y_j - y_i moves while the image moves by r, eta bounds the rounding error of the scores at the
 * image in l2, and eta' that of scores computed anywhere within r. What ONNX Runtime's scores at the image differ by, in l2, is added to
 * eta: where it answers another class than the network in exact arithmetic there is no certificate. No draw is made, and nothing is proved with a probability.
 */
import { inflate } from '../../ground/rounding-error.ts';
import type { Evaluation } from '../../lipschitz/evaluate-left-half.ts';
import type { BoundedNetwork } from './network.ts';
import type { DeterministicEvidence } from './schema.ts';

export interface Margin {
  readonly prediction: number | null;
  readonly radius: number;
  readonly evidence: DeterministicEvidence;
}

/** An upper bound on sqrt(2): two entries of a vector of norm eta differ from theirs by at most this times eta together. */
export const ROOT_TWO = Math.SQRT2 * (1 + 2 ** -50);
/** Two roundings of a difference, one of a product, one of a quotient. */
const DOWN = 1 - 2 ** -49;

/** The class with the largest score; null for a tie within rounding, or scores without an error bound. */
export function answered(scores: readonly number[], error: number): number | null {
  let first = 0;
  for (const [k, score] of scores.entries()) if (score > (scores[first] ?? 0)) first = k;
  const unsure = scores.some((_, k) => k !== first && !(usableLead(scores, error, first, k) > 0));
  return Number.isFinite(error) && scores.length > 1 && !unsure ? first : null;
}

/** y_j - y_i less its rounding error, a lower bound. */
export const usableLead = (scores: readonly number[], error: number, j: number, i: number): number => {
  const lead = (scores[j] ?? Number.NaN) - (scores[i] ?? Number.NaN) - ROOT_TWO * error;
  return lead > 0 ? lead * DOWN : lead;
};

/** How far j leads every class; Infinity over itself. */
export const leadsOf = (scores: readonly number[], error: number, j: number): number[] =>
  scores.map((_, i) => (i === j ? Number.POSITIVE_INFINITY : usableLead(scores, error, j, i)));

/** What is stated where no ball is certified. */
const withoutBall = (prediction: number | null, scores: readonly number[], error: number): Margin => {
  const finite = scores.every(Number.isFinite);
  const stated = { scores: finite ? [...scores] : [], scoreError: Number.isFinite(error) ? error : null };
  return { prediction, radius: 0, evidence: { ...stated, moved: [], rounding: null } };
};

const withBall = (
  prediction: number,
  radius: number,
  [scores, scoreError]: readonly [readonly number[], number],
  moved: readonly number[],
  rounding: number,
): Margin => ({
  prediction,
  radius,
  evidence: { scores: [...scores], scoreError, moved: [...moved], rounding },
});

/**
 * By a bound on balls around the image, and our own evaluation there in float64.
 * @param deviation how far the deployed network's scores at the image are from ours, in l2
 */
export function marginCertificate(network: BoundedNetwork, evaluation: Evaluation, deviation = 0): Margin {
  const scores = [...evaluation.latent.value];
  const error = deviation === 0 ? evaluation.latent.error : inflate(evaluation.latent.error + deviation, 2);
  const prediction = scores.every(Number.isFinite) ? answered(scores, error) : null;
  if (prediction === null) return withoutBall(null, scores, error);
  const leads = leadsOf(scores, error, prediction);
  const { radius, moved, forwardError } = network.bound.radius(
    evaluation,
    network.against(prediction),
    leads,
    ROOT_TWO,
  );
  if (radius === 0) return withoutBall(prediction, scores, error);
  return withBall(prediction, radius, [scores, error], [...moved], forwardError);
}
