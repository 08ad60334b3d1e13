/** The header of an existing journal, for the command that continues it. */
import { open, stat } from 'node:fs/promises';
import { UsageError } from '../ground/errors.ts';
import { bare, linesOf, parseObject } from './journal-lines.ts';

/**
 * The first line of the file at `path`, without its chain; null where there is no such file, or its first line is torn or
 * breaks the schema: opening the file to continue it reports what is wrong.
 * @param violation what is wrong with a line as a header of type H, or null
 */
export async function recordedHeader<H extends { readonly chain?: string }>(
  path: string,
  violation: (line: unknown) => string | null,
): Promise<H | null> {
  // Checked first: opening a pipe would wait for a writer.
  const found = await stat(path).catch(() => null);
  const handle = found?.isFile() ? await open(path, 'r').catch(() => null) : null;
  if (handle === null) return null;
  try {
    const first = await linesOf(handle, path).next();
    if (first.done || !first.value.whole) return null;
    const header = parseObject(first.value.text);
    return violation(header) === null ? (bare(header as unknown as H) as H) : null;
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  } finally {
    await handle.close();
  }
}
