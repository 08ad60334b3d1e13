/**
 * Certifies a data set: opens the subject, settles the settings of every series, and gives one record per image. Nothing here
 * knows a flag, a file or a stream; `records/result-file.ts` keeps the records.
 */
import type { Dataset } from '../datasets/dataset.ts';
import { readableImages } from '../datasets/readable-images.ts';
import { UsageError } from '../ground/errors.ts';
import { type Context, type Message, note } from '../methods/context.ts';
import type { Certifier, Image } from '../methods/method.ts';
import { valuesOf } from '../methods/method.ts';
import { byDefault, byFlag, drawn, originOf, requireCount } from '../methods/sourced.ts';
import { normField } from '../records/norm.ts';
import {
  type CertificateRecord,
  plannedIndices,
  RESULT_FORMAT,
  type RunHeader,
  type SeriesCertificate,
  type Sourced,
} from '../records/record.ts';
import { noiseNumber } from '../records/shared-noise.ts';
import { drawnSeed } from '../smoothing/noise/drawn-seed.ts';
import { withContext } from './context.ts';
import { describeEnvironment } from './environment.ts';
import { networkAnswers } from './network-answers.ts';
import { describedDenoiser } from './open-denoiser.ts';
import { type OpenedSubject, openSubject, type SubjectRequest } from './open-subject.ts';
import { recordableName } from './recordable-name.ts';
import { pixelDigest, unreadableImages } from './run-images.ts';
import { checkSettings, type SeriesRequests, type Settled, settle } from './settle.ts';
import { subjectOf } from './subject-of-series.ts';
import { packageVersion } from './version.ts';

export interface CertifyRequest extends SubjectRequest, SeriesRequests {
  /** Index of the first image; 0 unless given. */
  readonly start?: number | undefined;
  /** Every `skip`-th image; 1 unless given. */
  readonly skip?: number | undefined;
  /** Images after which the run ends; at the end of the data unless given. */
  readonly max?: number | undefined;
  /** Of the noise; drawn from the operating system unless given. */
  readonly seed?: number | undefined;
  /** Images that share the noise of each draw, which is then drawn once for all of them; each its own unless given. */
  readonly shareNoise?: number | undefined;
  /** Whether an image that cannot be decoded ends the run; otherwise it is left out, and the header lists it. */
  readonly strictImages?: boolean | undefined;
}

/** A run with known settings, not yet opened. */
export interface SettledRun extends Settled {
  readonly subject: OpenedSubject;
  readonly request: CertifyRequest;
  readonly seed: Sourced<number>;
  /** Images left out because their files cannot be decoded. */
  readonly unreadable: readonly number[];
}

/** A run that records can be taken from. */
export interface OpenedRun {
  /** The first line of a result file. */
  readonly header: RunHeader;
  /**
   * The records in the order of the run. @param done how many of them already exist
   * @throws the signal's reason when aborted
   */
  records(done: number): AsyncGenerator<CertificateRecord>;
  close(): Promise<void>;
}

/** Throws UsageError for requests that can certify nothing, whatever the model; called before anything is opened. */
export function checkRequest(request: CertifyRequest): void {
  const { start = 0, skip = 1, max, seed, shareNoise } = request;
  requireCount('--start', start, 0);
  requireCount('--skip', skip, 1);
  if (max !== undefined) requireCount('--max', max, 1);
  if (seed !== undefined) requireCount('--seed', seed, 0);
  if (shareNoise !== undefined) requireCount('--share-noise', shareNoise, 1);
  checkSettings(request);
}

/** @throws UsageError, ModelRefused for what cannot be certified as requested */
export async function settleRun(request: CertifyRequest, context: Context): Promise<SettledRun> {
  checkRequest(request);
  const subject = await openSubject(request, (text) => note(context, text));
  return settleOn(subject, request, context);
}

/** The same for a subject that is open. */
export async function settleOn(
  subject: OpenedSubject,
  request: CertifyRequest,
  context: Context,
): Promise<SettledRun> {
  const { start = 0 } = request;
  if (start >= subject.data.length) {
    throw new UsageError({
      what: `--start ${start} is past the last image`,
      why: `the data set has ${subject.data.length}`,
      remedy: `Give a number below ${subject.data.length}.`,
    });
  }
  const { series, heldOut } = await settle(request, subject, context);
  const seed =
    request.seed === undefined ? drawn(drawnSeed()) : byFlag(request.seed, originOf(request, 'seed'));
  const unreadable = await leftOut(subject, request, heldOut, context);
  return { series, heldOut, subject, request, seed, unreadable };
}

