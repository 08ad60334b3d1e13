/** Computes records of a run again, with its seed and settings, and reports what differs. */
import { UsageError } from '../ground/errors.ts';
import { type Context, note } from '../methods/context.ts';
import { methodOf } from '../methods/index.ts';
import { type Certifier, type Image, valuesOf } from '../methods/method.ts';
import type { Run } from '../records/read-results.ts';
import type { CertificateRecord, RunHeader, SeriesCertificate } from '../records/record.ts';
import {
  certificateDifferences,
  differences,
  type ImageFacts,
  imageDifferences,
} from '../verification/replay.ts';
import { firstImages, imageOfRun, pixelDigest } from './certify.ts';
import { describeEnvironment, type Environment } from './environment.ts';
import { findRecord } from './find-record.ts';
import { networkAnswers } from './network-answers.ts';
import type { OpenedSubject } from './open-subject.ts';
import { requireRecordedPrecision } from './recorded-precision.ts';
import { environmentDifferences, reopenSubject, type SourceFlags } from './reopen-subject.ts';
import { subjectOf } from './subject-of-series.ts';

/** A record computed again. */
export interface Replayed {
  readonly record: CertificateRecord;
  /** In pixels and in what the network alone answers. */
  readonly image: readonly string[];
  /** Per series of the run. */
  readonly series: readonly (readonly string[])[];
}

export interface Replay {
  readonly records: readonly Replayed[];
  /** What the first line says of the methods, as they were opened, that comes out differently. */
  readonly header: readonly string[];
  /** How this machine differs from those that computed these records, in words; empty when it does not. */
  readonly elsewhere: readonly string[];
}

/**
 * @param sources of the run, which names them by digest only
 * @param images by index, each once
 * @throws UsageError when an image has no record, or model or data are not those of the run; what opening the methods throws
 */
export async function replay(
  run: Run,
  sources: SourceFlags,
  images: readonly number[],
  context: Context,
): Promise<Replay> {
  const records = [...new Set(images)].map((image) => findRecord(run, image, sources.run));
  return replayOn(run.header, records, await reopenSubject(sources, run.header), context);
}

/**
 * The same of records of a run whose model and data are open.
 * @throws UsageError where the workers compute in another arithmetic than the run's
 */
export async function replayOn(
  header: RunHeader,
  records: readonly CertificateRecord[],
  subject: OpenedSubject,
  context: Context,
): Promise<Replay> {
  requireRecordedPrecision(header, context.resources);
  const here = describeEnvironment(context.resources);
  const machines = [...new Set(records.map(({ environment }) => environment))];
  const elsewhere = [
    ...new Set(
      machines.flatMap((k) => {
        const there = header.environments[k];
        return there === undefined ? [] : environmentDifferences(there, here);
      }),
    ),
  ];
  if (elsewhere.length > 0)
    note(
      context,
      `note   results may differ: logits can differ in their last bits (${elsewhere.join('; ')})`,
    );
  const wanted = await Promise.all(
    records.map(async ({ index }) => imageOfRun(header, index, await subject.data.image(index))),
  );
  const facts = await factsAgain(wanted, subject);
  const again: SeriesAgain[] = [];
  for (const k of header.series.keys()) again.push(await seriesAgain(header, k, wanted, subject, context));
  return {
    elsewhere,
    header: again.flatMap(({ opened }, k) => openedDifferences(header, k, opened, here)),
    records: records.map((record, i) => {
      const fact = facts[i];
      if (fact === undefined) throw new Error('one look per record');
      return {
        record,
        image: imageDifferences(record, fact),
        series: record.series.map((recorded, k) => {
          const certificate = again[k]?.certificates[i];
          if (certificate === undefined) throw new Error('one certificate per record and series');
          return certificateDifferences(recorded, certificate);
        }),
      };
    }),
  };
}

async function factsAgain(
  images: readonly Image[],
  { network: alone }: OpenedSubject,
): Promise<ImageFacts[]> {
  const network = await networkAnswers(alone);
  const facts: ImageFacts[] = [];
  try {
    for (const { pixels } of images)
      facts.push({ sha256: pixelDigest(pixels), answer: await network.answer(pixels) });
  } finally {
    await network.close();
  }
  return facts;
}

/** A series opened again, and its certificates. */
interface SeriesAgain {
  readonly opened: Pick<Certifier<object>, 'facts' | 'checks'>;
  readonly certificates: readonly SeriesCertificate[];
}

/** What a header says of an opened method, against the one opened here; what is measured only where the machine is the same. */
function openedDifferences(
  { series, environments }: RunHeader,
  k: number,
  { facts, checks }: SeriesAgain['opened'],
  here: Environment,
): string[] {
  const [opener] = environments;
  const recorded = series[k];
  if (recorded === undefined || opener === undefined) return [];
  const measured = ({ batch: _, ...rest }: Readonly<Record<string, unknown>>): object => rest;
  const same = environmentDifferences(opener, here).length === 0;
  return [
    ...differences(recorded.facts, facts),
    ...(same ? differences(measured({ ...recorded.checks }), measured({ ...checks })) : []),
  ].map((text) => `series[${k}]: ${text}`);
}

/** The certificates of one series, as `certify` makes them. */
async function seriesAgain(
  header: RunHeader,
  k: number,
  images: readonly Image[],
  subject: OpenedSubject,
  context: Context,
): Promise<SeriesAgain> {
  const series = header.series[k];
  if (series === undefined) throw new RangeError(`the run has no series ${k}`);
  const noise = { seed: BigInt(header.seed.value), series: k };
  const probes = await firstImages(
    subject.data,
    header.selection.start.value,
    header.selection.unreadable ?? [],
  );
  const settings = valuesOf(series.settings);
  const certifier = await methodOf(series).open(subjectOf(series, subject), settings, noise, probes, context);
  try {
    if (certifier.guarantee !== series.guarantee)
      throw new UsageError({
        what: `series ${k} of the run is called "${series.guarantee}", but its method gives "${certifier.guarantee}"`,
        remedy: 'Run `splitz-onnx verify` on the file.',
      });
    const certificates: SeriesCertificate[] = [];
    for await (const certificate of certifier.certify(stream(images), context))
      certificates.push(certificate);
    const { facts, checks } = certifier;
    return { opened: { facts, checks }, certificates };
  } finally {
    await certifier.close();
  }
}

async function* stream(images: readonly Image[]): AsyncGenerator<Image> {
  yield* images;
}
