/** The seed of a run that a file already holds, for the command that continues it. */
import type { RunHeader } from './record.ts';
import { recordedHeader } from './recorded-header.ts';
import { resultLines } from './result-lines.ts';
import type { SeriesFormats } from './series-format.ts';

/** The seed in the first line of a result file, and its origin; null where `recordedHeader` finds no header. */
export async function recordedSeed(path: string, formats: SeriesFormats): Promise<RunHeader['seed'] | null> {
  return (await recordedHeader<RunHeader>(path, resultLines(formats).headerViolation))?.seed ?? null;
}
