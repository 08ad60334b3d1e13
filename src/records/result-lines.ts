/** The lines of a result file as they lie on the disk, before anything is believed of them. */
import type { FileHandle } from 'node:fs/promises';

const CHUNK = 1 << 20;
const NEWLINE = 0x0a;

/** How every result file begins; what does not begin so is not ours. */
export const FIRST_BYTES = '{"kind":"run","schema":"splitz-onnx/result/';

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its newline. */
  readonly text: string;
  /** Byte after the line and its newline. */
  readonly end: number;
  /** Whether it ends in a newline. */
  readonly whole: boolean;
}

/** The lines of a file from its start, in chunks, each decoded once it is complete. */
export async function* linesOf(handle: FileHandle): AsyncGenerator<Line, undefined> {
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

/** The line as a JSON object; null when it is none. */
export function parseObject(text: string): { readonly [key: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    // Not JSON: the caller decides whether that is a torn line or damage.
    return null;
  }
}

/** A parsed line as values in memory are: without its chain field. */
export function bare<T extends { readonly chain?: string }>(line: T): Omit<T, 'chain'> {
  const { chain: _, ...rest } = line;
  return rest;
}
