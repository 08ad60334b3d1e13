/**
 * The grid of a plan: pilot certificates at a few cuts and noise levels. Levels are those at the input; at a cut the noise is
 * multiplied by the left half's Lipschitz bound, so that cuts of one column compete on what they lose, not on how much noise
 * they get. All points are judged on the same images at the number of draws planned.
 */

import { ModelRefused, UsageError } from '../../ground/errors.ts';
import { firstActivationCut, isActivation } from '../../inspection/first-activation.ts';
import { DEFAULT_DELTA } from '../../lipschitz/input-radius.ts';
import {
  leftHalfBoundAt,
  openSmoothedClassifier,
  type SamplingResources,
  type SmoothedClassifier,
  type SmoothingSettings,
} from '../../methods/smoothed-classifier.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import type { SmoothingCertificate } from '../../records/record.ts';
import { Stage } from '../../smoothing/noise/philox.ts';
import { selectedClass, type VoteCounts } from '../../smoothing/votes/vote-counts.ts';
import { expectedRadius, type PilotVotes } from '../../statistics/expected-radius.ts';
import type { StatisticalSettings } from '../certify-settings.ts';
import { globalLipschitz, hidesDifference, shortened } from '../choose-cut.ts';
import type { PilotImages } from './pilot-images.ts';

/** Far above the indices of any data set, so that no draw of a plan is one of the certificates it leads to. */
export const FIRST_PILOT_INDEX = 2 ** 31;

export interface JudgedPilot extends PilotVotes {
  /** Of the class selected, certified or not; null without a label. */
  readonly correct: boolean | null;
}

export interface GridPoint {
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
  { pilots, sigma, lipschitz }: Pick<GridPoint, 'pilots' | 'sigma' | 'lipschitz'>,
  n: number,
  { alpha, bound }: StatisticalSettings,
  radiusOf: typeof expectedRadius = expectedRadius,
): Expected {
  const settings = { sigma, n, alpha: alpha.value, bound: bound.value, lipschitz };
  const credited = pilots.map((pilot) => (pilot.correct === false ? 0 : radiusOf(pilot, settings)));
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

/**
 * @param note told of each cut when it is done, and of those that have no bound
 * @throws the signal's reason when aborted
 */
export async function runGrid(
  classifier: PreparedClassifier,
  cuts: readonly Cut[],
  levels: readonly number[],
  pilot: PilotImages,
  settings: Omit<SmoothingSettings, 'sigma'>,
  statistics: StatisticalSettings,
  resources: SamplingResources,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<GridPoint[]> {
  const points: GridPoint[] = [];
  for (const cut of cuts) {
    let left: ReturnType<typeof leftHalfBoundAt>;
    try {
      left = leftHalfBoundAt(classifier, cut, statistics.lipschitz.value, DEFAULT_DELTA);
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      note(`plan   '${cut.name}' is left out: ${error.report.what}`);
      continue;
    }
    const lipschitz = globalLipschitz(left, statistics.seed.value);
    if (!Number.isFinite(lipschitz)) {
      note(`plan   '${cut.name}' is left out: its left half has no Lipschitz constant on all of space`);
      continue;
    }
    const smoothed = await openSmoothedClassifier(
      classifier,
      cut,
      left,
      resources,
      pilot.images.slice(0, 2),
      'certified',
    );
    try {
      for (const inputSigma of levels) {
        const sigma = shortened(inputSigma * lipschitz);
        if (!hidesDifference(smoothed, sigma, (why) => note(`plan   ${why}`))) continue;
        const reach = await meanReach(smoothed, pilot, { ...settings, sigma }, signal);
        const pilots: JudgedPilot[] = [];
        for (const [k, image] of pilot.images.entries()) {
          const draw = (stage: Stage, draws: number): Promise<VoteCounts> =>
            smoothed.votes(
              image,
              FIRST_PILOT_INDEX + k,
              { stage, draws, sigma, seed: settings.seed },
              signal,
            );
          const selected = selectedClass(await draw(Stage.selection, settings.n0));
          const votes = await draw(Stage.estimation, settings.n);
          pilots.push({
            ...votes,
            ...{ selected, n: settings.n, reach },
            correct: correctness(selected, pilot.labels[k] ?? null),
          });
        }
        points.push({ cut, inputSigma, sigma, lipschitz, pilots });
      }
    } finally {
      await smoothed.close();
    }
    note(`plan   '${cut.name}': ${levels.length} noise levels on ${pilot.images.length} images`);
  }
  return points;
}

/** Images whose left half is bounded at each point: that may cost more than their draws. */
const BOUNDED = 3;

/** Mean of input radius / latent radius over the first images that are certified; null when none is. */
async function meanReach(
  smoothed: SmoothedClassifier,
  pilot: PilotImages,
  settings: SmoothingSettings,
  signal: AbortSignal,
): Promise<number | null> {
  const reaches: number[] = [];
  for (const [k, image] of pilot.images.slice(0, BOUNDED).entries()) {
    const reach = reachOf(await smoothed.certify(image, FIRST_PILOT_INDEX + k, null, settings, signal));
    if (reach !== null) reaches.push(reach);
  }
  return reaches.length === 0 ? null : reaches.reduce((sum, r) => sum + r, 0) / reaches.length;
}

export const reachOf = ({ radius, latentRadius }: SmoothingCertificate): number | null =>
  radius > 0 ? radius / latentRadius : null;

export const correctness = (selected: number | null, label: number | null): boolean | null =>
  label === null ? null : selected === label;

/** The point with the largest average radius, or the largest share certified at a radius (then the average radius). */
export function bestOf(
  points: readonly GridPoint[],
  n: number,
  statistics: StatisticalSettings,
  at: number | null,
): GridPoint {
  const ranked = points
    .map((point) => {
      const expected = expectedOf(point, n, statistics);
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
