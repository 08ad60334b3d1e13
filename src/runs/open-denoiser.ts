/** A denoiser between the noise and the network: which cut it belongs to, and how it is used at the noise of the run. */
import { readFileSync } from 'node:fs';
import { ModelRefused, UsageError } from '../ground/errors.ts';
import { METHODS, methodNamed } from '../methods/index.ts';
import type { Asked } from '../methods/method.ts';
import { DEFAULT_INPUT_SIGMA, sigmaOf } from '../methods/smoothing/settings.ts';
import { byFlag, numberFrom, originOf, type RequestOrigins } from '../methods/sourced.ts';
import { cutFor } from '../methods/splitz/cut-for.ts';
import { composed } from '../onnx/compose/compose.ts';
import { AS_IT_IS, type Conditioning } from '../onnx/compose/conditioning.ts';
import { denoiserOf } from '../onnx/compose/denoiser.ts';
import { readSchedule, type Schedule, stepFor } from '../onnx/compose/schedule.ts';
import type { Cut } from '../onnx/cuts.ts';
import { forceEval } from '../onnx/intake/force-eval.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { loadModel } from '../onnx/model/load.ts';
import type { Model } from '../onnx/model/model.ts';
import { denoiserInWords } from '../records/denoiser-words.ts';
import type { RunHeader, Sourced } from '../records/record.ts';
import { type NoiseRange, nearestIn, parseNoiseRange } from '../smoothing/noise/range.ts';
import { recordableName } from './recordable-name.ts';

export type RecordedDenoiser = NonNullable<RunHeader['model']['denoiser']>;

