/** The lines of a JSON-lines file as they are on the disk, before anything in them is trusted. */
import type { FileHandle } from 'node:fs/promises';
import { UsageError } from '../ground/errors.ts';

const CHUNK = 1 << 20;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/**
 * Bytes a line may have, its newline aside; a record of a million classes is a fifth of that. A longer line is refused as soon as
 * it exceeds this, so that a hostile file cannot fill the memory.
 */
export const LONGEST_LINE = 16 << 20;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its line end; for digests, which are over lines that end in LF. */
  readonly bytes: Buffer;
  /** The same as text. */
  readonly text: string;
  /** Byte after the line and its newline. */
  readonly end: number;
  /** Whether it ends in a newline. */
  readonly whole: boolean;
  /** Whether a carriage return stands before that: no line as it was written ends so, but git and editors rewrite line ends. */
  readonly returned: boolean;
}

/**
 * The lines of a file from its start, in chunks, each decoded once it is complete. `path` is for messages.
 * Throws UsageError at a line longer than LONGEST_LINE.
 */
export async function* linesOf(handle: FileHandle, path: string): AsyncGenerator<Line, undefined> {
  let number = 1;
  let end = 0;
  let pending: Buffer[] = [];
  let held = 0;
  const take = (part: Buffer): void => {
    held += part.length;
    if (held > LONGEST_LINE) throw tooLong(path, number);
    pending.push(part);
  };
  const line = (whole: boolean): Line => {
    const found = Buffer.concat(pending);
    pending = [];
    held = 0;
    end += found.length + (whole ? 1 : 0);
    const returned = whole && found.at(-1) === RETURN;
    const bytes = returned ? found.subarray(0, -1) : found;
    return { number: number++, bytes, text: bytes.toString('utf8'), end, whole, returned };
  };
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const chunk = buffer.subarray(0, bytesRead);
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, at));
      yield line(true);
      from = at + 1;
    }
    if (from < chunk.length) take(chunk.subarray(from));
  }
  if (held > 0) yield line(false);
  return undefined;
}

function tooLong(path: string, number: number): UsageError {
  return new UsageError({
    what: 'a line of the file is too long to be one of this program',
    where: `${path}, line ${number}`,
    why: `it is longer than ${LONGEST_LINE >> 20} MiB`,
    remedy: 'Name a file that `splitz-onnx` wrote, or get the file again from its source.',
  });
}

/** The line as a JSON object; null when it is not one. */
export function parseObject(text: string): { readonly [key: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    // Not JSON: the caller decides whether that is a torn line or damage.
    return null;
  }
}

/** A parsed line as it is kept in memory: without its chain field. */
export function bare<T extends { readonly chain?: string }>(line: T): Omit<T, 'chain'> {
  const { chain: _, ...rest } = line;
  return rest;
}
