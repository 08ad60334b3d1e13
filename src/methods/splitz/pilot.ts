/**
 * Pilot certificates at a few cuts and noise levels, for `--split auto` and `plan`. Levels are those at the input; at a cut the
 * noise is multiplied by the left half's Lipschitz bound, so that cuts of one column compete on what they lose, not on how much
 * noise they get. All points are judged on the same images, which are never certified afterwards: the choice cannot flatter.
 */
import { ModelRefused, UsageError } from '../../ground/errors.ts';
import type { VoteBoundName } from '../../ground/vote-bound-names.ts';
import type { DisplacementBound } from '../../lipschitz/displacement-bounds.ts';
import { firstActivationCut, isActivation } from '../../lipschitz/first-activation.ts';
import type { LeftHalfBound } from '../../lipschitz/input-radius.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import { drawGroup } from '../../smoothing/draw-group.ts';
import { seriesStages } from '../../smoothing/noise/philox.ts';
import { selectedClass } from '../../smoothing/votes/vote-counts.ts';
import { expectedRadius, type PilotVotes } from '../../statistics/expected-radius.ts';
import { type Context, note } from '../context.ts';
import type { PilotImages, Subject } from '../method.ts';
import type { NoiseReady, Smoothed } from '../smoothing/certifier.ts';
import { openPlain } from '../smoothing/open.ts';
import { shortened, sigmaOf, type VoteSettings } from '../smoothing/settings.ts';
import type { VoteEvidence } from '../smoothing/votes.ts';
import { leftHalfBoundAt } from './left-half.ts';
import { openSplit } from './open.ts';
import { provenEverywhere } from './proofs/open-bound.ts';

/** What every point of a pilot has in common. */
export interface PilotSettings extends VoteSettings {
  readonly lipschitz: DisplacementBound;
  readonly seed: bigint;
}

export interface JudgedPilot extends PilotVotes {
  /** Of the class selected, certified or not; null without a label. */
  readonly correct: boolean | null;
}

export interface PilotPoint {
  readonly cut: Cut;
  /** σ/L. */
  readonly inputSigma: number;
  /** At the cut. */
  readonly sigma: number;
  /** Global bound of the left half; 1 at the input. */
  readonly lipschitz: number;
  readonly pilots: readonly JudgedPilot[];
}

/** What a point is expected to come to at `n` draws. */
export interface Expected {
  /** Expected radius per image; 0 where it would abstain or be wrong. */
  readonly credited: readonly number[];
  readonly averageRadius: number;
}

export function expectedOf(
  { pilots, sigma, lipschitz }: Pick<PilotPoint, 'pilots' | 'sigma' | 'lipschitz'>,
  n: number,
  { alpha, bound }: { readonly alpha: number; readonly bound: VoteBoundName },
  radiusOf: typeof expectedRadius = expectedRadius,
): Expected {
  const credited = pilots.map((pilot) =>
    pilot.correct === false ? 0 : radiusOf(pilot, { sigma, n, alpha, bound, lipschitz }),
  );
  return { credited, averageRadius: credited.reduce((sum, r) => sum + r, 0) / credited.length };
}

export const shareAt = ({ credited }: Expected, radius: number): number =>
  credited.filter((r) => r > 0 && r >= radius).length / credited.length;

/** The input, the model's own cut, the one behind the first activation, then those behind further ones. */
export function candidateCuts(classifier: PreparedClassifier, own: Cut | null, count: number): Cut[] {
  const { cuts } = classifier.cuts;
  const [input] = cuts;
  const first = firstActivationCut(cuts, classifier.model.graph);
  const further = cuts.filter(({ value }) => value.producer !== null && isActivation(value.producer));
  const wanted = [input, own, first, ...further].filter((cut) => cut !== undefined && cut !== null);
  return [...new Set(wanted)].slice(0, count).sort((a, b) => a.index - b.index);
}

/** The bound at a cut and its global constant: null and 1 at the input. */
export interface BoundedCut {
  readonly left: LeftHalfBound | null;
  readonly lipschitz: number;
}

/** Null, and reported, where a cut has no bound or only balls around images have one. */
async function boundedCut(
  subject: Subject,
  cut: Cut,
  { lipschitz: bound, seed }: PilotSettings,
  context: Context,
): Promise<BoundedCut | null> {
  if (cut.index === 0) return { left: null, lipschitz: 1 };
  try {
    const left = leftHalfBoundAt(subject.classifier, cut, bound);
    const { globalBound: lipschitz } = left.onAllOfSpace
      ? await provenEverywhere(left, subject.classifier, cut, seed, context)
      : { globalBound: Number.POSITIVE_INFINITY };
    if (Number.isFinite(lipschitz)) return { left, lipschitz };
    note(context, `pilot  '${cut.name}' is omitted: its left half has no Lipschitz constant on all of space`);
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    note(context, `pilot  '${cut.name}' is omitted: ${error.report.what}`);
  }
  return null;
}