export interface DenoiserRequest extends RequestOrigins {
  /** Path of an ONNX file that maps noisy images (or latents) to clean ones. */
  readonly denoiser?: string | undefined;
  /** Deviation of the noise it was trained for; by default what its metadata state. */
  readonly denoiserSigma?: number | undefined;
  /** Path of the schedule of a diffusion model; by default that of its metadata. */
  readonly schedule?: string | undefined;
  /** As the result file has it; then nothing else is asked. */
  readonly recorded?: RecordedDenoiser | undefined;
  /** Settings of the method: where the network is cut, and the noise there. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  readonly method?: string | undefined;
  readonly followLinks?: boolean | undefined;
  readonly forceEval?: boolean | undefined;
}

/** A denoiser file, and what it says of itself. */
export interface LoadedDenoiser {
  readonly source: Model;
  /** Of the network alone: the denoiser is put behind it. */
  readonly cut: Cut;
  readonly splitOrigin: Sourced<string>['origin'];
  /** The noise it was trained for; null where nobody says. */
  readonly trained: Sourced<NoiseRange> | null;
  readonly schedule: Schedule | null;
}

/** A denoiser as it is used in a run. */
export interface DenoiserInUse extends Omit<LoadedDenoiser, 'schedule' | 'splitOrigin'> {
  readonly conditioning: Conditioning;
  /** The noise it is used at; null for one that is the same for all noise. */
  readonly sigma: number | null;
  /** What is asked of the method by the denoiser: the cut, and the noise it was trained for. */
  readonly asked: Asked;
}

export interface DenoisedNetwork {
  readonly classifier: PreparedClassifier;
  readonly denoiser: DenoiserInUse;
  /** The two as one model that takes pixels in [0,1]. */
  readonly whole: Model;
  /** Largest difference between its scores and those of the parts, relative to their scale. */
  readonly largestDifference: number;
}

/**
 * @returns null where none is asked for
 * @throws UsageError, ModelRefused for a denoiser that cannot be used with this network and method
 */
export async function openDenoised(
  request: DenoiserRequest,
  network: PreparedClassifier,
): Promise<DenoisedNetwork | null> {
  if (request.denoiser === undefined) return refuseLoneOptions(request);
  const loaded = await loadDenoiser(request.denoiser, request, network);
  const { recorded } = request;
  return recorded === undefined
    ? denoisedAt(loaded, network, sigmaFor(request, loaded, network))
    : denoisedAt(loaded, network, { scaling: recorded.scaling, diffusion: recorded.diffusion });
}

/** Null; throws UsageError for options that say something of no denoiser. */
function refuseLoneOptions({ denoiserSigma, schedule, origins }: DenoiserRequest): null {
  const lone = [
    ['--denoiser-sigma', denoiserSigma, 'denoiser-sigma'],
    ['--schedule', schedule, 'schedule'],
  ].find(([, value, name]) => value !== undefined && originOf({ origins }, String(name)) === 'flag');
  if (lone === undefined) return null;
  throw new UsageError({ what: `${lone[0]} needs a denoiser`, remedy: 'Add --denoiser FILE.' });
}

export async function loadDenoiser(
  path: string,
  request: DenoiserRequest,
  network: PreparedClassifier,
): Promise<LoadedDenoiser> {
  const { recorded, followLinks = false } = request;
  const loaded =
    recorded === undefined
      ? await loadModel(path, { followLinks })
      : await loadRecorded(path, recorded, { followLinks });
  const changed = request.forceEval === true || recorded?.modified !== undefined;
  const source = changed ? forceEval(loaded) : loaded;
  refuseOtherPixels(source);
  if (recorded !== undefined) {
    const cut = network.cuts.cuts.find(({ index, value }) =>
      recorded.at === null ? index === 0 : value.name === recorded.at,
    );
    if (cut === undefined) throw otherDenoiser(path, `the network has no cut '${recorded.at}'`, recorded);
    return { source, cut, splitOrigin: 'denoiser', trained: recordedRange(recorded), schedule: null };
  }
  requireNoise(request);
  return { source, ...placed(request, source, network), ...statedBy(request, source) };
}

function recordedRange({ trained, range }: RecordedDenoiser): Sourced<NoiseRange> | null {
  if (trained === null) return null;
  const [least = trained.value, most = least] = range ?? [];
  return { value: { least, most }, origin: trained.origin };
}

/** The denoiser of a result file. Throws UsageError ('other-denoiser') for a file with another digest, which is not parsed. */
export async function loadRecorded(
  path: string,
  recorded: RecordedDenoiser,
  { followLinks = false }: Pick<DenoiserRequest, 'followLinks'>,
): Promise<Model> {
  const loaded = await loadModel(path, { sha256: recorded.files[0]?.sha256 ?? '', followLinks }).catch(
    (error: unknown) => {
      if (error instanceof UsageError && error.report.code === 'other-model')
        throw otherDenoiser(path, error.report.why ?? '', recorded);
      throw error;
    },
  );
  const difference = filesDifference(loaded, recorded);
  if (difference !== null) throw otherDenoiser(path, difference, recorded);
  return loaded;
}

const otherDenoiser = (where: string, why: string, recorded: RecordedDenoiser): UsageError =>
  new UsageError({
    code: 'other-denoiser',
    what: 'this is not the denoiser of the result file',
    where,
    why,
    remedy: `Name the denoiser the run was made with (${recorded.name}) by --denoiser.`,
  });

function filesDifference({ files }: Model, recorded: RecordedDenoiser): string | null {
  const digests = (list: readonly { readonly sha256: string }[]): string =>
    list.map(({ sha256 }) => sha256).join(', ');
  const [now, then] = [digests(files), digests(recorded.files)];
  return now === then ? null : `sha256 ${now} now, ${then} in the result file`;
}

/** What a denoiser is given are pixels in [0,1] with noise on them, or a latent with noise on it, and nothing else. */
export function refuseOtherPixels({ metadata, path }: Model): void {
  const odd = [
    ['splitz.scale', '1'],
    ['splitz.layout', 'nchw'],
    ['splitz.channels', 'rgb'],
    ['splitz.mean', undefined],
    ['splitz.std', undefined],
  ].find(([key = '', usual]) => metadata.has(key) && metadata.get(key) !== usual);
  if (odd === undefined) return;
  throw new UsageError({
    what: `the denoiser takes its pixels prepared (metadata ${odd[0]} ${metadata.get(odd[0] ?? '')})`,
    where: path,
    why: 'preparation of pixels belongs to the network and stands behind the denoiser, which gets pixels in [0,1], [N,C,H,W], with noise on them',
    remedy: 'Export the denoiser with that preparation, and its inverse behind it, inside.',
  });
}

/** Throws UsageError for a method without Gaussian noise. */
function requireNoise({ method = METHODS[0]?.name ?? '' }: DenoiserRequest): void {
  if (methodNamed(method).settings.json.properties?.['sigma'] !== undefined) return;
  throw new UsageError({
    what: `--denoiser does not go with --method ${method}`,
    why: 'denoisers are made for Gaussian noise, and it adds none',
    remedy: 'Omit it, or use --method smoothing.',
  });
}

/** The cut: asked for, else the one the denoiser was trained for, else the input. */
function placed(
  { settings, method = METHODS[0]?.name ?? '', origins }: DenoiserRequest,
  { metadata, path }: Model,
  network: PreparedClassifier,
): Pick<LoadedDenoiser, 'cut' | 'splitOrigin'> {
  const asked = settings?.['split'];
  const spec = typeof asked === 'string' ? asked : (metadata.get('splitz.split') ?? 'input');
  if (spec === 'auto') {
    throw new UsageError({
      what: '--split auto does not go with --denoiser',
      why: 'a denoiser belongs to one cut',
      remedy: 'Name the cut it was trained for, as in --split input.',
    });
  }
  const cut = cutFor(network, spec);
  if (cut.index > 0 && methodNamed(method).settings.json.properties?.['split'] === undefined) {
    throw new UsageError({
      what: `the denoiser belongs to the cut '${spec}', and --method ${method} adds noise to the image`,
      where: path,
      remedy: 'Omit --method, or use a denoiser of images.',
    });
  }
  return { cut, splitOrigin: asked === undefined ? 'denoiser' : originOf({ origins }, 'split') };
}

function statedBy(
  { denoiserSigma, schedule: file, origins }: DenoiserRequest,
  { metadata, path }: Model,
): Pick<LoadedDenoiser, 'trained' | 'schedule'> {
  const [text, where] =
    file === undefined
      ? [metadata.get('splitz.schedule'), `${path}, metadata splitz.schedule`]
      : [scheduleText(file), file];
  if (text !== undefined) {
    if (denoiserSigma === undefined) return { trained: null, schedule: readSchedule(text, where) };
    throw new UsageError({
      what: '--denoiser-sigma does not go with a diffusion model',
      why: 'its schedule says what noise each of its steps is for',
      remedy: 'Omit it.',
    });
  }
  const stated = metadata.get('splitz.sigma');
  if (denoiserSigma !== undefined) {
    const least = sigmaOf(denoiserSigma, '--denoiser-sigma');
    const trained = byFlag({ least, most: least }, originOf({ origins }, 'denoiser-sigma'));
    return { trained, schedule: null };
  }
  if (stated === undefined) return { trained: null, schedule: null };
  const value = parseNoiseRange(stated, `${path}, metadata splitz.sigma`);
  for (const end of [value.least, value.most]) sigmaOf(end, 'metadata splitz.sigma of the denoiser');
  return { trained: { value, origin: 'denoiser' }, schedule: null };
}

function scheduleText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError({
      what: `the schedule ${path} cannot be read`,
      why: (cause as Error).message,
      remedy: 'Give the scheduler_config.json of the diffusion model.',
      cause,
    });
  }
}

