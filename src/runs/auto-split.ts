/**
 * `--split auto`: certifies a few held-out images at every candidate cut and takes the one with the largest average
 * certified radius. The noise at each cut is matched to the same input level (sigma times the left half's Lipschitz bound),
 * so that the cuts compete on what they lose, not on how much noise they get. The images used are recorded as held out and
 * never certified afterwards, so the choice cannot flatter the certificates. Its noise is that of a fixed seed, whatever the
 * run's own: the same command chooses the same cut when it continues a run.
 */

import { ModelRefused, UsageError } from '../ground/errors.ts';
import { DEFAULT_DELTA } from '../lipschitz/input-radius.ts';
import {
  leftHalfBoundAt,
  openSmoothedClassifier,
  type SamplingResources,
} from '../methods/smoothed-classifier.ts';
import type { Cut } from '../onnx/cuts.ts';
import type { StatisticalSettings } from './certify-settings.ts';
import { globalLipschitz, hidesDifference, PILOT_SEED, shortened } from './choose-cut.ts';
import type { OpenedRun } from './open-run.ts';

const HELD_OUT = 8;
const CANDIDATES = 6;
const PILOT_DRAWS = 1000;

export interface PilotChoice {
  readonly cut: Cut;
  /** Noise level at that cut. */
  readonly sigma: number;
  /** Indices of the images it was chosen on. */
  readonly heldOut: readonly number[];
}

/** @param inputSigma noise level at the input that every cut is matched to */
export async function chooseSplit(
  { classifier, data }: OpenedRun,
  statistics: StatisticalSettings,
  resources: SamplingResources,
  inputSigma: number,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<PilotChoice> {
  if (data.length <= HELD_OUT) {
    throw new UsageError({
      what: `--split auto needs more than ${HELD_OUT} images`,
      why: `it chooses on ${HELD_OUT} images that are not certified afterwards; the data set has ${data.length}`,
      remedy: 'Name a cut with --split, or use --split first.',
    });
  }
  const heldOut = Array.from({ length: HELD_OUT }, (_, k) => data.length - HELD_OUT + k);
  const images = await Promise.all(heldOut.map((index) => data.image(index)));
  let best: { cut: Cut; sigma: number; radius: number } | null = null;
  let tried = 0;
  for (const cut of classifier.cuts.cuts) {
    if (tried === CANDIDATES) break;
    let left: ReturnType<typeof leftHalfBoundAt>;
    try {
      left = leftHalfBoundAt(classifier, cut, statistics.lipschitz.value, DEFAULT_DELTA);
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      note(`auto   '${cut.name}' and everything behind it: ${error.report.what}`);
      break;
    }
    const lipschitz = globalLipschitz(left, PILOT_SEED);
    if (!Number.isFinite(lipschitz)) {
      note(
        `auto   '${cut.name}' and everything behind it: bounded on balls only, so no noise level is matched to the input's`,
      );
      break;
    }
    tried++;
    const sigma = shortened(inputSigma * lipschitz);
    const smoothed = await openSmoothedClassifier(
      classifier,
      cut,
      left,
      resources,
      images.slice(0, 2),
      'certified',
    );
    let total = 0;
    try {
      if (!hidesDifference(smoothed, sigma, (why) => note(`auto   ${why}`))) continue;
      for (const [k, index] of heldOut.entries()) {
        const certificate = await smoothed.certify(
          images[k]!,
          index,
          data.labels?.[index] ?? null,
          { ...unwrapped(statistics), sigma, n: PILOT_DRAWS },
          signal,
        );
        if (certificate.correct !== false) total += certificate.radius;
      }
    } finally {
      await smoothed.close();
    }
    const radius = total / HELD_OUT;
    note(
      `auto   '${cut.name}': average radius ${radius.toFixed(4)} on ${HELD_OUT} held-out images at sigma ${sigma}`,
    );
    if (best === null || radius > best.radius) best = { cut, sigma, radius };
  }
  if (best === null) throw new Error('the input is always a candidate');
  return { cut: best.cut, sigma: best.sigma, heldOut };
}

const unwrapped = (s: StatisticalSettings) => ({
  n0: s.n0.value,
  alpha: s.alpha.value,
  bound: s.bound.value,
  seed: BigInt(PILOT_SEED),
});
