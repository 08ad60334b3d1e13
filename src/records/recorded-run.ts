/** What the first line of a file states that a command has to know before it reads the rest. */
import type { RunHeader } from './record.ts';
import { recordedHeader } from './recorded-header.ts';
import { resultLines } from './result-lines.ts';
import type { SeriesFormats } from './series-format.ts';

/** The first line of a result file; null where `recordedHeader` finds none. */
export const recordedRun = (path: string, formats: SeriesFormats): Promise<RunHeader | null> =>
  recordedHeader<RunHeader>(path, resultLines(formats).headerViolation);
