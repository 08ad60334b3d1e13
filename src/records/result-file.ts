/**
 * The append-only result file of a run: one header line, then one line per image, each written by a single append as
 * the image ends and flushed to the disk. A process killed at any moment leaves whole lines and at most one torn last
 * line, which the next opening cuts off and computes again; so a resumed file equals an uninterrupted one byte for
 * byte, time fields (and the chain over them) aside. A finished run is closed by one more line, which a run that goes on
 * after all (a larger --max) takes back first.
 *
 * Nothing that is refused is touched: the file is read and judged to its end before it is changed.
 */
import { type FileHandle, open, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { SplitzError, ToolError, UsageError } from '../ground/errors.ts';
import { codeOf } from '../ground/system-error.ts';
import { chained } from './chain.ts';
import { cohenHeader, cohenRow } from './cohen-tsv.ts';
import { type FoundResults, readResults } from './read-results.ts';
import {
  type CertificateRecord,
  lineOf,
  type Outcome,
  outcomeOf,
  plannedIndices,
  type RunEnd,
  type RunHeader,
} from './record.ts';
import { lockRun, type RunLock } from './run-lock.ts';

/** Where a run's records go. Records arrive one at a time in the run's order, `plannedIndices(header)`. */
export interface ResultFile {
  /** The header in force: the file's own when resumed. */
  readonly header: RunHeader;
  /** Every image's outcome so far, those found in the file first. */
  readonly outcomes: readonly Outcome[];
  /** Whether the file held this run already when it was opened, if only its first line. */
  readonly begun: boolean;
  /** How many records the file held when it was opened. */
  readonly resumed: number;
  /** What had to be cut off when it was opened. */
  readonly repaired: 'nothing' | 'a torn last line' | 'a torn header';
  /** Writes and flushes one record. Throws ToolError when the disk refuses; the file then ends in whole lines. */
  append(record: CertificateRecord): Promise<void>;
  /** Closes the run with the line that says what its records come to. No effect on one that is closed already. */
  finish(end: RunEnd): Promise<void>;
  /** Closes the file and gives up its lock. May be called twice. */
  close(): Promise<void>;
}

/**
 * Opens `path` to write or continue the run described by `header`. Throws UsageError when the file belongs to another
 * run (naming each difference), is not a result file, is damaged before its last line, or is being written by another
 * process; ToolError when the disk, the folder or its permissions refuse.
 */
export async function openResultFile(path: string, header: RunHeader): Promise<ResultFile> {
  const file = await canonical(path);
  const lock = await lockRun(file);
  let handle: FileHandle | undefined;
  let created = false;
  try {
    [handle, created] = await openFile(file);
    const found = await readResults(handle, path, header);
    await handle.truncate(found.closing?.end ?? found.end);
    if (found.header !== null)
      return writer(handle, lock, path, { ...found, header: found.header, begun: true });
    const first = chained(null, lineOf(header));
    const end = await appendLine(handle, 0, first.line, path);
    return writer(handle, lock, path, { ...found, header, chain: first.chain, end, begun: false });
  } catch (cause) {
    await handle?.close();
    // A file that could not even take its header would only confuse the next run.
    if (created) await rm(file, { force: true });
    await lock.release();
    throw cause instanceof SplitzError ? cause : diskError(path, cause);
  }
}

function writer(
  handle: FileHandle,
  lock: RunLock,
  path: string,
  found: FoundResults & { readonly header: RunHeader; readonly begun: boolean },
): ResultFile {
  const { header, outcomes } = found;
  const checkOrder = orderCheck(header, outcomes);
  let { end, chain } = found;
  let finished = found.closing !== null;
  let closed = false;
  return {
    header,
    outcomes,
    begun: found.begun,
    resumed: outcomes.length,
    repaired: found.repaired,
    append: async (record) => {
      checkOrder(record);
      if (finished) await takeBack(handle, end, path);
      finished = false;
      // A file of the first version goes on without chain.
      const next = found.chained ? chained(chain, lineOf(record)) : { line: lineOf(record), chain: null };
      end += await appendLine(handle, end, next.line, path);
      chain = next.chain;
      outcomes.push(outcomeOf(record));
    },
    finish: async (closing) => {
      if (finished || !found.chained) return;
      await appendLine(handle, end, chained(chain, lineOf(closing)).line, path);
      finished = true;
    },
    close: async () => {
      if (closed) return;
      closed = true;
      await handle.close();
      await lock.release();
    },
  };
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
  const checkOrder = orderCheck(header, outcomes);
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
      checkOrder(record);
      await (format === 'tsv' ? write(cohenRow(record, header.guarantee)) : writeLine(lineOf(record)));
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

/** A check that a record is of the image due after `outcomes`, as they grow. */
function orderCheck(header: RunHeader, outcomes: readonly Outcome[]): (record: CertificateRecord) => void {
  const planned = plannedIndices(header);
  let drawn = 0;
  let due: number | undefined;
  return ({ index }) => {
    for (; drawn <= outcomes.length; drawn++) due = planned.next().value ?? undefined;
    if (index !== due) throw new Error(`record of image ${index} where ${due ?? 'none'} was due`);
  };
}

/** The file's real path, so that two names of one file share one lock. */
async function canonical(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    const real = await realpath(absolute);
    const kind = await stat(real);
    if (kind.isFile()) return real;
    throw new UsageError({
      what: kind.isDirectory() ? 'the result file is a folder' : 'the result file is not a regular file',
      where: path,
      remedy: 'name a file with --out',
    });
  } catch (cause) {
    if (cause instanceof SplitzError) throw cause;
    if (codeOf(cause) !== 'ENOENT') throw diskError(path, cause);
  }
  const folder = dirname(absolute);
  try {
    return join(await realpath(folder), basename(absolute));
  } catch (cause) {
    throw new UsageError({
      what: 'the folder for the result file does not exist',
      where: folder,
      remedy: 'create it, or choose another file with --out',
      cause,
    });
  }
}

/** An existing regular file as it is, or a new empty one. */
async function openFile(file: string): Promise<[FileHandle, created: boolean]> {
  try {
    return [await open(file, 'wx+'), true];
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
  }
  return [await open(file, 'r+'), false];
}

/** Cuts the closing line off. */
async function takeBack(handle: FileHandle, end: number, path: string): Promise<void> {
  try {
    await handle.truncate(end);
  } catch (cause) {
    throw diskError(path, cause);
  }
}

/** Writes `line` at byte `end` and flushes it; gives its length. On failure the file is cut back to `end`. */
async function appendLine(handle: FileHandle, end: number, line: string, path: string): Promise<number> {
  const bytes = Buffer.from(line);
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, end + done)).bytesWritten;
    }
    await handle.datasync();
    return bytes.length;
  } catch (cause) {
    try {
      await handle.truncate(end);
    } catch (second) {
      // The next opening cuts the torn line off; say both.
      throw diskError(path, new AggregateError([cause, second], (cause as Error).message));
    }
    throw diskError(path, cause);
  }
}

function diskError(path: string, cause: unknown): SplitzError {
  const code = codeOf(cause) ?? (cause instanceof AggregateError ? codeOf(cause.errors[0]) : undefined);
  const report = { where: path, why: (cause as Error).message, cause };
  switch (code) {
    case 'ENOTDIR':
      return new UsageError({
        ...report,
        what: 'the result file lies below a file',
        remedy: 'choose another with --out',
      });
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new ToolError({
        ...report,
        what: 'the disk is full',
        remedy: 'free some space and run the same command again: it continues after the last whole record',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ToolError({
        ...report,
        what: 'the result file cannot be written',
        remedy: 'choose another with --out',
      });
    default:
      return new ToolError({
        ...report,
        what: 'writing the result file failed',
        remedy: 'run the same command again: it continues after the last whole record',
      });
  }
}

function streamError(cause: Error): ToolError {
  return new ToolError({
    what: 'standard output was closed before the run ended',
    why: cause.message,
    remedy: 'write to a file with --out; such a run can be resumed',
    cause,
  });
}
