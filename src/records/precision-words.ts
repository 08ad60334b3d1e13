/** What a run in another arithmetic than float32 is of, in words. */
import type { RunHeader } from './record.ts';

export const precisionInWords = (precision: NonNullable<RunHeader['precision']>['value']): string =>
  `${precision}: certificates of the network with factors of ten bits of mantissa; what is said of the network alone is of its float32 on the CPU`;