/** The images of the run that cannot be read. Throws as `unreadableImages` does. */
async function leftOut(
  { data }: OpenedSubject,
  { start = 0, skip = 1, max = Infinity, strictImages = false }: CertifyRequest,
  heldOut: readonly number[],
  context: Context,
): Promise<number[]> {
  const omitted = new Set(heldOut);
  const planned: number[] = [];
  for (let index = start; index < data.length; index += skip) if (!omitted.has(index)) planned.push(index);
  return unreadableImages(data, planned, max, strictImages, context);
}

/** Opens every series. @throws ModelRefused when a proof fails, ToolError when the provider is absent */
export async function openRun(settled: SettledRun, context: Context): Promise<OpenedRun> {
  const { subject, series, seed } = settled;
  const probes = await firstImages(settled.subject.data, settled.request.start ?? 0, settled.unreadable);
  const certifiers: Certifier<object>[] = [];
  const close = async (): Promise<void> => {
    for (const certifier of certifiers) await certifier.close();
  };
  try {
    for (const [k, one] of series.entries()) {
      const noise = { seed: BigInt(seed.value), series: k };
      const settings = valuesOf(one.settings);
      certifiers.push(await one.method.open(subjectOf(one, subject), settings, noise, probes, context));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const header = headerOf(settled, certifiers, context);
  return {
    header,
    records: (done) => recordsOf(subject, header, certifiers, done, context),
    close,
  };
}

/**
 * Certifies images, for programs: records as they come, nothing written.
 * @param context where it is computed; by default the CPU with a worker per core, without messages
 * @throws UsageError, ModelRefused, ToolError
 * @example
 * for await (const { index, series: [own] } of certify({ model: 'model.onnx', data: 'glyphs', max: 10 }))
 *   console.log(index, own?.prediction, own?.radius);
 */
export async function* certify(
  request: CertifyRequest,
  context?: Context,
): AsyncGenerator<CertificateRecord, RunHeader> {
  if (context === undefined) return yield* withContext((own) => certify(request, own));
  const run = await openRun(await settleRun(request, context), context);
  try {
    yield* run.records(0);
    return run.header;
  } finally {
    await run.close();
  }
}

export { pixelDigest } from './run-images.ts';

/** The first images of the run that can be read, for the checks before the first certificate. */
export async function firstImages(
  data: Dataset,
  start: number,
  unreadable: readonly number[],
): Promise<Float32Array[]> {
  const indices: number[] = [];
  for (let index = start; index < data.length && indices.length < 2; index++)
    if (!unreadable.includes(index)) indices.push(index);
  const images = await readableImages(data, indices);
  return images.map(({ pixels }) => pixels);
}

function headerOf(
  { subject, series, heldOut, seed, request, unreadable }: SettledRun,
  certifiers: readonly Certifier<object>[],
  { resources }: Context,
): RunHeader {
  const { classifier, data, intake, subset, findings } = subject;
  const { source } = classifier;
  const given = <T>(option: string, value: T | undefined, fallback: T): Sourced<T> =>
    value === undefined || (request.origins !== undefined && !request.origins.has(option))
      ? byDefault(value ?? fallback)
      : byFlag(value, originOf(request, option));
  return {
    kind: 'run',
    schema: RESULT_FORMAT,
    tool: { name: 'splitz-onnx', version: packageVersion() },
    started: new Date().toISOString(),
    model: {
      name: recordableName(source.path),
      files: source.files.map(({ name, sha256 }) => ({ name, sha256 })),
      producer: source.producer,
      irVersion: source.irVersion,
      opsets: [...source.opsets].map(([domain, version]) => ({ domain, version })),
      ...(source.modifications === undefined ? {} : { modified: source.modifications }),
      classes: classifier.classes,
      ...(subject.classNames === null ? {} : { classNames: [...subject.classNames] }),
      ...(subject.denoiser === null ? {} : { denoiser: describedDenoiser(subject.denoiser) }),
    },
    data: {
      ...{ name: data.name, subset, digest: data.digest, length: data.length },
      ...{ shape: [...data.shape], labelled: data.labels !== null },
    },
    intake: {
      ...intake,
      output: given('output', request.output, null),
      labels: given('labels', request.labels && recordableName(request.labels), null),
    },
    selection: {
      start: given('start', request.start, 0),
      skip: given('skip', request.skip, 1),
      max: given('max', request.max, null),
      heldOut: [...heldOut],
      ...(unreadable.length === 0 ? {} : { unreadable: [...unreadable] }),
      shard: null,
    },
    seed,
    ...(resources.precision === 'fp32'
      ? {}
      : { precision: byFlag(resources.precision, originOf(request, 'precision')) }),
    ...(request.shareNoise === undefined || request.shareNoise === 1
      ? { dependence: 'independent' }
      : { dependence: 'shared', shareNoise: given('share-noise', request.shareNoise, 1) }),
    series: series.map(({ method, settings, denoised = true }, k) => {
      const opened = certifiers[k];
      if (opened === undefined) throw new Error('one certifier per series');
      const { guarantee, facts, checks } = opened;
      return {
        ...{ method: method.name, guarantee, ...(subject.denoiser === null ? {} : { denoised }) },
        ...{ ...normField(method.norm), settings, facts, checks },
      };
    }),
    environments: [describeEnvironment(resources)],
    findings: findings.map(({ id, severity, where, what }) => ({ id, severity, where, what })),
  };
}

/** Images whose answers are worked out in one batch. */
const ANSWERED_AT_ONCE = 128;

async function* recordsOf(
  { data, network }: OpenedSubject,
  header: RunHeader,
  certifiers: readonly Certifier<object>[],
  done: number,
  context: Context,
): AsyncGenerator<CertificateRecord> {
  const planned = [...plannedIndices(header)].slice(0, header.selection.max.value ?? data.length).slice(done);
  if (planned.length === 0) return;
  /** Images in work, read once for all series. */
  const inWork = new Map<number, Promise<Float32Array>>();
  const imageOf = (index: number): Promise<Float32Array> => {
    const image = inWork.get(index) ?? data.image(index);
    inWork.set(index, image);
    return image;
  };
  async function* images(): AsyncGenerator<Image> {
    for (const index of planned) yield imageOfRun(header, index, await imageOf(index));
  }
  const progress = progressOf(certifiers.length, planned, context);
  const streams = certifiers.map((certifier, k) =>
    certifier.certify(images(), { ...context, tell: progress.of(k) })[Symbol.asyncIterator](),
  );
  const alone = await networkAnswers(network);
  const known = new Map<number, number | null>();
  /** Of an image in work; with those that the certifiers have asked for already, as one batch. */
  const answerTo = async (index: number): Promise<number | null> => {
    if (!known.has(index)) {
      const next = [...inWork.keys()].slice(0, ANSWERED_AT_ONCE);
      const answers = await alone.answers(await Promise.all(next.map(imageOf)));
      next.forEach((image, k) => {
        known.set(image, answers[k] ?? null);
      });
    }
    const answer = known.get(index) ?? null;
    known.delete(index);
    return answer;
  };
  try {
    for (const index of planned) {
      const series = await nextOf(streams);
      context.signal.throwIfAborted();
      const pixels = await imageOf(index);
      yield {
        kind: 'certificate',
        index,
        name: data.names?.[index] ?? null,
        sha256: pixelDigest(pixels),
        label: data.labels?.[index] ?? null,
        answer: await answerTo(index),
        environment: 0,
        series,
      };
      inWork.delete(index);
      progress.next();
    }
  } finally {
    await Promise.allSettled(streams.map((stream) => stream.return?.()));
    await alone.close();
  }
}

/** An image as it is certified in a run. */
export const imageOfRun = (
  header: Pick<RunHeader, 'selection' | 'shareNoise'>,
  index: number,
  pixels: Float32Array,
): Image => ({
  index,
  pixels,
  ...(header.shareNoise === undefined
    ? {}
    : { noise: { number: noiseNumber(header, index), images: header.shareNoise.value } }),
});

/** The next certificate of every series; of several failures, that of the first series is thrown. */
async function nextOf(streams: readonly AsyncIterator<SeriesCertificate>[]): Promise<SeriesCertificate[]> {
  const steps = await Promise.allSettled(streams.map((stream) => stream.next()));
  return steps.map((step) => {
    if (step.status === 'rejected') throw step.reason;
    if (step.value.done) throw new Error('a certifier ended before its images');
    return step.value.value;
  });
}

/** How far the first image in work is, over all series; later ones are in work meanwhile. */
function progressOf(
  series: number,
  planned: readonly number[],
  { tell }: Context,
): { of(k: number): Context['tell']; next(): void } {
  let at = 0;
  let shares = new Map<number, number>();
  return {
    of: (k) => (message: Message) => {
      if (message.kind !== 'draws') return tell(message);
      if (message.index !== planned[at]) return;
      shares.set(k, message.share);
      const sum = [...shares.values()].reduce((total, share) => total + share, 0);
      tell({ ...message, share: sum / series });
    },
    next: () => {
      at++;
      shares = new Map();
    },
  };
}
