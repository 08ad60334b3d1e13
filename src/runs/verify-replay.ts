/** Certificates of a file computed again, as part of its verification. */
import type { Context } from '../methods/context.ts';
import type { RunHeader } from '../records/record.ts';
import { ofSeries } from '../verification/of-series.ts';
import type { PlacedRecord } from '../verification/verify-file.ts';
import type { OpenedSubject } from './open-subject.ts';
import { replayOn } from './replay.ts';
import { replaySample, type SampleSize, sampleInWords, sampleLeavesOpen } from './replay-sample.ts';
import { type Collected, mismatch } from './verify-outcome.ts';

export const NOT_REPLAYED =
  'that the certificates were computed as stated: --replay N computes N of them again';

export interface ReplayRequest {
  /** Path of the result file. */
  readonly run: string;
  readonly replay: SampleSize;
  /** Draws the sample. */
  readonly seed: number;
}

/**
 * Computes records again, and adds what that shows.
 * @throws DoesNotHold for the first line or record that comes out differently
 */
export async function replayRecords(
  { run, replay, seed }: ReplayRequest,
  header: RunHeader,
  records: readonly PlacedRecord[],
  subject: OpenedSubject,
  found: Collected,
  context: Context,
): Promise<void> {
  const all = records.map(({ record }) => record);
  const sample = replaySample(all, replay, seed);
  const again = await replayOn(header, sample.records, subject, context);
  const doubt = (why: string): string =>
    again.elsewhere.length === 0
      ? why
      : `${why}; small differences may be due to this machine (${again.elsewhere.join('; ')})`;
  if (again.header.length > 0)
    throw mismatch("the run's first line does not hold", `${run}, line 1`, doubt(again.header.join('; ')));
  for (const { record, image, series } of again.records) {
    const why = [...image, ...series.flatMap((texts, k) => texts.map((text) => ofSeries(header, k, text)))];
    if (why.length === 0) continue;
    const line = records.find(({ record: { index } }) => index === record.index)?.line;
    throw mismatch(
      `the result file does not hold: image ${record.index}`,
      `${run}, line ${line}`,
      doubt(`${why.join('; ')} (drawn by the seed ${seed})`),
    );
  }
  found.replayed = { records: sample.records.length, of: records.length };
  found.checked.push(`votes drawn again, and every field computed again, of ${sampleInWords(sample)}`);
  const open = sampleLeavesOpen(sample);
  const others = open === null ? [] : [open];
  found.unchecked.splice(
    0,
    found.unchecked.length,
    ...others,
    ...found.unchecked.filter((text) => text !== NOT_REPLAYED),
  );
}
