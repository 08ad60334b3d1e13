/**
 * Verifies a result file: what its bytes show, who signed it, and, as far as model and data are given, whether it is about
 * them and whether they bear out its certificates.
 */
import type { KeyObject } from 'node:crypto';
import { keyId } from '../attestation/keys.ts';
import { statementPathOf, verifySignedStatement } from '../attestation/signed-statement.ts';
import { isKindOnly } from '../datasets/open-dataset.ts';
import { DoesNotHold, UsageError } from '../ground/errors.ts';
import type { Context } from '../methods/context.ts';
import { methodOf } from '../methods/index.ts';
import { loadModel } from '../onnx/model/load.ts';
import type { RunHeader } from '../records/record.ts';
import { drawnSeed } from '../smoothing/noise/drawn-seed.ts';
import { leftOutCount } from '../statistics/left-out.ts';
import { ofSeries } from '../verification/of-series.ts';
import {
  claimsOf,
  type FileVerification,
  type PlacedRecord,
  verifyFile,
} from '../verification/verify-file.ts';
import { openContext } from './context.ts';
import { loadRecorded } from './open-denoiser.ts';
import { recordedDigest } from './open-model.ts';
import type { OpenedSubject } from './open-subject.ts';
import {
  denoiserPath,
  modelDifference,
  reopenSubject,
  type SourceFlags,
  sourceDifferences,
} from './reopen-subject.ts';
import type { SampleSize } from './replay-sample.ts';
import { readableAfterAll } from './run-images.ts';
import { subjectOf } from './subject-of-series.ts';
import { STATED_ONLY, seedDoubt, selectionDoubt } from './verify-doubts.ts';
import { checkFindings } from './verify-findings.ts';
import { type AnswersAgain, answersAgain, imageFault, type RecordFault } from './verify-images.ts';
import { type Collected, type Findings, mismatch, type Replayed } from './verify-outcome.ts';
import { NOT_REPLAYED, replayRecords } from './verify-replay.ts';

export interface VerifyRequest extends SourceFlags {
  /** Whether a run without a closing line holds. */
  readonly unfinished?: boolean | undefined;
  /** Certificates per series whose bounds are proved another way; by default what fits into a minute, as `certify` proves them. */
  readonly bounds?: number | undefined;
  /** Certificates that are computed again, noise and all; none by default. */
  readonly replay?: SampleSize | undefined;
  /** Chooses samples and probes; drawn from the operating system unless given. */
  readonly seed?: number | undefined;
  /** The key that must have signed a statement about the file. */
  readonly key?: KeyObject | undefined;
  /** Path of that statement; beside the file unless given. */
  readonly statement?: string | undefined;
}

export interface Verification extends Findings {
  readonly file: FileVerification;
  /** The first thing that does not hold; null when all that was looked at does. */
  readonly problem: DoesNotHold | null;
  /** What chose samples and probes. */
  readonly seed: number;
  /** Records computed again, of how many; null where none were. */
  readonly replayed: Replayed | null;
}

/** A request whose seed is settled. */
type Seeded = VerifyRequest & { readonly seed: number };

/**
 * @param context where it is computed; by default the CPU with a worker per core, without messages
 * @throws UsageError, ModelRefused, ToolError where something cannot be checked; what does not hold is part of the result
 */
export async function verify(request: VerifyRequest, context?: Context): Promise<Verification> {
  if (context === undefined) {
    const own = openContext();
    try {
      return await verify(request, own);
    } finally {
      await own.resources.close();
    }
  }
  requireModel(request);
  const file = await verifyFile(request.run, request.unfinished ?? false);
  const { header, fault } = file;
  const seeded: Seeded = { ...request, seed: request.seed ?? drawnSeed() };
  const { seed } = seeded;
  if (fault !== null || header === null)
    return {
      ...{ file, problem: fault && faultOf(request.run, fault), seed },
      ...{ checked: [], unchecked: [], scope: 'file', replayed: null },
    };
  const found = fileFindings(header, file);
  try {
    await checkSignature(request, found);
    await checkSources(seeded, header, file.records, found, context);
    return { ...found, file, problem: null, seed };
  } catch (error) {
    if (!(error instanceof DoesNotHold)) throw error;
    return { ...found, file, problem: error, seed };
  }
}