/** The noise of the run as far as the denoiser depends on it. */
function sigmaFor(
  { settings }: DenoiserRequest,
  { trained, schedule, cut, source }: LoadedDenoiser,
  network: PreparedClassifier,
): number | null {
  if (trained === null && schedule === null) return null;
  if (schedule !== null && cut.index > 0) {
    throw new UsageError({
      what: `a diffusion model is put in front of the network, not behind '${cut.name}'`,
      where: source.path,
      remedy: 'Write --split input.',
    });
  }
  const asked = settings?.['sigma'];
  const stated = metadataAt(network, cut, trained).get('splitz.sigma');
  const sigma =
    typeof asked === 'number'
      ? asked
      : stated === undefined
        ? DEFAULT_INPUT_SIGMA
        : numberFrom('model metadata splitz.sigma')(stated);
  return sigmaOf(sigma);
}

/** The metadata of the network with what the denoiser changes: the cut, and the noise there. */
function metadataAt(
  { source: { metadata } }: PreparedClassifier,
  cut: Cut,
  trained: Sourced<NoiseRange> | null,
): ReadonlyMap<string, string> {
  const own = metadata.get('splitz.split') ?? 'input';
  const same = own === cut.name || cut.aliases.includes(own);
  const atInput = cut.index === 0 ? metadata.get('splitz.baseline_sigma') : undefined;
  const stated = same ? metadata.get('splitz.sigma') : atInput;
  const sigma = trained === null ? stated : String(suggestedSigma(trained.value, stated));
  const { 'splitz.sigma': _, ...others } = Object.fromEntries(metadata);
  return new Map(
    Object.entries({
      ...others,
      'splitz.split': cut.name,
      ...(sigma === undefined ? {} : { 'splitz.sigma': sigma }),
    }),
  );
}

