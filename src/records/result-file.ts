/** Where the records of a run go: a result file (a journal, `journal.ts`), or a stream. */
import type { Writable } from 'node:stream';
import { ToolError } from '../ground/errors.ts';
import { chained } from './chain.ts';
import { cohenHeader, cohenRow } from './cohen-tsv.ts';
import { type Journal, openJournal } from './journal.ts';
import {
  type CertificateRecord,
  lineOf,
  type Outcome,
  outcomeOf,
  type RunEnd,
  type RunHeader,
} from './record.ts';
import { plannedOrder, RESULT_JOURNAL } from './result-journal.ts';

/** Records arrive one at a time in the run's order, `plannedIndices(header)`. */
export interface ResultFile extends Journal<RunHeader, CertificateRecord, RunEnd> {
  /** Every image's outcome so far, those found in the file first. */
  readonly outcomes: readonly Outcome[];
}

/** Opens `path` to write or continue the run described by `header`. Throws as `openJournal` does. */
export async function openResultFile(path: string, header: RunHeader): Promise<ResultFile> {
  const outcomes: Outcome[] = [];
  const journal = await openJournal(path, RESULT_JOURNAL, header, (record) => {
    outcomes.push(outcomeOf(record));
  });
  return { ...journal, outcomes };
}

/**
 * The same for a run whose records go to a stream (standard output): nothing to resume, nothing to lock.
 * `append` throws ToolError when the reader of the stream has gone.
 */
export async function openResultStream(
  stream: Writable,
  header: RunHeader,
  format: 'jsonl' | 'tsv' = 'jsonl',
): Promise<ResultFile> {
  const outcomes: Outcome[] = [];
  const order = plannedOrder(header);
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
  await (format === 'tsv' ? write(cohenHeader(header.guarantee)) : writeLine(lineOf(header)));
  return {
    header,
    outcomes,
    begun: false,
    resumed: 0,
    repaired: 'nothing',
    append: async (record) => {
      const misplaced = order.fault(record.index);
      if (misplaced !== null) throw new Error(`record of ${misplaced}`);
      await (format === 'tsv' ? write(cohenRow(record, header.guarantee)) : writeLine(lineOf(record)));
      order.pass(record.index);
      outcomes.push(outcomeOf(record));
    },
    finish: async (end) => {
      if (format === 'jsonl') await writeLine(lineOf(end));
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