/** Throws UsageError where model and data are needed and none is named. */
function requireModel({ model, data, bounds = 0, replay = 0 }: VerifyRequest): void {
  if (model !== undefined || (bounds === 0 && replay === 0 && data === undefined)) return;
  throw new UsageError({
    what: `${bounds > 0 ? '--bounds' : replay !== 0 ? '--replay' : '--data'} needs the model`,
    remedy: 'Name it after the result file: splitz-onnx verify RUN.jsonl MODEL.onnx.',
  });
}

const faultOf = (path: string, { record, line, why }: NonNullable<FileVerification['fault']>): DoesNotHold =>
  new DoesNotHold({
    what: `the result file does not hold: ${record}`,
    where: `${path}, line ${line}`,
    why: why.join('; '),
    remedy:
      'Trust nothing from this line on. Get the file again from its source, or certify the images again.',
  });

const wrongRecord = (path: string, { line, record, why }: RecordFault): DoesNotHold =>
  mismatch(`the result file does not hold: image ${record.index}`, `${path}, line ${line}`, why);

/** What a file shows by itself. */
function fileFindings(header: RunHeader, { records, finished, returned }: FileVerification): Collected {
  const selection = selectionDoubt(header, records.length);
  const byNoise = records.some(({ record }) => record.series.some((one) => one.failureProbability > 0));
  return {
    scope: 'file',
    replayed: null,
    checked: [
      `${records.length} records: ${header.series.map((one) => `${methodOf(one).title}: ${methodOf(one).recomputed}`).join('; ')}; classes, order, settings`,
      `the chain over all lines${returned ? ', which end in CR LF here: something has rewritten the line ends since, and nothing else' : ''}`,
      ...(finished ? ["the closing line's figures and its result digest, counted again"] : []),
    ],
    unchecked: [
      NOT_REPLAYED,
      ...(selection === null ? [] : [selection]),
      ...(byNoise ? [seedDoubt(header)] : []),
      STATED_ONLY,
      ...(finished ? [] : ['whether records are missing at the end: the run is not finished']),
    ],
  };
}

/** Who vouches for the file, if a key was given. */
async function checkSignature({ run, key, statement }: VerifyRequest, found: Collected): Promise<void> {
  if (key === undefined) {
    found.unchecked.push(
      'who wrote the file: a chain shows accidents and casual edits, not a forger, who can rebuild it; --key checks a signature',
    );
    return;
  }
  await verifySignedStatement(run, statement ?? statementPathOf(run), key);
  found.checked.push(`the signed statement about these bytes, by key ${keyId(key)}`);
}

/** Digests, images, answers and certificates, as far as model and data are given. */
async function checkSources(
  request: Seeded,
  header: RunHeader,
  records: readonly PlacedRecord[],
  found: Collected,
  context: Context,
): Promise<void> {
  const { run, model, data, bounds = 0, replay = 0, followLinks = false } = request;
  if (model === undefined) {
    found.unchecked.push(
      'the digests of model and data, the images, and what model and data show of the certificates: no model was named',
      ...doubts(header, records),
    );
    return;
  }
  const source = await loadModel(model, { sha256: recordedDigest(header.model), followLinks }).catch(
    (error: unknown) => {
      if (error instanceof UsageError && error.report.code === 'other-model')
        throw mismatch('the model is not the one certified', model, error.report.why ?? '');
      throw error;
    },
  );
  const other = modelDifference(header, source);
  if (other !== null) throw mismatch('the model is not the one certified', model, other);
  found.checked.push('the digest of the model');
  await checkDenoiser(request, header, found);
  found.scope = 'part';
  const spec = data ?? source.metadata.get('splitz.dataset');
  const unnamed = spec === undefined || (data === undefined && isKindOnly(spec));
  // With --bounds or --replay, opening the data says what is missing.
  if (unnamed && bounds === 0 && replay === 0) {
    found.unchecked.push(
      'the data, the images, what the header says of the model, and what both show of the certificates: no --data was given',
      ...doubts(header, records),
    );
    return;
  }
  const subject = await reopenSubject(request, header).catch((error: unknown) => {
    if (error instanceof UsageError && error.report.code === 'other-data')
      throw mismatch('the data are not those certified', run, error.report.why ?? '');
    throw error;
  });
  const differences = sourceDifferences(header, subject);
  if (differences.length > 0)
    throw mismatch("the run's first line does not hold", `${run}, line 1`, differences.join('; '));
  found.checked.push('the digest of the data; what the header says of model, data and settings');
  const complete = await checkRecords(request, header, records, subject, found, context);
  // After the images, on which some findings rest.
  const known = checkFindings(run, header, subject, found, context);
  if (replay !== 0) await replayRecords({ ...request, replay }, header, records, subject, found, context);
  if (known && complete) found.scope = 'whole';
}

