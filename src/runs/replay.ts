/** Computes records of a run again, with its seed and settings, and reports what differs. */
import { UsageError } from '../ground/errors.ts';
import { type Context, note } from '../methods/context.ts';
import { methodOf } from '../methods/index.ts';
import { type Image, type Subject, valuesOf } from '../methods/method.ts';
import type { Run } from '../records/read-results.ts';
import type { CertificateRecord, RunHeader, SeriesCertificate } from '../records/record.ts';
import { certificateDifferences, type ImageFacts, imageDifferences } from '../verification/replay.ts';
import { pixelDigest } from './certify.ts';
import { describeEnvironment } from './environment.ts';
import { findRecord } from './find-record.ts';
import { networkAnswers } from './network-answers.ts';
import { environmentDifferences, reopenSubject, type SourceFlags } from './reopen-subject.ts';

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
  const { header } = run;
  const records = [...new Set(images)].map((image) => findRecord(run, image, sources.run));
  const subject = await reopenSubject(sources, header);
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
    records.map(async ({ index }): Promise<Image> => ({ index, pixels: await subject.data.image(index) })),
  );
  const facts = await factsAgain(wanted, subject);
  const again: SeriesCertificate[][] = [];
  for (const k of header.series.keys()) again.push(await seriesAgain(header, k, wanted, subject, context));
  return {
    elsewhere,
    records: records.map((record, i) => {
      const fact = facts[i];
      if (fact === undefined) throw new Error('one look per record');
      return {
        record,
        image: imageDifferences(record, fact),
        series: record.series.map((recorded, k) => {
          const certificate = again[k]?.[i];
          if (certificate === undefined) throw new Error('one certificate per record and series');
          return certificateDifferences(recorded, certificate);
        }),
      };
    }),
  };
}

async function factsAgain(images: readonly Image[], { classifier }: Subject): Promise<ImageFacts[]> {
  const network = await networkAnswers(classifier);
  const facts: ImageFacts[] = [];
  try {
    for (const { pixels } of images)
      facts.push({ sha256: pixelDigest(pixels), answer: await network.answer(pixels) });
  } finally {
    await network.close();
  }
  return facts;
}

/** The certificates of one series, as `certify` makes them. */
async function seriesAgain(
  header: RunHeader,
  k: number,
  images: readonly Image[],
  subject: Subject,
  context: Context,
): Promise<SeriesCertificate[]> {
  const series = header.series[k];
  if (series === undefined) throw new RangeError(`the run has no series ${k}`);
  const noise = { seed: BigInt(header.seed.value), series: k };
  const probes = images.slice(0, 2).map(({ pixels }) => pixels);
  const certifier = await methodOf(series).open(subject, valuesOf(series.settings), noise, probes, context);
  try {
    if (certifier.guarantee !== series.guarantee)
      throw new UsageError({
        what: `series ${k} of the run is called "${series.guarantee}", but its method gives "${certifier.guarantee}"`,
        remedy: 'Run `splitz-onnx verify` on the file.',
      });
    const again: SeriesCertificate[] = [];
    for await (const certificate of certifier.certify(stream(images), context)) again.push(certificate);
    return again;
  } finally {
    await certifier.close();
  }
}

async function* stream(images: readonly Image[]): AsyncGenerator<Image> {
  yield* images;
}
