/** The seed of a run that a file holds already, for the command that continues it. */
import { open, stat } from 'node:fs/promises';
import { headerViolation, type RunHeader } from './record.ts';
import { linesOf, parseObject } from './result-lines.ts';

/**
 * The seed in the first line of a result file; null where there is no such file, or its first line is torn or is not one of
 * ours: opening the file to continue it says what is wrong.
 */
export async function recordedSeed(path: string): Promise<RunHeader['settings']['seed'] | null> {
  // Asked first: opening a pipe would wait for who writes to it.
  const found = await stat(path).catch(() => null);
  const handle = found?.isFile() ? await open(path, 'r').catch(() => null) : null;
  if (handle === null) return null;
  try {
    const first = await linesOf(handle).next();
    if (first.done || !first.value.whole) return null;
    const header: unknown = parseObject(first.value.text);
    return headerViolation(header) === null ? (header as RunHeader).settings.seed : null;
  } finally {
    await handle.close();
  }
}
