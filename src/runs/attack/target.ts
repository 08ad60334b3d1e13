/** What is attacked: the certificates of a result file, a model certified on the way, or a network alone. */
import { readFileSync } from 'node:fs';
import { UsageError } from '../../ground/errors.ts';
import type { Context } from '../../methods/context.ts';
import { methodOf, ownSeries } from '../../methods/index.ts';
import { type Method, valuesOf, type WithOrigins } from '../../methods/method.ts';
import { readRun } from '../../methods/result-files.ts';
import { originOf } from '../../methods/sourced.ts';
import type { Norm } from '../../records/norm.ts';
import type { CertificateRecord, RunHeader } from '../../records/record.ts';
import { type OpenedSubject, openSubject, type SubjectRequest } from '../open-subject.ts';
import { reopenSubject, type SourceFlags } from '../reopen-subject.ts';
import { withoutUnreadable } from '../run-images.ts';
import { type SeriesRequests, settle } from '../settle.ts';

/** Which images: one, or `max` from `start`. */
export interface ImageChoice {
  readonly image?: number | undefined;
  readonly start: number;
  readonly max?: number | undefined;
}

export interface AttackTarget {
  readonly subject: OpenedSubject;
  readonly indices: readonly number[];
  /** Null where the network alone is attacked. */
  readonly certified: CertifiedTarget | null;
}

export interface CertifiedTarget {
  readonly method: Method;
  /** The values alone. */
  readonly settings: object;
  /** Of the certificates. */
  readonly seed: number;
  /** Records of the result file by image; null where images are certified on the way. */
  readonly records: ReadonlyMap<number, CertificateRecord> | null;
  /** Of the run that they are from. */
  readonly precision?: RunHeader['precision'];
}

/** How a result file begins. */
const RESULT_START = '{"kind":"run"';

/** Whether a path is a result file rather than a model. */
export function isResultFile(path: string): boolean {
  if (/\.jsonl$/i.test(path)) return true;
  if (/\.onnx$/i.test(path)) return false;
  try {
    return readFileSync(path, 'utf8').startsWith(RESULT_START);
  } catch {
    // Not readable: opening it as a model reports why.
    return false;
  }
}

/**
 * The certificates of the first series of a result file.
 * @throws UsageError for an image without a record, and what reading the file and opening its model and data throws
 */
export async function targetOfRun(sources: SourceFlags, choice: ImageChoice): Promise<AttackTarget> {
  const { header, records } = await readRun(sources.run);
  const own = ownSeries(header);
  const method = methodOf(own);
  const subject = await reopenSubject(sources, header);
  const byIndex = new Map(records.map((record) => [record.index, record]));
  const indices =
    choice.image === undefined
      ? records
          .map(({ index }) => index)
          .filter((index) => index >= choice.start)
          .slice(0, choice.max ?? records.length)
      : [choice.image];
  const missing = indices.find((index) => !byIndex.has(index));
  if (missing !== undefined || indices.length === 0)
    throw new UsageError({
      what:
        missing === undefined ? 'there is no certificate to attack' : `image ${missing} has no certificate`,
      where: sources.run,
      why: `the file has ${records.length} records`,
      remedy: 'Name an image that was certified, or certify more.',
    });
  const settings = valuesOf(own.settings as WithOrigins<object>);
  return {
    ...{ subject, indices },
    certified: {
      ...{ method, settings, seed: header.seed.value, records: byIndex },
      ...(header.precision === undefined ? {} : { precision: header.precision }),
    },
  };
}

/** Certificates made on the way, by the method asked for. @throws UsageError, ModelRefused as `settle` does */
export async function targetOfModel(
  request: SubjectRequest & SeriesRequests & { readonly seed: number },
  choice: ImageChoice,
  context: Context,
): Promise<AttackTarget> {
  const subject = await openSubject(request);
  const indices = await chosenImages(subject, choice, context);
  const { series, heldOut } = await settle({ ...request, against: [] }, subject, context);
  const [own] = series;
  if (own === undefined) throw new Error('a run has a series');
  const { method, settings } = own;
  return {
    subject,
    indices: indices.filter((index) => !heldOut.includes(index)),
    certified: { method, settings: valuesOf(settings), seed: request.seed, records: null },
  };
}

/** In which distances are measured: that of the certificates, l2 for the network alone. */
export const normOfTarget = ({ certified }: AttackTarget): Norm => certified?.method.norm ?? 'l2';

/** The network alone, without noise. */
export async function targetOfNetwork(
  request: SubjectRequest,
  choice: ImageChoice,
  context: Pick<Context, 'signal' | 'tell'>,
): Promise<AttackTarget> {
  if (request.denoiser !== undefined && originOf(request, 'denoiser') === 'flag') {
    throw new UsageError({
      what: '--denoiser does not go with --undefended',
      why: 'the network alone is attacked',
      remedy: 'Omit one of them.',
    });
  }
  const { denoiser: _, denoiserSigma: _sigma, schedule: _schedule, ...alone } = request;
  const subject = await openSubject(alone);
  return { subject, indices: await chosenImages(subject, choice, context), certified: null };
}

/** Without those that cannot be read, which a note names. */
async function chosenImages(
  { data }: OpenedSubject,
  { image, start, max }: ImageChoice,
  context: Pick<Context, 'signal' | 'tell'>,
): Promise<readonly number[]> {
  const first = image ?? start;
  if (first >= data.length)
    throw new UsageError({
      what: `there is no image ${first}`,
      why: `the data set has ${data.length}`,
      remedy: `Give an index from 0 to ${data.length - 1}.`,
    });
  const last = image === undefined ? Math.min(data.length, start + (max ?? data.length)) : first + 1;
  const indices = Array.from({ length: last - first }, (_, k) => first + k);
  return withoutUnreadable(data, indices, context);
}
