/**
 * Reads a result file whole: for resumption, which finds the byte where the whole lines end, and for the commands that
 * take a finished file. Changes nothing. Every line is judged: its schema, its place in the run's order, its chain.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { ToolError, UsageError } from '../ground/errors.ts';
import { codeOf } from '../ground/system-error.ts';
import { chainOf, withoutChain } from './chain.ts';
import {
  type CertificateRecord,
  endViolation,
  headerViolation,
  type Outcome,
  outcomeOf,
  plannedIndices,
  RESULT_FORMAT,
  type RunEnd,
  type RunHeader,
  recordViolation,
} from './record.ts';
import { bare, FIRST_BYTES, type Line, linesOf, parseObject } from './result-lines.ts';
import { differences } from './run-identity.ts';

interface Scanned {
  /** The file's header; null when the file is empty or its header is torn, and the run starts anew. */
  readonly header: RunHeader | null;
  /** Whether its lines are chained; files of the first version are not. */
  readonly chained: boolean;
  /** Chain value of the last record (of the header, when there is none); null when not chained. */
  readonly chain: string | null;
  /** Byte after the last record: where the next one goes. */
  readonly end: number;
  /** The closing line and the byte after it; null when the run is not finished. */
  readonly closing: { readonly line: RunEnd; readonly end: number } | null;
  readonly repaired: 'nothing' | 'a torn last line' | 'a torn header';
}

export interface FoundResults extends Scanned {
  readonly outcomes: Outcome[];
}

/** A result file as the commands that only read see it. */
export interface Run {
  readonly header: RunHeader;
  readonly records: readonly CertificateRecord[];
  /** The closing line; null when the run is not finished, or the file is of the first version. */
  readonly end: RunEnd | null;
}

/** What is done about a file that cannot be used: depends on whether it was going to be written. */
type Purpose = 'continue' | 'read';

/**
 * Reads the results in `handle`, which must describe the run `now`. `path` is for messages.
 * Throws UsageError when they are another run's, nobody's, or damaged anywhere but in the last line.
 */
export async function readResults(handle: FileHandle, path: string, now: RunHeader): Promise<FoundResults> {
  const outcomes: Outcome[] = [];
  const sameRun = (header: RunHeader): void => {
    const changed = differences(header, now);
    if (changed.length === 0) return;
    throw new UsageError({
      what: 'the result file holds another run',
      where: path,
      why: changed.join('; '),
      remedy: 'repeat the settings of that run to continue it, or write this one to another file with --out',
    });
  };
  const scanned = await scan(handle, path, 'continue', sameRun, (record) => outcomes.push(outcomeOf(record)));
  return { ...scanned, outcomes };
}

/**
 * Reads a result file. A torn last line, as a killed run leaves it, is passed over.
 * Throws UsageError when there is no such file, it is not ours, or it is damaged; ToolError when it cannot be read.
 */
export async function readRun(path: string): Promise<Run> {
  const handle = await openToRead(path);
  try {
    const records: CertificateRecord[] = [];
    const { header, closing } = await scan(
      handle,
      path,
      'read',
      () => {},
      (record) => records.push(record),
    );
    if (header === null) throw notOurs(path, 'it has no whole first line', 'read');
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
        remedy: 'check its permissions',
        cause,
      });
    }
    throw new UsageError({
      what: 'there is no such result file',
      where: path,
      remedy: 'name a file that `splitz-onnx certify` wrote',
      cause,
    });
  }
  throw new UsageError({
    what: 'the result file is not a regular file',
    where: path,
    remedy: 'name a file that `splitz-onnx certify` wrote',
  });
}

