/** Checks margins against model and data: scores and norms afresh, points of the ball, and D(radius) proved again. */
import { shuffled } from '../../ground/shuffled.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { gaussianProbe } from '../../smoothing/noise/probe.ts';
import { worthOf } from '../../statistics/sample-worth.ts';
import type { Claim, Confirmation, Method } from '../method.ts';
import { allowedMovement, upToFeatures } from './certificate.ts';
import { type BoundedNetwork, boundedNetwork } from './network.ts';
import type { DeterministicEvidence, DeterministicFacts, DeterministicSettings } from './schema.ts';

/** Seconds spent when the number of records is not given. */
const SECONDS = 60;
/** Two evaluations of a score differ by less, relative to the largest. */
const SAME = 1e-9;
const DIRECTIONS = 4;

export const confirmMargins: Method<
  DeterministicSettings,
  DeterministicEvidence,
  DeterministicFacts
>['confirm'] = async (claims, { settings, guarantee }, { classifier, data }, { bounds, seed }) => {
  const network = boundedNetwork(classifier, settings.lipschitz.value);
  const certified = claims.filter(({ certificate }) => certificate.radius > 0);
  const until = performance.now() + 1000 * SECONDS;
  let sample = 0;
  for (const claim of shuffled(certified, seed, ({ index }) => index)) {
    if (bounds === null ? performance.now() > until : sample >= bounds) break;
    const why = fault(network, await data.image(claim.index), claim, seed, guarantee === 'certificate');
    if (why !== null) return { fault: { claim, why }, checked: [], unchecked: [] };
    sample++;
  }
  return described(sample, certified.length, seed, guarantee === 'certificate');
};

function described(sample: number, certified: number, seed: number, proved: boolean): Confirmation {
  const rest = certified - sample;
  return {
    fault: null,
    checked:
      sample === 0
        ? []
        : [
            `scores, norms${proved ? ' and D(radius)' : ''} of ${sample === certified ? `all ${certified}` : `${sample} of the ${certified}`} margins with a radius${sample === certified ? '' : `, drawn by the seed ${seed}`}, and that no point tried in their balls has another answer`,
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

/** What is wrong with a margin, or null. */
function fault(
  network: BoundedNetwork,
  image: Float32Array,
  { index, certificate }: Claim,
  seed: number,
  proved: boolean,
): string | null {
  const { scores, norms, displacement } = certificate.evidence as DeterministicEvidence;
  const { prediction, radius } = certificate;
  if (prediction === null) return null;
  const evaluation = network.evaluate(image);
  const { value, error } = evaluation.latent;
  const scale = value.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  const other = value.findIndex((v, i) => !(Math.abs(v - (scores[i] ?? Number.NaN)) <= SAME * scale));
  if (other >= 0)
    return `score ${other} is ${scores[other]}, but evaluating the network again gives ${value[other]}`;
  const again = network.normsAgainst(prediction);
  const low = again.findIndex((norm, i) => !(Math.abs(norm - (norms[i] ?? Number.NaN)) <= SAME * norm));
  if (low >= 0) return `norm ${low} is ${norms[low]}, but the model's rows give ${again[low]}`;
  let sample = 0;
  const probes = (size: number): Float64Array =>
    gaussianProbe(size, { seed: BigInt(seed), stage: Stage.verification, image: index, sample: sample++ });
  for (let k = 0; k < DIRECTIONS; k++) {
    const direction = probes(image.length);
    const length = Math.hypot(...direction);
    const point = image.map((pixel, i) => pixel + (0.999 * radius * (direction[i] ?? 0)) / length);
    const there = network.evaluate(point).latent.value;
    const most = there.indexOf(Math.max(...there));
    if (most !== prediction) return `class ${most} has the largest score at a point within the radius`;
  }
  if (!proved) return null;
  const moved = network.features.displacementAt(upToFeatures(network, evaluation), radius, probes);
  const allowed = allowedMovement([...value], error, prediction, again);
  // Another draw of a probabilistic norm may come out larger than the one that the radius was fitted to.
  const slack = network.features.failureProbability === 0 ? 1 + 1e-9 : 1.01;
  return moved <= allowed * slack
    ? null
    : `D(${radius}) comes to ${moved}, above ${allowed}, which the margins allow; the file says ${displacement}`;
}
