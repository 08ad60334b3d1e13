/** Where the records of a run go: a result file (a journal, `journal.ts`), or a stream. */
import type { Writable } from 'node:stream';
import { ToolError } from '../ground/errors.ts';
import { chained } from './chain.ts';
import { cohenHeader, cohenRow, requireLoggable } from './cohen-tsv.ts';
import { type Journal, openJournal } from './journal.ts';
import { normOfRun } from './norm.ts';
import { type CertificateRecord, type Outcome, outcomeOf, type RunEnd, type RunHeader } from './record.ts';
import { type ResultDigest, resultDigest } from './result-digest.ts';
import { plannedOrder, resultJournal } from './result-journal.ts';
import { resultLines } from './result-lines.ts';
import type { SeriesFormats } from './series-format.ts';

/** Records arrive one at a time in the run's order, `plannedIndices(header)`. */
export interface ResultFile extends Journal<RunHeader, CertificateRecord, RunEnd> {
  /** Every image's outcome so far, those found in the file first. */
  readonly outcomes: readonly Outcome[];
  /** The result digest of the records so far. */
  digest(): string;
}

/** Opens `path` to write or continue the run described by `header`. Throws as `openJournal` does. */
export async function openResultFile(
  path: string,
  header: RunHeader,
  formats: SeriesFormats,
): Promise<ResultFile> {
  const outcomes: Outcome[] = [];
  const found: { digest: ResultDigest | null } = { digest: null };
  const lines = resultLines(formats);
  const journal = await openJournal(path, resultJournal(formats), header, (record, inForce) => {
    found.digest ??= resultDigest(inForce, lines);
    found.digest.add(record);
    outcomes.push(outcomeOf(record, inForce, formats));
  });
  return {
    ...journal,
    outcomes,
    digest: () => (found.digest ?? resultDigest(journal.header, lines)).value(),
  };
}

/**
 * The same for a run whose records go to a stream (standard output): nothing to resume, nothing to lock.
 * `append` throws ToolError when the reader of the stream has gone.
 */
export async function openResultStream(
  stream: Writable,
  header: RunHeader,
  formats: SeriesFormats,
  format: 'jsonl' | 'tsv' = 'jsonl',
): Promise<ResultFile> {
  if (format === 'tsv') requireLoggable(normOfRun(header));
  const outcomes: Outcome[] = [];
  const order = plannedOrder(header);
  const lines = resultLines(formats);
  const digest = resultDigest(header, lines);
  const guarantee = header.series[0]?.guarantee ?? 'certificate';
  // Without a listener a closed pipe would end the process before write's callback can report it.
  const ignore = () => {};
  stream.on('error', ignore);
  const write = (text: string) =>
    new Promise<void>((done, fail) => {
      stream.write(text, (cause) => (cause ? fail(streamError(cause)) : done()));
    });
  let chain: string | null = null;
  const writeLine = async (text: string): Promise<void> => {
    const next = chained(chain, text);
    await write(next.line);
    chain = next.chain;
  };
  await (format === 'tsv' ? write(cohenHeader(guarantee)) : writeLine(lines.lineOf(header)));
  return {
    header,
    outcomes,
    begun: false,
    resumed: 0,
    repaired: 'nothing',
    digest: () => digest.value(),
    append: async (record) => {
      const misplaced = order.fault(record.index);
      if (misplaced !== null) throw new Error(`record of ${misplaced}`);
      const outcome = outcomeOf(record, header, formats);
      await (format === 'tsv'
        ? write(cohenRow(outcome, guarantee))
        : writeLine(lines.recordLine(record, header)));
      order.pass(record.index);
      digest.add(record);
      outcomes.push(outcome);
    },
    finish: async (end) => {
      if (format === 'jsonl') await writeLine(lines.lineOf(end));
    },
    close: async () => {
      stream.off('error', ignore);
    },
  };
}

function streamError(cause: Error): ToolError {
  return new ToolError({
    what: 'standard output was closed before the run ended',
    why: cause.message,
    remedy: 'Write to a file with --out. Such a run can be resumed.',
    cause,
  });
}
