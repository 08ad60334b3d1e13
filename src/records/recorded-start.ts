/** What a run that a file already holds was started with, for the command that continues it. */
import type { RunHeader } from './record.ts';
import { recordedHeader } from './recorded-header.ts';
import { resultLines } from './result-lines.ts';
import type { SeriesFormats } from './series-format.ts';

export interface RecordedStart {
  readonly seed: RunHeader['seed'];
  /** Images left out as unreadable. */
  readonly unreadable: readonly number[];
}

/** From the first line of a result file; null where `recordedHeader` finds no header. */
export async function recordedStart(path: string, formats: SeriesFormats): Promise<RecordedStart | null> {
  const header = await recordedHeader<RunHeader>(path, resultLines(formats).headerViolation);
  return header && { seed: header.seed, unreadable: header.selection.unreadable ?? [] };
}
