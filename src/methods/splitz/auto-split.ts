/**
 * `--split auto`: the pilot with one level, on the last images of the data, which are recorded as held out and never certified.
 * Its noise is that of a fixed seed, whatever the run's own: the same command chooses the same cut when it continues a run.
 */
import { readableImages } from '../../datasets/readable-images.ts';
import { UsageError } from '../../ground/errors.ts';
import type { DisplacementBound } from '../../lipschitz/displacement-bounds.ts';
import type { Cut } from '../../onnx/cuts.ts';
import { type Context, note } from '../context.ts';
import type { Subject } from '../method.ts';
import type { VoteSettings } from '../smoothing/settings.ts';
import { PILOT_SEED } from './left-half.ts';
import { bestOf, expectedOf, runPilot } from './pilot.ts';

const HELD_OUT = 8;
const CANDIDATES = 6;
const PILOT_DRAWS = 1000;

export interface AutoSplit {
  readonly cut: Cut;
  /** Noise level at that cut. */
  readonly sigma: number;
  /** Indices of the images it was chosen on. */
  readonly heldOut: readonly number[];
}

/** @param inputSigma noise level at the input that every cut is matched to */
export async function autoSplit(
  subject: Subject,
  votes: VoteSettings,
  lipschitz: DisplacementBound,
  inputSigma: number,
  context: Context,
): Promise<AutoSplit> {
  const { classifier, data } = subject;
  if (data.length <= HELD_OUT) {
    throw new UsageError({
      what: `--split auto needs more than ${HELD_OUT} images`,
      why: `it chooses on ${HELD_OUT} images that are not certified afterwards; the data set has ${data.length}`,
      remedy: 'Name a cut with --split, or use --split first.',
    });
  }
  const heldOut = Array.from({ length: HELD_OUT }, (_, k) => data.length - HELD_OUT + k);
  const images = await readableImages(data, heldOut);
  const pilot = { images, labels: images.map(({ index }) => data.labels?.[index] ?? null) };
  const settings = { ...votes, n: PILOT_DRAWS, lipschitz, seed: PILOT_SEED };
  const cuts = classifier.cuts.cuts.slice(0, CANDIDATES);
  const points = await runPilot(subject, cuts, [inputSigma], pilot, settings, context);
  for (const point of points)
    note(
      context,
      `auto   '${point.cut.name}': average radius ${expectedOf(point, PILOT_DRAWS, settings).averageRadius.toFixed(4)} on ${images.length} held-out images at sigma ${point.sigma}`,
    );
  const { cut, sigma } = bestOf(points, PILOT_DRAWS, settings, null);
  return { cut, sigma, heldOut };
}
