/** Which records are computed again, and what that shows of the others. */
import { shuffled } from '../ground/shuffled.ts';
import type { CertificateRecord } from '../records/record.ts';
import { worthOf } from '../statistics/sample-worth.ts';

/** How many records: of those with a radius, or all there are. */
export type SampleSize = number | 'all';

export interface ReplaySample {
  /** In the order of the file. */
  readonly records: readonly CertificateRecord[];
  /** Records it was drawn from: those with a radius, unless it is all there are. */
  readonly of: number;
  readonly size: SampleSize;
  /** What drew it. */
  readonly seed: number;
}

/** Records with a radius in any series: nobody gains by a false abstention, so none is drawn. */
const withRadius = ({ series }: CertificateRecord): boolean => series.some(({ radius }) => radius > 0);

/** @param seed must not have been known to whoever wrote the file */
export function replaySample(
  records: readonly CertificateRecord[],
  size: SampleSize,
  seed: number,
): ReplaySample {
  if (size === 'all') return { records, of: records.length, size, seed };
  const certified = records.filter(withRadius);
  // Other numbers than those of the bounds, so that one seed draws two samples.
  const drawn = new Set(shuffled(certified, seed, ({ index }) => -1 - index).slice(0, size));
  return { records: certified.filter((record) => drawn.has(record)), of: certified.length, size, seed };
}

const LISTED = 20;

/** Which records they are: "20 of the 40 records with a radius, drawn by the seed 5 (images 0, 3, …)". */
export function sampleInWords({ records, of, size, seed }: ReplaySample): string {
  if (size === 'all') return `all ${of} records`;
  if (records.length === of) return `all ${of} records with a radius`;
  const listed = records
    .slice(0, LISTED)
    .map(({ index }) => index)
    .join(', ');
  const more = records.length > LISTED ? ', …' : '';
  return `${records.length} of the ${of} records with a radius, drawn by the seed ${seed} (images ${listed}${more})`;
}

/** What it leaves open, in words; null where that is nothing. */
export function sampleLeavesOpen({ records, of }: ReplaySample): string | null {
  const rest = of - records.length;
  return rest === 0
    ? null
    : `that the other ${rest} records with a radius were computed as stated: ${worthOf(of, records.length)}`;
}
