/** Checks margins against model and data: scores afresh, points of the ball, and the movements inside the radius proved again. */
import { shuffled } from '../../ground/shuffled.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { gaussianProbe } from '../../smoothing/noise/probe.ts';
import { worthOf } from '../../statistics/sample-worth.ts';
import type { Claim, Confirmation, Method } from '../method.ts';
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
  const certified = claims.filter(({ certificate }) => certificate.radius > 0);
  const until = performance.now() + 1000 * SECONDS;
  let sample = 0;
  for (const claim of shuffled(certified, seed, ({ index }) => index)) {
    if (bounds === null ? performance.now() > until : sample >= bounds) break;
    const image = await data.image(claim.index);
    const why =
      scoreFault(network, image, claim, seed) ?? (proved ? movementFault(network, image, claim) : null);
    if (why !== null) return { fault: { claim, why }, checked: [], unchecked: [] };
    sample++;
  }
  return described(sample, certified.length, seed, proved);
};

function described(sample: number, certified: number, seed: number, proved: boolean): Confirmation {
  const rest = certified - sample;
  return {
    fault: null,
    checked:
      sample === 0
        ? []
        : [
            `scores${proved ? ' and movements' : ''} of ${sample === certified ? `all ${certified}` : `${sample} of the ${certified}`} margins with a radius${sample === certified ? '' : `, drawn by the seed ${seed}`}, and that no point tried in their balls has another answer`,
          ],
    unchecked: [
      ...(rest === 0
        ? []
        : [
            `${rest} margins with a radius: --bounds N checks N of them${sample === 0 ? '' : `; ${worthOf(certified, sample)}`}`,
          ]),
      ...(proved ? [] : ['the radii: they rest on an estimate, which proves nothing']),
    ],
  };
}

/** What is wrong with the scores of a margin, at the image and at points of the ball, or null. */
function scoreFault(
  network: BoundedNetwork,
  image: Float32Array,
  { index, certificate }: Claim,
  seed: number,
): string | null {
  const { scores, scoreError } = certificate.evidence as DeterministicEvidence;
  const { prediction, radius } = certificate;
  const { value } = network.evaluate(image).latent;
  const scale = value.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  const tolerance = SAME * scale + (scoreError ?? 0);
  const other = value.findIndex((v, i) => !(Math.abs(v - (scores[i] ?? Number.NaN)) <= tolerance));
  if (other >= 0)
    return `score ${other} is ${scores[other]}, but evaluating the network again gives ${value[other]}`;
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

/** The first movement that is larger than stated when it is proved again, or null. */
function movementFault(network: BoundedNetwork, image: Float32Array, { certificate }: Claim): string | null {
  const { prediction, radius } = certificate;
  const { moved } = certificate.evidence as DeterministicEvidence;
  const again = network.bound.moved(network.evaluate(image), network.against(prediction ?? 0), radius);
  const low = again.findIndex((movement, i) => !(movement <= (moved[i] ?? Number.NaN) * (1 + SAME)));
  return low < 0
    ? null
    : `M_${low}(${radius}) is ${moved[low]} in the file, but proving it again gives ${again[low]}`;
}