/**
 * Votes of every image at every cut and level. Reports each cut when it is done, and those omitted.
 * @throws the signal's reason when aborted
 */
export async function runPilot(
  subject: Subject,
  cuts: readonly Cut[],
  levels: readonly number[],
  pilot: PilotImages,
  settings: PilotSettings,
  context: Context,
): Promise<PilotPoint[]> {
  const points: PilotPoint[] = [];
  for (const cut of cuts) {
    const bounded = await boundedCut(subject, cut, settings, context);
    if (bounded === null) continue;
    const ready = await openAt(subject, cut, bounded, pilot, context);
    try {
      for (const inputSigma of levels) {
        const sigma = shortened(inputSigma * bounded.lipschitz);
        const smoothed = atLevel(ready, sigma, settings, cut, context);
        if (smoothed === null) continue;
        const pilots = await votesOf(smoothed, pilot, settings, context);
        points.push({ cut, inputSigma, sigma, lipschitz: bounded.lipschitz, pilots });
      }
    } finally {
      await ready.close();
    }
    note(context, `pilot  '${cut.name}': ${levels.length} noise levels on ${pilot.images.length} images`);
  }
  return points;
}

/** A network at a cut, which may be the input. */
export function openAt(
  subject: Subject,
  cut: Cut,
  { left, lipschitz }: BoundedCut,
  { images }: PilotImages,
  context: Context,
): Promise<NoiseReady<VoteEvidence>> {
  const probes = images.slice(0, 2).map(({ pixels }) => pixels);
  return left === null
    ? openPlain(subject, probes, context)
    : openSplit(subject, cut, left, lipschitz, probes, context);
}

/** Null, and reported, where the noise is too little for ONNX Runtime's left half. */
function atLevel(
  ready: NoiseReady<VoteEvidence>,
  sigma: number,
  { seed, ...settings }: PilotSettings,
  cut: Cut,
  context: Context,
): Smoothed<VoteEvidence> | null {
  try {
    return ready.at({ ...settings, sigma: sigmaOf(sigma) }, { seed, series: 0 });
  } catch (error) {
    if (!(error instanceof ModelRefused)) throw error;
    note(context, `pilot  '${cut.name}' at sigma ${sigma} is omitted: ${error.report.what}`);
    return null;
  }
}

async function votesOf(
  smoothed: Smoothed<VoteEvidence>,
  pilot: PilotImages,
  { n0, n, seed }: PilotSettings,
  context: Context,
): Promise<JudgedPilot[]> {
  const { sigma } = smoothed;
  const { selection, estimation } = seriesStages(0);
  const reach = await meanReach(smoothed, pilot, context);
  const pilots: JudgedPilot[] = [];
  for (const [k, image] of pilot.images.entries()) {
    const draw = (stage: number, draws: number) =>
      smoothed.votes(image, { stage, draws, sigma, seed }, context.signal);
    const selected = selectedClass(await draw(selection, n0));
    const votes = await draw(estimation, n);
    pilots.push({ ...votes, selected, n, reach, correct: correctness(selected, pilot.labels[k] ?? null) });
  }
  return pilots;
}

/** Images whose left half is bounded at each point: that may cost more than their draws. */
const BOUNDED = 3;

/** Mean of input radius / latent radius over the first images that are certified; null when none is. */
async function meanReach(
  smoothed: Smoothed<VoteEvidence>,
  { images }: PilotImages,
  context: Context,
): Promise<number | null> {
  const reaches: number[] = [];
  for (const image of images.slice(0, BOUNDED)) {
    const reach = reachOf(await smoothed.certifyOne(image, context, drawGroup(1)));
    if (reach !== null) reaches.push(reach);
  }
  return reaches.length === 0 ? null : reaches.reduce((sum, r) => sum + r, 0) / reaches.length;
}

export const reachOf = ({
  radius,
  evidence,
}: {
  readonly radius: number;
  readonly evidence: VoteEvidence;
}): number | null => (radius > 0 ? radius / evidence.latentRadius : null);

export const correctness = (selected: number | null, label: number | null): boolean | null =>
  label === null ? null : selected === label;

/**
 * The point with the largest average radius, or the largest share certified at a radius (then the average radius); the first of
 * equals.
 * @throws UsageError when there is none
 */
export function bestOf(
  points: readonly PilotPoint[],
  n: number,
  settings: { readonly alpha: number; readonly bound: VoteBoundName },
  at: number | null,
): PilotPoint {
  const ranked = points
    .map((point) => {
      const expected = expectedOf(point, n, settings);
      return { point, expected, share: at === null ? 0 : shareAt(expected, at) };
    })
    .sort((a, b) => b.share - a.share || b.expected.averageRadius - a.expected.averageRadius);
  const [best] = ranked;
  if (best === undefined) {
    throw new UsageError({
      what: 'none of the cuts can be planned',
      why: 'their left halves have no bound',
      remedy: 'Name others with --cuts; input always works, `splitz-onnx inspect` lists the rest.',
    });
  }
  return best.point;
}
