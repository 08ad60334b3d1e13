/** Where a run cuts the network and how much noise it adds there: flags, then the model's metadata, then defaults. */

import { UsageError } from '../ground/errors.ts';
import type { LeftHalfBound } from '../lipschitz/input-radius.ts';
import { latentCentre, type SamplingResources } from '../methods/smoothed-classifier.ts';
import type { Cut } from '../onnx/cuts.ts';
import { chooseSplit } from './auto-split.ts';
import { checkSigma, type SmoothingFlags, type StatisticalSettings } from './certify-settings.ts';
import { boundAt, cutFor, DEFAULT_INPUT_SIGMA, globalLipschitz, shortened } from './choose-cut.ts';
import type { OpenedRun } from './open-run.ts';
import {
  byDefault,
  chosen,
  derived,
  numberFrom,
  originOf,
  type Sourced,
  type WithOrigins,
} from './sourced.ts';

/** The cut of a run. The run's seed has no part in it, so that it is known before a file says which seed to go on with. */
export interface ChosenCut {
  readonly cut: Cut;
  readonly splitOrigin: Sourced<string>['origin'];
  /** Images the cut was chosen on; never certified. */
  readonly heldOut: readonly number[];
  /** Noise somebody asked for, or that of the pilot; null when it follows from the left half. */
  readonly level: Sourced<number> | null;
}

export interface SmoothingPlan extends Omit<ChosenCut, 'level'> {
  /** Null at the input. */
  readonly left: LeftHalfBound | null;
  /** Upper bound on the left half's Lipschitz constant on all of space. */
  readonly lipschitz: number;
  /** Noise at the cut. */
  readonly sigma: Sourced<number>;
}

/** The cut asked for, as it was named. */
export const splitSetting = (flags: SmoothingFlags, metadata: ReadonlyMap<string, string>): Sourced<string> =>
  chosen(flags.split, metadata, 'splitz.split', (text) => text, originOf(flags, 'split')) ??
  byDefault('first');

/** The noise level asked for; null when nobody names one and it follows from the left half. */
export function sigmaSetting(
  flags: SmoothingFlags,
  metadata: ReadonlyMap<string, string>,
): Sourced<number> | null {
  const read = numberFrom('model metadata splitz.sigma');
  const level = chosen(flags.sigma, metadata, 'splitz.sigma', read, originOf(flags, 'sigma'));
  if (level !== null) checkSigma('--sigma', level.value);
  return level;
}

/** The level of plain smoothing beside the split, where somebody names one. */
export function baselineSetting(
  flags: WithOrigins & { readonly baselineSigma?: number | undefined },
  metadata: ReadonlyMap<string, string>,
): Sourced<number> | null {
  const key = 'splitz.baseline_sigma';
  const read = numberFrom(`model metadata ${key}`);
  return chosen(flags.baselineSigma, metadata, key, read, originOf(flags, 'baseline-sigma'));
}

/** @param note told what `--split auto` tried */
export async function planSmoothing(
  opened: OpenedRun,
  flags: SmoothingFlags,
  statistics: StatisticalSettings,
  resources: SamplingResources,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<SmoothingPlan> {
  const choice = await chooseCut(opened, flags, statistics, resources, signal, note);
  return planAt(opened, choice, statistics);
}

/** @param note told what `--split auto` tried */
export async function chooseCut(
  opened: OpenedRun,
  flags: SmoothingFlags,
  statistics: StatisticalSettings,
  resources: SamplingResources,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<ChosenCut> {
  const { classifier } = opened;
  const { metadata } = classifier.source;
  const split = splitSetting(flags, metadata);
  const level = sigmaSetting(flags, metadata);
  if (split.value !== 'auto')
    return { cut: cutFor(classifier, split.value), splitOrigin: split.origin, heldOut: [], level };
  const inputSigma = level?.value ?? DEFAULT_INPUT_SIGMA;
  const { cut, heldOut, sigma } = await chooseSplit(opened, statistics, resources, inputSigma, signal, note);
  return { cut, splitOrigin: split.origin, heldOut, level: derived(sigma) };
}

/** The left half at the cut, bounded with probes of the run's seed, and the noise there. */
export async function planAt(
  opened: OpenedRun,
  { cut, splitOrigin, heldOut, level }: ChosenCut,
  statistics: StatisticalSettings,
): Promise<SmoothingPlan> {
  const left = boundAt(opened.classifier, cut, statistics.lipschitz.value);
  const lipschitz = globalLipschitz(left, statistics.seed.value);
  const fallback =
    left === null ? byDefault(DEFAULT_INPUT_SIGMA) : derived(shortened(DEFAULT_INPUT_SIGMA * lipschitz));
  if (level === null && left !== null) await checkFallback(opened, cut, left, fallback.value);
  const sigma = level ?? fallback;
  checkSigma('--sigma', sigma.value);
  return { cut, splitOrigin, heldOut, left, lipschitz, sigma };
}

/** Noise that images of pixels in [0,1] bear, as a part of what their pixels are on average. */
const BEARABLE = 0.5;

/**
 * Throws UsageError for a default noise that is none: infinite, or in every number as large as the latent of an image as
 * a whole, so that nothing is left to see. It says of which size the latent is.
 */
async function checkFallback(
  { data }: OpenedRun,
  cut: Cut,
  left: LeftHalfBound,
  sigma: number,
): Promise<void> {
  const { latent } = latentCentre(left, await data.image(0));
  const norm = Math.sqrt(latent.reduce((sum, v) => sum + v * v, 0));
  if (sigma <= norm) return;
  const each = norm / Math.sqrt(latent.length);
  const suggested = Number((BEARABLE * each).toPrecision(2));
  throw new UsageError({
    what: `the cut '${cut.name}' needs a --sigma`,
    why: `the default is matched to noise at the input by the Lipschitz constant of the left half, and ${
      Number.isFinite(sigma)
        ? `with it would be ${sigma}: more in every number than the latent of the first image in all, whose norm is ${norm.toPrecision(3)}`
        : 'only balls around images have a bound here'
    }`,
    remedy:
      suggested > 0 && Number.isFinite(suggested)
        ? `Write --sigma ${suggested}, for instance, or less: the numbers of that latent are ${each.toPrecision(3)} on average (root mean square). Or cut earlier (inspect lists the bounds).`
        : 'Write --sigma with a part of what the latent varies by, or cut earlier (inspect lists the bounds).',
  });
}
