/**
 * Which scores, and at which temperature: tried on the last images of the data, which are recorded as held out and never certified, with
 * draws of a fixed seed on which no certificate rests. Once per run and not per image: scores and temperature are part of the
 * classifier that is certified, which must be the same one at an image and at its neighbours.
 *
 * The temperatures tried are those at which L σ, the rise of a score over the length of the noise, is a power of two from 1/8 to 32.
 * Much below that range scores are flat; much above, the Lipschitz constant gives nothing that votes do not.
 */
import { readableImages } from '../../datasets/readable-images.ts';
import { UsageError } from '../../ground/errors.ts';
import type { ScoreMapName } from '../../ground/score-map-names.ts';
import type { Cut } from '../../onnx/cuts.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { fineGridOf } from '../../smoothing/noise/rounded-noise.ts';
import { perPair, type SoftMapName } from '../../smoothing/scores/score-map.ts';
import type { Context } from '../context.ts';
import type { Image, Subject } from '../method.ts';
import { openRightHalf } from '../smoothing/right-half.ts';
import { latentCentre, PILOT_SEED } from '../splitz/left-half.ts';
import { openBound } from '../splitz/proofs/open-bound.ts';
import { shares } from './certificate.ts';
import { chosenFor } from './choice.ts';
import { deviationOf, rowsOf } from './comparison.ts';
import { noiseLosses, selectionFrom } from './noisy-scores.ts';
import type { LipschitzSettings } from './schema.ts';
import { scoredNetworkAt, scoreLipschitz } from './scored-network.ts';

const HELD_OUT = 8;
const DRAWS = 200;
const STEEPNESS = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32];

export interface PilotRequest
  extends Pick<LipschitzSettings, 'sigma' | 'n' | 'alpha' | 'compared' | 'lipschitz' | 'split'> {
  /** Null where any may be chosen. */
  readonly scores: SoftMapName | null;
  readonly temperature: number | null;
}

export interface ScorePilot {
  readonly scores: ScoreMapName;
  readonly temperature: number | null;
  readonly heldOut: readonly number[];
  /** What was found, in words. */
  readonly notes: readonly string[];
}

/** Scores at a temperature, and L of them. */
interface Candidate {
  readonly scores: ScoreMapName;
  readonly temperature: number | null;
  readonly lipschitz: number | null;
}

/** Logits of an image's pilot draws. */
interface Drawn {
  readonly latent: Float64Array;
  readonly label: number | null;
  readonly logits: readonly Float32Array[];
}

/** @throws UsageError without images to spare; ModelRefused where scores were asked for that have no constant */
export async function pilotScores(
  subject: Subject,
  cut: Cut,
  request: PilotRequest,
  context: Context,
): Promise<ScorePilot> {
  const { classifier } = subject;
  const scored = scoredNetworkAt(classifier, cut);
  if (scored.network === null && request.scores === null)
    return {
      ...VOTES,
      heldOut: [],
      notes: [`votes: nothing is gained over plain smoothing, as ${scored.why}`],
    };
  const pair = scored.network?.pairLipschitz ?? Number.POSITIVE_INFINITY;
  const candidates = candidatesFor(pair, request, classifier.classes);
  const { heldOut, drawn } = await pilotDraws(subject, cut, request, context);
  const tried = candidates.map((candidate) => ({
    candidate,
    radius: averageRadius(candidate, drawn, request, classifier.classes),
  }));
  const best = tried.reduce((a, b) => (b.radius > a.radius ? b : a));
  const votes = tried.find(({ candidate }) => candidate.scores === 'votes');
  return { ...best.candidate, heldOut, notes: [inWords(best, votes?.radius ?? null, pair, request.sigma)] };
}

const VOTES = { scores: 'votes', temperature: null, lipschitz: null } as const;