async function scan(
  handle: FileHandle,
  path: string,
  purpose: Purpose,
  accept: (header: RunHeader) => void,
  take: (record: CertificateRecord) => void,
): Promise<Scanned> {
  const nothing = { header: null, chained: true, chain: null, end: 0, closing: null };
  const lines = linesOf(handle);
  const first = await lines.next();
  if (first.done) return { ...nothing, repaired: 'nothing' };
  const header = readHeader(first.value, path, purpose);
  if (header === null) {
    if (!(await lines.next()).done) throw damaged(path, 1, 'it is not a JSON object', purpose);
    return { ...nothing, repaired: 'a torn header' };
  }
  accept(header);
  const links = chainCheck(path, purpose);
  let chain = links(first.value, null);
  const chained = chain !== null;
  const planned = plannedIndices(header);
  let records = 0;
  let end = first.value.end;
  let closing: Scanned['closing'] = null;
  let torn: Line | null = null;
  for await (const line of lines) {
    if (torn !== null) throw damaged(path, torn.number, 'it is not a JSON object', purpose);
    const parsed = line.whole ? parseObject(line.text) : null;
    if (parsed === null) {
      torn = line;
      continue;
    }
    if (closing !== null) throw damaged(path, line.number, 'it follows the closing line', purpose);
    if (parsed['kind'] === 'end' && chained) {
      const problem = endViolation(parsed);
      if (problem !== null) throw damaged(path, line.number, problem, purpose);
      const closed = bare(parsed as unknown as RunEnd);
      if (closed.records !== records) {
        const why = `it closes ${closed.records} records, but ${records} stand before it`;
        throw damaged(path, line.number, why, purpose);
      }
      links(line, chain);
      closing = { line: closed, end: line.end };
      continue;
    }
    const record = readRecord(parsed, planned.next().value, path, line.number, purpose);
    const link = links(line, chain);
    if ((link !== null) !== chained) {
      const why = chained ? 'it has no chain value' : 'it has a chain value, and the header has none';
      throw damaged(path, line.number, why, purpose);
    }
    chain = link;
    take(record);
    records++;
    end = line.end;
  }
  return { header, chained, chain, end, closing, repaired: torn === null ? 'nothing' : 'a torn last line' };
}

/** Gives a line's chain value (null when it has none), having checked it against the previous one. */
function chainCheck(path: string, purpose: Purpose): (line: Line, previous: string | null) => string | null {
  return ({ text, number }, previous) => {
    const { content, chain } = withoutChain(text);
    if (chain === null || chain === chainOf(previous, content)) return chain;
    throw damaged(
      path,
      number,
      'its chain value does not fit: this line, or the chain before it, was changed',
      purpose,
    );
  };
}

/** The header in the first line, or null when that line was torn while being written. */
function readHeader(line: Line, path: string, purpose: Purpose): RunHeader | null {
  const parsed = line.whole ? parseObject(line.text) : null;
  if (parsed === null) {
    if (line.text.startsWith(FIRST_BYTES) || FIRST_BYTES.startsWith(line.text)) return null;
    throw notOurs(path, `its first line does not begin with ${FIRST_BYTES}`, purpose);
  }
  if (parsed['kind'] !== 'run' || typeof parsed['schema'] !== 'string') {
    throw notOurs(path, 'its first line is not a run header', purpose);
  }
  if (parsed['schema'] !== RESULT_FORMAT) {
    throw notOurs(path, `its format is ${parsed['schema']}, this version knows ${RESULT_FORMAT}`, purpose);
  }
  const problem = headerViolation(parsed);
  if (problem !== null) throw damaged(path, 1, problem, purpose);
  return bare(parsed as unknown as RunHeader);
}

function readRecord(
  parsed: { readonly [key: string]: unknown },
  expected: number | undefined,
  path: string,
  lineNumber: number,
  purpose: Purpose,
): CertificateRecord {
  const problem = recordViolation(parsed);
  if (problem !== null) throw damaged(path, lineNumber, problem, purpose);
  const record = bare(parsed as unknown as CertificateRecord);
  if (record.index === expected) return record;
  const why = `it is image ${record.index} where ${expected ?? 'no further image'} was due`;
  throw damaged(path, lineNumber, why, purpose);
}

function notOurs(path: string, why: string, purpose: Purpose): UsageError {
  const continuing = purpose === 'continue';
  return new UsageError({
    what: `the file is not a result file of this program${continuing ? ' and was left untouched' : ''}`,
    where: path,
    why,
    remedy: continuing ? 'choose another file with --out' : 'name a file that `splitz-onnx certify` wrote',
  });
}

function damaged(path: string, line: number, why: string, purpose: Purpose): UsageError {
  const continuing = purpose === 'continue';
  return new UsageError({
    what: `the result file is damaged${continuing ? ' and was left untouched' : ''}`,
    where: `${path}, line ${line}`,
    why,
    remedy: continuing
      ? `keep the lines before line ${line} and delete the rest, or choose another file with --out`
      : '`splitz-onnx verify` says more; certify the images again, or get the file again from its source',
  });
}
