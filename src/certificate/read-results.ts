/**
 * Reads a result file for resumption: judges every line and finds the byte where the whole ones end. Changes nothing.
 */
import type { FileHandle } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import {
  type CertificateRecord,
  headerViolation,
  type Outcome,
  outcomeOf,
  plannedIndices,
  RESULT_FORMAT,
  type RunHeader,
  recordViolation,
} from './record.ts';
import { differences } from './run-identity.ts';

export interface FoundResults {
  /** The file's header; null when the file is empty or its header is torn, and the run starts anew. */
  readonly header: RunHeader | null;
  readonly outcomes: Outcome[];
  /** Bytes of whole lines: what follows is to be cut off. */
  readonly end: number;
  readonly repaired: 'nothing' | 'a torn last line' | 'a torn header';
}

/** How every result file begins; what does not begin so is not ours. */
const FIRST_BYTES = '{"kind":"run","schema":"splitz-onnx/result/';

const CHUNK = 1 << 20;
const NEWLINE = 0x0a;

interface Line {
  readonly number: number;
  readonly text: string;
  /** Byte after the line and its newline. */
  readonly end: number;
  /** Whether it ends in a newline. */
  readonly whole: boolean;
}

/**
 * Reads the results in `handle`, which must describe the run `now`. `path` is for messages.
 * Throws UsageError when they are another run's, nobody's, or damaged anywhere but in the last line.
 */
export async function readResults(handle: FileHandle, path: string, now: RunHeader): Promise<FoundResults> {
  const lines = linesOf(handle);
  const first = await lines.next();
  if (first.done) return { header: null, outcomes: [], end: 0, repaired: 'nothing' };
  const header = readHeader(first.value, path, now);
  if (header === null) {
    if (!(await lines.next()).done) throw damaged(path, 1, 'it is not a JSON object');
    return { header: null, outcomes: [], end: 0, repaired: 'a torn header' };
  }
  const planned = plannedIndices(header);
  const outcomes: Outcome[] = [];
  let end = first.value.end;
  let torn: Line | null = null;
  for await (const line of lines) {
    if (torn !== null) throw damaged(path, torn.number, 'it is not a JSON object');
    const parsed = line.whole ? parseObject(line.text) : null;
    if (parsed === null) {
      torn = line;
      continue;
    }
    outcomes.push(outcomeOf(readRecord(parsed, planned.next().value, path, line.number)));
    end = line.end;
  }
  return { header, outcomes, end, repaired: torn === null ? 'nothing' : 'a torn last line' };
}

/** The header in the first line, or null when that line was torn while being written. */
function readHeader(line: Line, path: string, now: RunHeader): RunHeader | null {
  const parsed = line.whole ? parseObject(line.text) : null;
  if (parsed === null) {
    if (line.text.startsWith(FIRST_BYTES) || FIRST_BYTES.startsWith(line.text)) return null;
    throw notOurs(path, `its first line does not begin with ${FIRST_BYTES}`);
  }
  if (parsed['kind'] !== 'run' || typeof parsed['schema'] !== 'string') {
    throw notOurs(path, 'its first line is not a run header');
  }
  if (parsed['schema'] !== RESULT_FORMAT) {
    throw notOurs(path, `its format is ${parsed['schema']}, this version writes ${RESULT_FORMAT}`);
  }
  const problem = headerViolation(parsed);
  if (problem !== null) throw damaged(path, 1, problem);
  const header = parsed as unknown as RunHeader;
  const changed = differences(header, now);
  if (changed.length === 0) return header;
  throw new UsageError({
    what: 'the result file holds another run',
    where: path,
    why: changed.join('; '),
    remedy: 'repeat the settings of that run to continue it, or write this one to another file with --out',
  });
}

function readRecord(
  parsed: { readonly [key: string]: unknown },
  expected: number | undefined,
  path: string,
  lineNumber: number,
): CertificateRecord {
  const problem = recordViolation(parsed);
  if (problem !== null) throw damaged(path, lineNumber, problem);
  const record = parsed as unknown as CertificateRecord;
  if (record.index === expected) return record;
  throw damaged(
    path,
    lineNumber,
    `it is image ${record.index} where ${expected ?? 'no further image'} was due`,
  );
}

function parseObject(text: string): { readonly [key: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    // Not JSON: the caller decides whether that is a torn line or damage.
    return null;
  }
}

/** The lines of a file from its start, in chunks, each decoded once it is complete. */
async function* linesOf(handle: FileHandle): AsyncGenerator<Line, undefined> {
  let number = 1;
  let end = 0;
  let pending: Buffer[] = [];
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const chunk = buffer.subarray(0, bytesRead);
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const bytes = Buffer.concat([...pending, chunk.subarray(from, at)]);
      pending = [];
      end += bytes.length + 1;
      yield { number: number++, text: bytes.toString('utf8'), end, whole: true };
      from = at + 1;
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
  }
  const rest = Buffer.concat(pending);
  if (rest.length > 0) yield { number, text: rest.toString('utf8'), end: end + rest.length, whole: false };
  return undefined;
}

function notOurs(path: string, why: string): UsageError {
  return new UsageError({
    what: 'the file is not a result file of this program and was left untouched',
    where: path,
    why,
    remedy: 'choose another file with --out',
  });
}

function damaged(path: string, line: number, why: string): UsageError {
  return new UsageError({
    what: 'the result file is damaged and was left untouched',
    where: `${path}, line ${line}`,
    why,
    remedy: `keep the lines before line ${line} and delete the rest, or choose another file with --out`,
  });
}
