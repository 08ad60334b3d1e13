/**
 * An append-only journal: one header line, then one line per image, each written by a single append as the image ends
 * and flushed to the disk. A process killed at any moment leaves whole lines and at most one torn last line, which the
 * next opening cuts off and computes again; so a resumed file equals an uninterrupted one byte for byte, time fields (and
 * the chain over them) aside. A format may close a finished journal with one more line, which a run that continues after all (a
 * larger --max) removes first.
 *
 * Nothing that is refused is touched: the file is read and judged to its end before it is changed.
 */
import { type FileHandle, open, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SplitzError, ToolError, UsageError } from '../ground/errors.ts';
import { codeOf } from '../ground/system-error.ts';
import { chained } from './chain.ts';
import type { ClosingLine, HeaderLine, JournalFormat, JournalWords, RecordLine } from './journal-format.ts';
import { LONGEST_LINE } from './journal-lines.ts';
import { lockRun, type RunLock } from './run-lock.ts';
import { aOrAn, type Refusals, type Scanned, scanJournal } from './scan-journal.ts';

/** A journal open for writing. */
export interface Journal<H, R, E> {
  /** The header in force: the file's own when resumed. */
  readonly header: H;
  /** Whether the file already held this run when it was opened, if only its first line. */
  readonly begun: boolean;
  /** How many records the file held when it was opened. */
  readonly resumed: number;
  /** What was cut off when it was opened. */
  readonly repaired: 'nothing' | 'a torn last line' | 'a torn header';
  /**
   * Writes and flushes one record. Throws ToolError when the disk refuses; the file then ends in whole lines. A record out
   * of order is a plain Error (a bug of ours).
   */
  append(record: R): Promise<void>;
  /** Closes the run with the line that sums up its records. No effect on one that is already closed. */
  finish(end: E): Promise<void>;
  /** Closes the file and gives up its lock. May be called twice. */
  close(): Promise<void>;
}

/**
 * Opens `path` to write or continue what `header` describes. Throws UsageError when the file belongs to another run
 * (naming each difference), is not of this format, is damaged before its last line, or is being written by another
 * process; ToolError when the disk, the folder or its permissions refuse.
 * @param keep called with every record, and the header in force: those found in the file, in its order, then each one appended
 */
export async function openJournal<H extends HeaderLine, R extends RecordLine, E extends ClosingLine>(
  path: string,
  format: JournalFormat<H, R, E>,
  header: H,
  keep: (record: R, header: H) => void,
): Promise<Journal<H, R, E>> {
  const { words } = format;
  const file = await canonical(path, words);
  const lock = await lockRun(file, words.file);
  let handle: FileHandle | undefined;
  let created = false;
  try {
    [handle, created] = await openFile(file);
    const indices: number[] = [];
    let inForce = header;
    const sameRun = (found: H): void => {
      inForce = found;
      const changed = format.differences(found, header);
      if (changed.length > 0) throw another(path, words, changed);
    };
    const found = await scanJournal(handle, path, format, refusals(path, words), sameRun, (record) => {
      indices.push(record.index);
      keep(record, inForce);
    });
    await handle.truncate(found.closing?.end ?? found.end);
    if (found.header !== null) return writer({ ...found, header: found.header }, true, handle);
    const first = chained(null, format.lineOf(header));
    const end = await appendLine(handle, 0, first.line, path, words);
    await handle.datasync();
    return writer({ ...found, header, chain: first.chain, end }, false, handle);

    function writer(
      state: Scanned<H, E> & { readonly header: H },
      begun: boolean,
      to: FileHandle,
    ): Journal<H, R, E> {
      return journal(format, state, begun, indices, { handle: to, path, lock }, keep);
    }
  } catch (cause) {
    await handle?.close();
    // A file that could not even take its header would only confuse the next run.
    if (created) await rm(file, { force: true });
    await lock.release();
    throw cause instanceof SplitzError ? cause : diskError(path, words, cause);
  }
}

interface Place {
  readonly handle: FileHandle;
  readonly path: string;
  readonly lock: RunLock;
}

function journal<H extends HeaderLine, R extends RecordLine, E extends ClosingLine>(
  format: JournalFormat<H, R, E>,
  found: Scanned<H, E> & { readonly header: H },
  begun: boolean,
  indices: readonly number[],
  { handle, path, lock }: Place,
  keep: (record: R, header: H) => void,
): Journal<H, R, E> {
  const { words } = format;
  const order = format.order(found.header);
  for (const index of indices) order.pass(index);
  let { end, chain } = found;
  let finished = found.closing !== null;
  let closed = false;
  const flushes = backgroundFlushes(handle, (cause) => diskError(path, words, cause));
  return {
    header: found.header,
    begun,
    resumed: indices.length,
    repaired: found.repaired,
    append: async (record) => {
      flushes.check();
      const misplaced = order.fault(record.index);
      if (misplaced !== null) throw new Error(`record of ${misplaced}`);
      if (finished) await takeBack(handle, end, path, words);
      finished = false;
      const next = chained(chain, format.recordLine(record, found.header));
      end += await appendLine(handle, end, next.line, path, words);
      flushes.begin();
      chain = next.chain;
      order.pass(record.index);
      keep(record, found.header);
    },
    finish: async (closing) => {
      if (finished) return;
      await appendLine(handle, end, chained(chain, format.lineOf(closing)).line, path, words);
      flushes.begin();
      await flushes.done();
      finished = true;
    },
    close: async () => {
      if (closed) return;
      closed = true;
      // The handle and the lock go whatever the disk says; what it says is heard.
      const flushed = await flushes.done().then(
        () => null,
        (cause: unknown) => ({ cause }),
      );
      await handle.close();
      await lock.release();
      if (flushed !== null) throw flushed.cause;
    },
  };
}