function candidatesFor(
  pair: number,
  { sigma, scores, temperature }: PilotRequest,
  classes: number,
): readonly Candidate[] {
  const maps: readonly SoftMapName[] = scores === null ? ['softmax', 'sparsemax'] : [scores];
  // Where nothing is known of the network a temperature could be anything; opening it says why it has no scores.
  const finite = Number.isFinite(pair) && pair > 0;
  const soft = maps.flatMap((map) => {
    const temperatures =
      temperature !== null
        ? [temperature]
        : finite
          ? STEEPNESS.map((k) => Number(((pair * perPair(map, classes) * sigma) / k).toPrecision(4)))
          : [1];
    return temperatures.map((T) => ({
      ...{ scores: map, temperature: T },
      lipschitz: scoreLipschitz(pair, map, T, classes),
    }));
  });
  return scores === null && temperature === null ? [VOTES, ...soft] : soft;
}

async function pilotDraws(
  subject: Subject,
  cut: Cut,
  { sigma, split, lipschitz }: PilotRequest,
  context: Context,
): Promise<{ readonly heldOut: readonly number[]; readonly drawn: readonly Drawn[] }> {
  const { resources, signal } = context;
  const { classifier, data } = subject;
  if (data.length <= HELD_OUT)
    throw new UsageError({
      what: `scores and temperature need more than ${HELD_OUT} images to be chosen on`,
      why: `they are chosen on ${HELD_OUT} images that are not certified afterwards; the data set has ${data.length}`,
      remedy: 'Name both with --scores and --temperature, or write --scores votes.',
    });
  const heldOut = Array.from({ length: HELD_OUT }, (_, k) => data.length - HELD_OUT + k);
  const images = await readableImages(data, heldOut);
  const left =
    cut.index === 0 ? null : (await openBound(classifier, split, lipschitz, PILOT_SEED, context)).left;
  const latentOf = ({ pixels }: Image): Float64Array =>
    left === null ? Float64Array.from(pixels) : latentCentre(left, pixels).latent;
  const { sampler } = await openRightHalf(
    classifier,
    cut,
    resources,
    images.slice(0, 2).map(({ pixels }) => pixels),
  );
  try {
    const drawn: Drawn[] = [];
    for (const image of images) {
      const latent = latentOf(image);
      const draws = {
        ...{ latent, sigma, grid: fineGridOf(sigma), seed: PILOT_SEED, stage: Stage.selection },
        ...{ image: image.index, from: 0, to: DRAWS },
      };
      const logits: Float32Array[] = [];
      for await (const part of rowsOf(sampler, draws, signal)) logits.push(part.logits);
      drawn.push({ latent, label: data.labels?.[image.index] ?? null, logits });
    }
    return { heldOut, drawn };
  } finally {
    await sampler.close();
  }
}

/** Expected radius where the noise is added, 0 where the class is not the label. */
function averageRadius(
  { scores, temperature, lipschitz }: Candidate,
  drawn: readonly Drawn[],
  { sigma, n, alpha, compared }: PilotRequest,
  classes: number,
): number {
  const deviation =
    scores === 'votes' ? 0 : deviationOf(0, compared, shares(scores, 'one', alpha).comparison);
  const radii = drawn.map(({ latent, label, logits }) => {
    const selected = selectionFrom(logits, classes, { scores, temperature });
    if (selected === null || (label !== null && label !== selected.top)) return 0;
    const losses = { ...noiseLosses(latent, sigma, lipschitz), deviation };
    return Math.max(0, chosenFor(selected.sums, { n, alpha, sigma, scores }, lipschitz, losses).radius);
  });
  return radii.reduce((sum, r) => sum + r, 0) / Math.max(1, radii.length);
}

function inWords(
  { candidate, radius }: { readonly candidate: Candidate; readonly radius: number },
  votes: number | null,
  pair: number,
  sigma: number,
): string {
  const { scores, temperature, lipschitz } = candidate;
  if (scores === 'votes')
    return `votes: nothing is gained over plain smoothing, as differences of logits may be ${pair.toPrecision(3)}-Lipschitz: scores flat enough for that to help do not tell the classes apart under this noise`;
  const steep = ((lipschitz ?? Number.POSITIVE_INFINITY) * sigma).toPrecision(2);
  return `${scores} at temperature ${temperature} (L σ = ${steep}): average radius ${radius.toFixed(4)} on held-out images${votes === null ? '' : `, ${votes.toFixed(4)} by votes`}`;
}
