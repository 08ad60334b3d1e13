/**
 * The curves as drawn, one row per series and step, for plotting elsewhere. Unrounded; a share holds on the radii from the
 * row before (excluded) to its own (included).
 */

import type { SeriesHeader, Sourced } from '../records/record.ts';
import { curvePoints } from './curve-points.ts';
import { escapeTsv } from './escape.ts';
import { type Report, unfinishedMark } from './report.ts';

const COLUMNS = [
  'series',
  'run',
  'method',
  'settings',
  'images',
  'radius',
  'certified',
  'share',
  'lower95',
  'upper95',
  'norm',
  'guarantee',
];

export function tsvReport({ series, norm }: Report): string {
  const rows = series.flatMap(({ name, run, series: { header, score } }) =>
    curvePoints(score).map(({ radius, certified, lower, upper }) => [
      ...[
        name,
        run.name + unfinishedMark(run),
        header?.method ?? '',
        header === null ? '' : settingsOf(header),
      ].map(escapeTsv),
      ...[score.images, radius, certified, certified / score.images, lower, upper].map(String),
      norm,
      header?.guarantee ?? 'as logged',
    ]),
  );
  return [COLUMNS, ...rows].map((row) => `${row.join('\t')}\n`).join('');
}

/** "sigma=0.5 n=10000": a series' settings without their origins. */
const settingsOf = ({ settings }: SeriesHeader): string =>
  // Every setting of a file was judged to be a value with its origin.
  Object.entries(settings as Readonly<Record<string, Sourced<unknown>>>)
    .map(([name, { value }]) => `${name}=${String(value)}`)
    .join(' ');