/** The denoiser of a run that has one. */
async function checkDenoiser(request: Seeded, header: RunHeader, found: Collected): Promise<void> {
  const recorded = header.model.denoiser;
  const path = denoiserPath(request, header);
  if (path === undefined || recorded === undefined) return;
  await loadRecorded(path, recorded, request).catch((error: unknown) => {
    if (error instanceof UsageError && error.report.code === 'other-denoiser')
      throw mismatch('the denoiser is not the one certified', path, error.report.why ?? '');
    throw error;
  });
  found.checked.push('the digest of the denoiser');
}

/** What no file can show: of the images, and in the words of the methods. */
const doubts = (header: RunHeader, records: readonly PlacedRecord[]): string[] => {
  const leftOut = leftOutCount(header);
  return [
    ...(leftOut === 0 ? [] : [`that the ${leftOut} images left out cannot be read`]),
    ...header.series.flatMap((series, k) => {
      const doubt = methodOf(series).doubt(claimsOf(records, k), series);
      return doubt === null ? [] : [ofSeries(header, k, doubt)];
    }),
  ];
};

/** Images that the run claims to have left out as unreadable must be so: leaving out what fails would flatter a model. */
async function checkLeftOut(
  run: string,
  { selection: { unreadable = [] } }: RunHeader,
  { data }: OpenedSubject,
  found: Collected,
  { signal }: Context,
): Promise<void> {
  if (unreadable.length === 0) return;
  const readable = await readableAfterAll(data, unreadable, signal);
  if (readable !== null) {
    throw mismatch(
      `the result file does not hold: it left out image ${readable} as unreadable`,
      `${run}, line 1`,
      'the image of the data can be read',
    );
  }
  found.checked.push(`that the ${unreadable.length} images left out cannot be read`);
}

/** The records against model and data; whether nothing was left open. */
async function checkRecords(
  { run, bounds, seed }: Seeded,
  header: RunHeader,
  records: readonly PlacedRecord[],
  subject: OpenedSubject,
  found: Collected,
  context: Context,
): Promise<boolean> {
  const image = await imageFault(records, subject.data, context.signal);
  if (image !== null) throw wrongRecord(run, image);
  found.checked.push('the pixels, the name and the label of every image');
  await checkLeftOut(run, header, subject, found, context);
  const answers = await answersAgain(records, header, subject, seed, context);
  if (answers.fault !== null) throw wrongRecord(run, answers.fault);
  const left = answersOpen(answers, records.length);
  if (answers.asked > answers.elsewhere.length)
    found.checked.push(
      `what the network alone answers, asked again at ${answers.asked} of ${records.length} images`,
    );
  for (const [k, series] of header.series.entries()) {
    const request = { bounds: bounds ?? null, seed, runSeed: BigInt(header.seed.value) };
    const { fault, checked, unchecked } = await methodOf(series).confirm(
      claimsOf(records, k),
      series,
      subjectOf(series, subject),
      request,
      context,
    );
    if (fault !== null) {
      const { line, index } = fault.claim;
      const what = `the result file does not hold: image ${index}`;
      const sampled = bounds === undefined ? '' : ` (drawn by the seed ${seed})`;
      throw mismatch(what, `${run}, line ${line}`, ofSeries(header, k, `${fault.why}${sampled}`));
    }
    found.checked.push(...checked.map((text) => ofSeries(header, k, text)));
    left.push(...unchecked.map((text) => ofSeries(header, k, text)));
  }
  found.unchecked.push(...left);
  return left.length === 0;
}

const LISTED = 5;

/** What of the network's answers was left open. */
function answersOpen({ asked, elsewhere }: AnswersAgain, records: number): string[] {
  const open: string[] = [];
  if (asked < records)
    open.push(`what the network alone answers at ${records - asked} images: they did not fit into a minute`);
  if (elsewhere.length > 0) {
    const listed = elsewhere.slice(0, LISTED).join(', ') + (elsewhere.length > LISTED ? ', …' : '');
    open.push(
      `what the network alone answers at ${elsewhere.length} images, where this machine gives another class than the run's: ${listed}`,
    );
  }
  return open;
}
