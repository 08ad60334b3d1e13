/** Messages about one series of a run. */
import { methodOf } from '../methods/index.ts';
import type { RunHeader } from '../records/record.ts';

/** The text unchanged for the first series, which results are stated for; for another one it names the series. */
export function ofSeries({ series }: RunHeader, k: number, text: string): string {
  const one = series[k];
  if (k === 0 || one === undefined) return text;
  return `${methodOf(one).title} (series ${k}): ${text}`;
}