/** The noise of a run that asks for none: that of a denoiser, out of its range what suits the network. */
function suggestedSigma(range: NoiseRange, stated: string | undefined): number {
  if (range.least === range.most) return range.least;
  return nearestIn(
    range,
    stated === undefined ? DEFAULT_INPUT_SIGMA : numberFrom('model metadata splitz.sigma')(stated),
  );
}

/**
 * The network behind its denoiser, proved to be its parts.
 * @param noise of the run; null where the denoiser does not depend on it; or how a result file says that it was used
 */
export async function denoisedAt(
  loaded: LoadedDenoiser,
  network: PreparedClassifier,
  noise: number | Conditioning | null,
): Promise<DenoisedNetwork> {
  const { source, cut, splitOrigin, trained } = loaded;
  const conditioning = typeof noise === 'object' && noise !== null ? noise : conditioningAt(loaded, noise);
  const what = cut.index === 0 ? 'the images' : `the latents at '${cut.name}'`;
  const map = await denoiserOf(source, conditioning, { what, dims: cut.dims.slice(1) });
  const { classifier, model, largestDifference } = await composed(network, cut, map);
  const here = classifier.cuts.cuts.find(({ index, value }) =>
    cut.index === 0 ? index === 0 : value.name === cut.value.name,
  );
  if (here === undefined) {
    throw new ModelRefused({
      what: `the cut '${cut.name}' is no longer one with the denoiser behind it`,
      where: `${source.path}, ${network.source.path}`,
      remedy: 'Choose another cut, or put a denoiser of images in front of the network (--split input).',
    });
  }
  const metadata = metadataAt(network, { ...cut, name: here.name }, trained);
  const sigma = metadata.get('splitz.sigma');
  return {
    ...{ whole: model, largestDifference },
    classifier: { ...classifier, source: { ...network.source, metadata } },
    denoiser: {
      ...{ source, cut, trained, conditioning },
      sigma: typeof noise === 'number' ? noise : (conditioning.scaling?.sigma ?? null),
      asked: {
        split: { value: here.name, origin: splitOrigin },
        sigma:
          trained === null || sigma === undefined ? undefined : { value: Number(sigma), origin: 'denoiser' },
      },
    },
  };
}

function conditioningAt({ source, trained, schedule }: LoadedDenoiser, sigma: number | null): Conditioning {
  if (sigma === null) return AS_IT_IS;
  if (schedule !== null) return { scaling: null, diffusion: stepFor(schedule, sigma, source.path) };
  if (trained === null) return AS_IT_IS;
  return { scaling: { trained: nearestIn(trained.value, sigma), sigma }, diffusion: null };
}

/** A note at the start of a run. */
export const denoiserNote = (denoiser: DenoiserInUse): string =>
  `with   ${denoiserInWords(describedDenoiser(denoiser))}`;

function describedNoise(
  trained: Sourced<NoiseRange> | null,
  { scaling }: Conditioning,
): Pick<RecordedDenoiser, 'trained' | 'range'> {
  if (trained === null) return { trained };
  const { least, most } = trained.value;
  const value = scaling?.trained ?? least;
  return { trained: { ...trained, value }, ...(least === most ? {} : { range: [least, most] }) };
}

/** What a result file says of it. */
export const describedDenoiser = ({
  source,
  cut,
  trained,
  conditioning,
}: DenoiserInUse): RecordedDenoiser => ({
  name: recordableName(source.path),
  files: source.files.map(({ name, sha256 }) => ({ name, sha256 })),
  producer: source.producer,
  ...(source.modifications === undefined ? {} : { modified: source.modifications }),
  at: cut.index === 0 ? null : cut.value.name,
  ...describedNoise(trained, conditioning),
  ...conditioning,
});
