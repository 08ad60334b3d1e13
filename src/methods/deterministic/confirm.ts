/**
 * Checks margins against model and data: the scores and the bound on their rounding afresh, points of the ball, and the margin itself
 * proved again, from none of the numbers of the file but its radius.
 */
import { inflate } from '../../ground/rounding-error.ts';
import { shuffled } from '../../ground/shuffled.ts';
import type { Evaluation } from '../../lipschitz/evaluate-left-half.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../../onnx/model/codec.ts';
import { type Session, withSession } from '../../onnx/runtime/session.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { gaussianProbe } from '../../smoothing/noise/probe.ts';
import { worthOf } from '../../statistics/sample-worth.ts';
import type { Claim, Confirmation, Method } from '../method.ts';
import { leadsOf, ROOT_TWO } from './certificate.ts';
import { deviation } from './deployed.ts';
import { type BoundedNetwork, boundedNetwork } from './network.ts';
import type { DeterministicEvidence, DeterministicFacts, DeterministicSettings } from './schema.ts';

/** Seconds spent when the number of records is not given. */
const SECONDS = 60;
/** Two evaluations of a score in float64 differ by less, relative to the largest. */
const SAME = 1e-9;
const DIRECTIONS = 4;
/** Of the radius. */
const INSIDE = 0.999;

export const confirmMargins: Method<
  DeterministicSettings,
  DeterministicEvidence,
  DeterministicFacts
>['confirm'] = async (claims, { settings, guarantee }, { classifier, data }, { bounds, seed }) => {
  const network = boundedNetwork(classifier, settings.lipschitz.value);
  const proved = guarantee === 'certificate';
  const answered = claims.filter(({ certificate }) => certificate.prediction !== null);
  const until = performance.now() + 1000 * SECONDS;
  let sample = 0;
  return withSession(encodeModel(classifier.model.proto), classifier.model.path, async (session) => {
    for (const claim of shuffled(answered, seed, ({ index }) => index)) {
      if (bounds === null ? performance.now() > until : sample >= bounds) break;
      const image = await data.image(claim.index);
      const evaluation = network.evaluate(image);
      const why =
        scoreFault(evaluation, claim) ??
        (await pointFault(network, session, classifier, image, claim, seed)) ??
        (proved ? marginFault(network, evaluation, claim) : null);
      if (why !== null) return { fault: { claim, why }, checked: [], unchecked: [] };
      sample++;
    }
    return described(sample, answered.length, seed, proved);
  });
};

function described(sample: number, answered: number, seed: number, proved: boolean): Confirmation {
  const rest = answered - sample;
  const which =
    sample === answered
      ? `all ${answered} margins`
      : `${sample} of the ${answered} margins, drawn by the seed ${seed}`;
  return {
    fault: null,
    checked:
      sample === 0
        ? []
        : [
            `scores${proved ? ' and movements' : ''} of ${which}, and that no point tried in their balls has another answer`,
          ],
    unchecked: [
      ...(rest === 0
        ? []
        : [
            `${rest} margins: --bounds N checks N of them${sample === 0 ? '' : `; ${worthOf(answered, sample)}`}`,
          ]),
      ...(proved ? [] : ['the radii: they rest on an estimate, which proves nothing']),
    ],
  };
}

/** What is wrong with the scores of a margin, or null. */
function scoreFault({ latent: { value, error } }: Evaluation, { certificate }: Claim): string | null {
  const { scores, scoreError } = certificate.evidence as DeterministicEvidence;
  // Two evaluations of float64: each is within its own bound of the exact scores.
  const other = value.findIndex((v, i) => !(Math.abs(v - (scores[i] ?? Number.NaN)) <= 2 * error));
  if (other >= 0)
    return `score ${other} is ${scores[other]}, but evaluating the network again gives ${value[other]}`;
  if (!((scoreError ?? 0) >= error * (1 - SAME)))
    return `scoreError is ${scoreError}, but evaluating the network again gives ${error}`;
  return null;
}

function norm(vector: Iterable<number>): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

/** A point within the radius that answers otherwise, in our evaluation or where ONNX Runtime makes something else of it; or null. */
async function pointFault(
  network: BoundedNetwork,
  session: Session,
  classifier: PreparedClassifier,
  image: Float32Array,
  { index, certificate: { prediction, radius } }: Claim,
  seed: number,
): Promise<string | null> {
  const answerAt = (point: Float32Array): number => {
    const scores = network.evaluate(point).latent.value;
    return scores.indexOf(Math.max(...scores));
  };
  const directions = Array.from({ length: DIRECTIONS }, (_, sample) =>
    gaussianProbe(image.length, { seed: BigInt(seed), stage: Stage.verification, image: index, sample }),
  );
  const far = directions.map((direction) => {
    const length = norm(direction);
    return image.map((pixel, i) => pixel + (INSIDE * radius * (direction[i] ?? 0)) / length);
  });
  // Float32 is worth comparing where pixels are.
  const pixels = [...far, image.map(() => 0), image.map(() => 1)]
    .map((point) => point.map((value) => Math.min(Math.max(value, 0), 1)))
    .filter((point) => norm(point.map((value, i) => value - (image[i] ?? 0))) <= INSIDE * radius);
  for (const point of [...far, ...pixels]) {
    const most = answerAt(point);
    if (most !== prediction) return `class ${most} has the largest score at a point within the radius`;
  }
  for (const point of [image, ...pixels]) {
    const why = await deviation(session, network.evaluate(point), point, classifier);
    if (typeof why === 'string')
      return `ONNX Runtime computes something else at ${point === image ? 'the image' : 'a point within the radius'}: ${why}`;
  }
  return null;
}

/** What is wrong with a margin when it is proved again, or null. */
function marginFault(network: BoundedNetwork, evaluation: Evaluation, { certificate }: Claim): string | null {
  const { radius } = certificate;
  const prediction = certificate.prediction ?? 0;
  const { moved } = certificate.evidence as DeterministicEvidence;
  const leads = leadsOf([...evaluation.latent.value], evaluation.latent.error, prediction);
  const nearest = Math.min(...leads);
  if (!(nearest > 0))
    return `class ${prediction} does not have the largest score: another is ${-nearest} ahead`;
  if (radius === 0) return null;
  const again = network.bound.movedOn(evaluation, network.against(prediction), radius);
  for (const [i, lead] of leads.entries()) {
    if (i === prediction) continue;
    const movement = again.moved[i] ?? Number.NaN;
    if (!(movement <= (moved[i] ?? Number.NaN) * (1 + SAME)))
      return `M_${i}(${radius}) is ${moved[i]} in the file, but proving it again gives ${movement}`;
    const movable = inflate(movement + ROOT_TWO * again.forwardError, 4);
    if (!(movable <= lead))
      return `class ${i} is ${lead} behind, but proving its movement within ${radius} again gives ${movable}`;
  }
  return null;
}
