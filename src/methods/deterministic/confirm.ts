/**
 * Checks margins against model and data: the scores and the bound on their rounding afresh, points of the ball, and the margin itself
 * proved again, from none of the numbers of the file but its radius.
 */
import { inflate } from '../../ground/rounding-error.ts';
import { shuffled } from '../../ground/shuffled.ts';
import type { Evaluation } from '../../lipschitz/evaluate-left-half.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { gaussianProbe } from '../../smoothing/noise/probe.ts';
import { worthOf } from '../../statistics/sample-worth.ts';
import type { Claim, Confirmation, Method } from '../method.ts';
import { leadsOf, ROOT_TWO } from './certificate.ts';
import { type BoundedNetwork, boundedNetwork } from './network.ts';
import type { DeterministicEvidence, DeterministicFacts, DeterministicSettings } from './schema.ts';

/** Seconds spent when the number of records is not given. */
const SECONDS = 60;
/** Two evaluations of a score in float64 differ by less, relative to the largest. */
const SAME = 1e-9;
const DIRECTIONS = 4;

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
  for (const claim of shuffled(answered, seed, ({ index }) => index)) {
    if (bounds === null ? performance.now() > until : sample >= bounds) break;
    const image = await data.image(claim.index);
    const evaluation = network.evaluate(image);
    const why =
      scoreFault(network, image, evaluation, claim, seed) ??
      (proved ? marginFault(network, evaluation, claim) : null);
    if (why !== null) return { fault: { claim, why }, checked: [], unchecked: [] };
    sample++;
  }
  return described(sample, answered.length, seed, proved);
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

/** What is wrong with the scores of a margin, at the image and at points of the ball, or null. */
function scoreFault(
  network: BoundedNetwork,
  image: Float32Array,
  { latent: { value, error } }: Evaluation,
  { index, certificate }: Claim,
  seed: number,
): string | null {
  const { scores, scoreError } = certificate.evidence as DeterministicEvidence;
  const { prediction, radius } = certificate;
  // Two evaluations of float64: each is within its own bound of the exact scores.
  const other = value.findIndex((v, i) => !(Math.abs(v - (scores[i] ?? Number.NaN)) <= 2 * error));
  if (other >= 0)
    return `score ${other} is ${scores[other]}, but evaluating the network again gives ${value[other]}`;
  if (!((scoreError ?? 0) >= error * (1 - SAME)))
    return `scoreError is ${scoreError}, but evaluating the network again gives ${error}`;
  for (let sample = 0; sample < DIRECTIONS; sample++) {
    const place = { seed: BigInt(seed), stage: Stage.verification, image: index, sample };
    const direction = gaussianProbe(image.length, place);
    const length = Math.hypot(...direction);
    const point = image.map((pixel, i) => pixel + (0.999 * radius * (direction[i] ?? 0)) / length);
    const there = network.evaluate(point).latent.value;
    const most = there.indexOf(Math.max(...there));
    if (most !== prediction) return `class ${most} has the largest score at a point within the radius`;
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
    if (!(movable <= lead * (1 + SAME)))
      return `class ${i} is ${lead} behind, but proving its movement within ${radius} again gives ${movable}`;
  }
  return null;
}
