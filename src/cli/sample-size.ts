/** How many records, as `--replay` and `--sample` take it. */
import { UsageError } from '../ground/errors.ts';
import type { SampleSize } from '../runs/replay-sample.ts';

/** Throws UsageError for anything but a whole number and "all". */
export function sampleSize(flag: string, text: string): SampleSize {
  if (text === 'all') return 'all';
  if (/^\d{1,9}$/u.test(text)) return Number(text);
  throw new UsageError({
    what: `${flag} ${text} is not a number of records`,
    remedy: `Give a whole number, or all: ${flag} 20.`,
  });
}
