/** Where SPLITZ cuts the network and how much noise it adds there: what was asked for, then the model's metadata, then defaults. */
import { firstReadable } from '../../datasets/readable-images.ts';
import { UsageError } from '../../ground/errors.ts';
import { DEFAULT_BOUND, type DisplacementBound } from '../../lipschitz/displacement-bounds.ts';
import { DEFAULT_DELTA, type LeftHalfBound } from '../../lipschitz/input-radius.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { Sourced } from '../../records/record.ts';
import type { Context } from '../context.ts';
import {
  type Asked,
  type PreviewedSetting,
  type Resolved,
  type SettingsPreview,
  type Subject,
  valuesOf,
  type WithOrigins,
} from '../method.ts';
import {
  DEFAULT_INPUT_SIGMA,
  resolveVotes,
  shortened,
  sigmaOf,
  type VoteSettings,
} from '../smoothing/settings.ts';
import { askedOr, byDefault, chosen, derived, numberFrom, refuseDerived } from '../sourced.ts';
import { autoSplit } from './auto-split.ts';
import { cutFor } from './cut-for.ts';
import { boundAskedFor, latentCentre, PILOT_SEED } from './left-half.ts';
import { openBound } from './proofs/open-bound.ts';
import type { SplitzSettings } from './schema.ts';

export async function resolveSplitz(
  asked: Asked,
  subject: Subject,
  context: Context,
): Promise<Resolved<SplitzSettings>> {
  const { classifier } = subject;
  const { split, level, votes, lipschitz } = settledBefore(asked, classifier.source.metadata);
  const choice =
    split.value === 'auto'
      ? await chosenByPilot(subject, valuesOf(votes), lipschitz.value, level, context)
      : { cut: cutFor(classifier, split.value), level, heldOut: [] };
  const { cut, heldOut } = choice;
  if (cut.index === 0) {
    // Without a left half it is plain smoothing, which has its own default for the noise.
    const { split: _, lipschitz: _l, ...rest } = asked;
    const sigma = split.value === 'auto' ? choice.level : asked['sigma'];
    return {
      instead: { method: 'smoothing', asked: sigma ? { ...rest, sigma } : rest },
      heldOut,
    };
  }
  // The norms of a large left half take long to prove: not here, where a noise level is known.
  const left = boundAskedFor(classifier, cut, lipschitz.value);
  const sigma = choice.level ?? (await defaultSigma(subject, cut, lipschitz.value, context));
  sigmaOf(sigma.value);
  return {
    settings: {
      split: { value: cut.name, origin: split.origin },
      sigma,
      ...votes,
      delta:
        left.failureProbability === DEFAULT_DELTA
          ? byDefault(DEFAULT_DELTA)
          : derived(left.failureProbability),
      lipschitz,
    },
    heldOut,
  };
}

/** What is settled before the model is opened. */
interface SettledBefore {
  readonly split: Sourced<string>;
  /** The noise asked for; null where it follows from the left half. */
  readonly level: Sourced<number> | null;
  readonly votes: WithOrigins<VoteSettings>;
  readonly lipschitz: Sourced<DisplacementBound>;
}

function settledBefore(asked: Asked, metadata: ReadonlyMap<string, string>): SettledBefore {
  refuseDerived(asked, 'delta', 'the norms of the left half');
  const split = chosen(asked['split'], metadata, 'splitz.split', (text) => text) ?? byDefault('first');
  const read = numberFrom('model metadata splitz.sigma');
  const level = chosen(asked['sigma'], metadata, 'splitz.sigma', read);
  if (level !== null) sigmaOf(level.value);
  return { split, level, votes: resolveVotes(asked), lipschitz: askedOr(asked, 'lipschitz', DEFAULT_BOUND) };
}

/** The noise of plain smoothing alongside, where one was asked for. */
export function twinLevel(beside: Asked, metadata: ReadonlyMap<string, string>): Sourced<number> | null {
  const key = 'splitz.baseline_sigma';
  return chosen(beside['sigma'], metadata, key, numberFrom(`model metadata ${key}`));
}

export function previewSplitz(
  asked: Asked,
  beside: Asked,
  metadata: ReadonlyMap<string, string>,
): SettingsPreview {
  const { split, level, votes, lipschitz } = settledBefore(asked, metadata);
  const inWords = (value: string): PreviewedSetting => ({ value, origin: 'derived' });
  return {
    settings: {
      ...{ split, ...votes, lipschitz },
      sigma: level ?? inWords(`${DEFAULT_INPUT_SIGMA} × bound of the left half`),
    },
    beside: { sigma: twinLevel(beside, metadata) ?? inWords('sigma / bound of the left half') },
  };
}

async function chosenByPilot(
  subject: Subject,
  votes: VoteSettings,
  lipschitz: DisplacementBound,
  level: Sourced<number> | null,
  context: Context,
): Promise<{ cut: Cut; level: Sourced<number>; heldOut: readonly number[] }> {
  const inputSigma = level?.value ?? DEFAULT_INPUT_SIGMA;
  const { cut, sigma, heldOut } = await autoSplit(subject, votes, lipschitz, inputSigma, context);
  // At the input it is the level itself, not one derived from a left half.
  return { cut, level: cut.index === 0 ? (level ?? byDefault(inputSigma)) : derived(sigma), heldOut };
}

/** The noise of plain smoothing by default, times the Lipschitz constant of the left half. Throws UsageError where it has none. */
async function defaultSigma(
  subject: Subject,
  cut: Cut,
  lipschitz: DisplacementBound,
  context: Context,
): Promise<Sourced<number>> {
  const { classifier } = subject;
  const { left, globalBound } = await openBound(classifier, cut.name, lipschitz, PILOT_SEED, context);
  const sigma = shortened(DEFAULT_INPUT_SIGMA * globalBound);
  await checkFallback(subject, cut, left, sigma);
  return derived(sigma);
}

/** Noise that images of pixels in [0,1] bear, as a part of what their pixels are on average. */
const BEARABLE = 0.5;

/**
 * Throws UsageError for an unusable default noise: infinite, or as large in every entry as the whole latent of an image, so that
 * no signal is left. The message states the size of the latent.
 */
async function checkFallback({ data }: Subject, cut: Cut, left: LeftHalfBound, sigma: number): Promise<void> {
  const [image] = await firstReadable(data, 1);
  if (image === undefined) throw new Error('a data set has an image');
  const { latent } = latentCentre(left, image.pixels);
  const norm = Math.sqrt(latent.reduce((sum, v) => sum + v * v, 0));
  if (sigma <= norm) return;
  const each = norm / Math.sqrt(latent.length);
  const suggested = Number((BEARABLE * each).toPrecision(2));
  throw new UsageError({
    what: `the cut '${cut.name}' needs a --sigma`,
    why: `the default is matched to noise at the input by the Lipschitz constant of the left half, and ${
      Number.isFinite(sigma)
        ? `with it would be ${sigma}: more in every entry than the norm of the whole latent of the first image, ${norm.toPrecision(3)}`
        : 'only balls around images have a bound here'
    }`,
    remedy:
      suggested > 0 && Number.isFinite(suggested)
        ? `Write --split input (plain smoothing), or cut earlier (inspect lists the bounds), or write --sigma ${suggested}, for instance, or less (the entries of that latent have root mean square ${each.toPrecision(3)}).`
        : 'Write --split input (plain smoothing), or cut earlier (inspect lists the bounds), or set --sigma to a fraction of what the latent varies by.',
  });
}
