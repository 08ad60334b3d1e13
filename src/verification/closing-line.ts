/**
 * The figures of the closing line, counted again as records come. Written without `statistics/`, which made them: a mistake
 * there does not confirm itself.
 */
import type { CertificateRecord, RunEnd, RunHeader } from '../records/record.ts';
import { ofSeries } from './of-series.ts';

/** Counts the records of a run. */
export interface Tally {
  add(record: CertificateRecord): void;
  /** What is wrong with a closing line after the records so far, or null. @param digest the result digest of them */
  fault(end: RunEnd, digest: string): string | null;
}

/** One series' figures. */
interface SeriesTally {
  abstained: number;
  /** Of the images that count: certified and, with labels, right. */
  readonly radii: number[];
}

export function tallyOf(header: RunHeader): Tally {
  const { labelled } = header.data;
  const series = header.series.map((): SeriesTally => ({ abstained: 0, radii: [] }));
  let [images, right] = [0, 0];
  return {
    add({ label, answer, series: verdicts }) {
      images++;
      if (label !== null && answer === label) right++;
      for (const [k, { prediction, radius }] of verdicts.entries()) {
        const tally = series[k];
        if (tally === undefined) continue;
        if (prediction === null) tally.abstained++;
        else if (!labelled || prediction === label) tally.radii.push(radius);
      }
    },
    fault(end, digest) {
      if (end.records !== images)
        return `it closes ${end.records} records, but there are ${images} before it`;
      // Without records, all count as labelled.
      const known = labelled || images === 0;
      if ((end.measure === 'certified accuracy') !== known)
        return `measure is ${end.measure}, but the data are ${labelled ? '' : 'not '}labelled`;
      const expected = known ? right : null;
      if (end.right !== expected)
        return `right is ${end.right}, but by the records' answers it is ${expected}`;
      if (end.series.length !== series.length)
        return `it has figures for ${end.series.length} series, the run has ${series.length}`;
      for (const [k, tally] of series.entries()) {
        const fault = seriesFault(end, k, header, tally, images);
        if (fault !== null) return ofSeries(header, k, fault);
      }
      return end.digest === digest
        ? null
        : `digest is ${end.digest}, but the result digest of the records before it is ${digest}`;
    },
  };
}

function seriesFault(
  { series, radii }: RunEnd,
  k: number,
  header: RunHeader,
  tally: SeriesTally,
  images: number,
): string | null {
  const stated = series[k];
  const method = header.series[k]?.method;
  if (stated === undefined) return 'it has no figures';
  if (stated.method !== method) return `its method is ${stated.method}, the run's ${method}`;
  if (stated.abstained !== tally.abstained)
    return `abstained is ${stated.abstained}, but ${tally.abstained} abstained`;
  for (const [r, radius] of radii.entries()) {
    const certified = tally.radii.filter((one) => one >= radius).length;
    if (stated.certified[r] !== certified)
      return `certified[${r}] is ${stated.certified[r]}, but ${certified} images count at ${radius}`;
  }
  if (stated.certified.length !== radii.length) return 'certified does not have one count per radius';
  const mean = images === 0 ? 0 : sumOf(tally.radii) / images;
  // Two orders of summation: each is off by at most one rounding per image.
  return Math.abs(stated.averageRadius - mean) <= (images + 4) * 2 ** -51 * mean
    ? null
    : `averageRadius is ${stated.averageRadius}, but the mean is ${mean}`;
}

/** Smallest first, so that rounding stays small whatever the order of the images. */
const sumOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b).reduce((sum, value) => sum + value, 0);
