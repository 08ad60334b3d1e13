/** Whether records belong to the images of a data set, and state what the network alone answers at them. */
import { performance } from 'node:perf_hooks';
import type { Dataset } from '../datasets/dataset.ts';
import { shuffled } from '../ground/shuffled.ts';
import type { Context } from '../methods/context.ts';
import type { RunHeader } from '../records/record.ts';
import type { PlacedRecord } from '../verification/verify-file.ts';
import { describeEnvironment } from './environment.ts';
import { networkAnswers } from './network-answers.ts';
import type { OpenedSubject } from './open-subject.ts';
import { environmentDifferences } from './reopen-subject.ts';
import { pixelDigest } from './run-images.ts';

/** A record that does not hold, and why. */
export interface RecordFault extends PlacedRecord {
  readonly why: string;
}

/** The first record whose label, name or pixels are not those of its image, or null. Throws the signal's reason when aborted. */
export async function imageFault(
  records: readonly PlacedRecord[],
  data: Dataset,
  signal: AbortSignal,
): Promise<RecordFault | null> {
  const { labels, names } = data;
  for (const placed of records) {
    const { index, label, name, sha256 } = placed.record;
    signal.throwIfAborted();
    const facts: [field: string, then: unknown, now: unknown][] = [
      ['label', label, labels?.[index] ?? null],
      ['name', name, names?.[index] ?? null],
      ['sha256', sha256, pixelDigest(await data.image(index))],
    ];
    const wrong = facts.find(([, then, now]) => then !== now);
    if (wrong === undefined) continue;
    const [field, then, now] = wrong;
    return { ...placed, why: `${field} is ${then} in the file, ${now} in the data` };
  }
  return null;
}

/** Seconds spent on answers. */
const SECONDS = 60;

export interface AnswersAgain {
  /** The first record found whose answer the network does not give, and why; null when there was none. */
  readonly fault: RecordFault | null;
  /** Records looked at: all, unless they take more than a minute. */
  readonly asked: number;
  /** Answers that differ on a machine other than the record's, in words: neither a fault of the file nor a confirmation of it. */
  readonly elsewhere: readonly string[];
}

/**
 * Asks the network alone again, at images in an order that the seed decides, for up to a minute.
 * @throws the signal's reason when aborted
 */
export async function answersAgain(
  records: readonly PlacedRecord[],
  { environments }: RunHeader,
  { network: alone, data }: Pick<OpenedSubject, 'network' | 'data'>,
  seed: number,
  { resources, signal }: Context,
): Promise<AnswersAgain> {
  const here = describeEnvironment(resources);
  // The network alone always runs on the CPU.
  const machines = environments.map((there) =>
    environmentDifferences(there, { ...here, provider: there.provider }),
  );
  const elsewhere: string[] = [];
  let asked = 0;
  const until = performance.now() + 1000 * SECONDS;
  const network = await networkAnswers(alone);
  try {
    for (const placed of shuffled(records, seed, ({ line }) => line)) {
      if (performance.now() >= until) break;
      signal.throwIfAborted();
      const { index, answer, environment } = placed.record;
      const again = await network.answer(await data.image(index));
      asked++;
      if (again === answer) continue;
      const machine = machines[environment] ?? [];
      const why = `answer is ${answer} in the file, but the network alone answers ${again}`;
      if (machine.length === 0) return { fault: { ...placed, why }, asked, elsewhere };
      elsewhere.push(`image ${index}: ${answer} in the file, ${again} here (${machine.join('; ')})`);
    }
  } finally {
    await network.close();
  }
  return { fault: null, asked, elsewhere };
}
