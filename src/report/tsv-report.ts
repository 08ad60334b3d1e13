/**
 * The curves as drawn, one row per series and step, for plotting elsewhere. Unrounded; a share holds on the radii from the
 * row before (excluded) to its own (included).
 */
import { curvePoints } from './curve-points.ts';
import { escapeTsv } from './escape.ts';
import type { Report } from './report.ts';

const COLUMNS = [
  'series',
  'run',
  'sigma',
  'images',
  'radius',
  'certified',
  'share',
  'lower95',
  'upper95',
  'guarantee',
];

export function tsvReport({ series }: Report): string {
  const rows = series.flatMap(({ name, run, series: { sigma, score } }) =>
    curvePoints(score).map(({ radius, certified, lower, upper }) => [
      ...[escapeTsv(name), escapeTsv(run.name), sigma === null ? '' : String(sigma)],
      ...[score.images, radius, certified, certified / score.images, lower, upper].map(String),
      run.kind === 'log' ? 'as logged' : run.header.guarantee,
    ]),
  );
  return [COLUMNS, ...rows].map((row) => `${row.join('\t')}\n`).join('');
}
