/** What to say, and to take off, for images that a run left out because they could not be read. */
import { percentUp } from '../ground/decimal.ts';
import { listed } from '../ground/listed.ts';
import type { RunHeader } from '../records/record.ts';

type Selected = Pick<RunHeader, 'selection'>;

/** How many images the run left out as unreadable. */
export const leftOutCount = ({ selection }: Selected): number => selection.unreadable?.length ?? 0;

/**
 * A sentence, or null when none was left out. The share of N images that count, out of N + u, is less by at most u / (N + u).
 * @param images certified, N
 */
export function leftOutInWords(header: Selected, images: number): string | null {
  const left = leftOutCount(header);
  if (left === 0) return null;
  const which = listed((header.selection.unreadable ?? []).map(String), 'image', 10);
  return `Left out, since they could not be read: ${which}. Every figure is about the others; counted as not certified, these would take up to ${percentUp(left / (images + left), 1)} points off.`;
}
