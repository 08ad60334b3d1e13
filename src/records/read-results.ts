/**
 * Reads a result file whole, for the commands that take a finished one. Changes nothing. Every line is judged: its
 * schema, its place in the run's order, its chain.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { ToolError, UsageError } from '../ground/errors.ts';
import { codeOf } from '../ground/system-error.ts';
import type { CertificateRecord, RunEnd, RunHeader } from './record.ts';
import { resultJournal } from './result-journal.ts';
import { type Refusals, scanJournal } from './scan-journal.ts';
import type { SeriesFormats } from './series-format.ts';

/** A result file as the commands that only read see it. */
export interface Run {
  readonly header: RunHeader;
  readonly records: readonly CertificateRecord[];
  /** The closing line; null when the run is not finished. */
  readonly end: RunEnd | null;
}

/**
 * Reads a result file. A torn last line, as a killed run leaves it, is ignored.
 * Throws UsageError when there is no such file, it is not ours, or it is damaged; ToolError when it cannot be read.
 */
export async function readRun(path: string, formats: SeriesFormats): Promise<Run> {
  const handle = await openToRead(path);
  try {
    const records: CertificateRecord[] = [];
    const refuse = refusals(path);
    const { header, closing } = await scanJournal(
      handle,
      path,
      resultJournal(formats),
      refuse,
      () => {},
      (record) => records.push(record),
    );
    if (header === null) throw refuse.notOurs('it has no whole first line');
    return { header, records, end: closing?.line ?? null };
  } finally {
    await handle.close();
  }
}

/** Opens a result file to read it. Throws UsageError when there is none, ToolError when it cannot be opened. */
export async function openToRead(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r');
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT' && codeOf(cause) !== 'ENOTDIR') {
      throw new ToolError({
        what: 'the result file cannot be read',
        where: path,
        why: (cause as Error).message,
        remedy: 'Check its permissions.',
        cause,
      });
    }
    throw new UsageError({
      what: 'there is no such result file',
      where: path,
      remedy: 'Name a file that `splitz-onnx certify` wrote.',
      cause,
    });
  }
  throw new UsageError({
    what: 'the result file is not a regular file',
    where: path,
    remedy: 'Name a file that `splitz-onnx certify` wrote.',
  });
}

function refusals(path: string): Refusals {
  return {
    notOurs: (why) =>
      new UsageError({
        what: 'the file is not a result file of this program',
        where: path,
        why,
        remedy: 'Name a file that `splitz-onnx certify` wrote.',
      }),
    damaged: (line, why) =>
      new UsageError({
        what: 'the result file is damaged',
        where: `${path}, line ${line}`,
        why,
        remedy:
          'Run `splitz-onnx verify` to learn more. Certify the images again, or get the file again from its source.',
      }),
  };
}