/** The file's real path, so that two names of one file share one lock. */
async function canonical(path: string, words: JournalWords): Promise<string> {
  const absolute = resolve(path);
  try {
    const real = await realpath(absolute);
    const kind = await stat(real);
    if (kind.isFile()) return real;
    throw new UsageError({
      what: `the ${words.file} is ${kind.isDirectory() ? 'a folder' : 'not a regular file'}`,
      where: path,
      remedy: 'Name a file with --out.',
    });
  } catch (cause) {
    if (cause instanceof SplitzError) throw cause;
    if (codeOf(cause) !== 'ENOENT') throw diskError(path, words, cause);
  }
  const folder = dirname(absolute);
  try {
    return join(await realpath(folder), basename(absolute));
  } catch (cause) {
    throw new UsageError({
      what: `the folder for the ${words.file} does not exist`,
      where: folder,
      remedy: 'Create it, or choose another file with --out.',
      cause,
    });
  }
}

/** An existing regular file, unchanged, or a new empty one. */
async function openFile(file: string): Promise<[FileHandle, created: boolean]> {
  try {
    return [await open(file, 'wx+'), true];
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
  }
  return [await open(file, 'r+'), false];
}

/** Cuts the closing line off. */
async function takeBack(handle: FileHandle, end: number, path: string, words: JournalWords): Promise<void> {
  try {
    await handle.truncate(end);
  } catch (cause) {
    throw diskError(path, words, cause);
  }
}

/** Flushes of a file that nobody waits for while records come in. */
interface Flushes {
  /** Flushes what is written now: at once, or right after the flush that is going on. */
  begin(): void;
  /** Throws what a flush has failed with. */
  check(): void;
  /** Everything written is flushed. Throws what a flush has failed with. */
  done(): Promise<void>;
}

/**
 * A flush takes milliseconds, and a certificate without noise less: a flush per record would be most of a run. So one is always
 * going on while records are written, and it takes with it all that were written when it began. Nothing written is lost with the
 * process; with the machine, the records of the last flush.
 */
function backgroundFlushes(handle: FileHandle, failure: (cause: unknown) => SplitzError): Flushes {
  let going: Promise<void> | null = null;
  let again = false;
  let failed: SplitzError | null = null;
  /** Whether there is more to flush, and that this one is over, is settled in one step: nothing begun in between is missed. */
  const flush = async (): Promise<void> => {
    try {
      do {
        again = false;
        await handle.datasync();
      } while (again);
    } catch (cause) {
      failed = failure(cause);
    } finally {
      going = null;
    }
  };
  const check = (): void => {
    if (failed !== null) throw failed;
  };
  return {
    begin() {
      again = true;
      going ??= flush();
    },
    check,
    async done() {
      await going;
      check();
    },
  };
}

/** Writes `line` at byte `end`; gives its length. On failure the file is cut back to `end`. */
async function appendLine(
  handle: FileHandle,
  end: number,
  line: string,
  path: string,
  words: JournalWords,
): Promise<number> {
  const bytes = Buffer.from(line);
  // No line is better than one that no reader accepts.
  if (bytes.length - 1 > LONGEST_LINE)
    throw new ToolError({
      what: `a line of the ${words.file} would be too long to be read again`,
      where: path,
      why: `it has ${bytes.length} bytes, at most ${LONGEST_LINE} are read`,
      remedy: 'Use a model with fewer classes.',
    });
  try {
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, end + done)).bytesWritten;
    }
    return bytes.length;
  } catch (cause) {
    try {
      await handle.truncate(end);
    } catch (second) {
      // The next opening cuts the torn line off; say both.
      throw diskError(path, words, new AggregateError([cause, second], (cause as Error).message));
    }
    throw diskError(path, words, cause);
  }
}

function another(path: string, { file, content }: JournalWords, changed: readonly string[]): UsageError {
  return new UsageError({
    what: `the ${file} holds another ${content}`,
    where: path,
    why: changed.join('; '),
    remedy: `Repeat the settings of that ${content} to continue it, or write this one to another file with --out.`,
  });
}

function refusals(path: string, { file }: JournalWords): Refusals {
  return {
    notOurs: (why) =>
      new UsageError({
        what: `the file is not ${aOrAn(file)} of this program and was left untouched`,
        where: path,
        why,
        remedy: 'Choose another file with --out.',
      }),
    damaged: (line, why) =>
      new UsageError({
        what: `the ${file} is damaged and was left untouched`,
        where: `${path}, line ${line}`,
        why,
        remedy: `Keep the lines before line ${line} and delete the rest, or choose another file with --out.`,
      }),
  };
}

function diskError(path: string, { file }: JournalWords, cause: unknown): SplitzError {
  const code = codeOf(cause) ?? (cause instanceof AggregateError ? codeOf(cause.errors[0]) : undefined);
  const report = { where: path, why: (cause as Error).message, cause };
  switch (code) {
    case 'ENOTDIR':
      return new UsageError({
        ...report,
        what: `the path of the ${file} leads through a file`,
        remedy: 'Choose another one with --out.',
      });
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new ToolError({
        ...report,
        what: 'the disk is full',
        remedy: 'Free some space and run the same command again: it continues after the last whole record.',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ToolError({
        ...report,
        what: `the ${file} cannot be written`,
        remedy: 'Choose another one with --out.',
      });
    default:
      return new ToolError({
        ...report,
        what: `writing the ${file} failed`,
        remedy: 'Run the same command again: it continues after the last whole record.',
      });
  }
}
