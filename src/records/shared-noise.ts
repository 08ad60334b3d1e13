/** Which noise an image of a run has: its own, or that of the first of the images that share it. */
import type { RunHeader } from './record.ts';

/**
 * Number of an image in the noise's counter. Images share by their places in the data, so that an image has the same noise in a
 * run that is continued, and in a replay, as it had.
 */
export function noiseNumber(
  { selection: { start, skip }, shareNoise }: Pick<RunHeader, 'selection' | 'shareNoise'>,
  index: number,
): number {
  return shareNoise === undefined ? index : index - ((index - start.value) % (skip.value * shareNoise.value));
}
