/** Certified accuracy over radius, every series with its confidence band. */

import { percentDown, percentUp, roundUp, shareDown } from '../../ground/decimal.ts';
import { capitalised } from '../../ground/sentence.ts';
import type { Norm } from '../../records/norm.ts';
import { certifiedShare } from '../../statistics/accuracy.ts';
import type { NamedSeries } from '../audited-run.ts';
import { type CurvePoint, curvePoints } from '../curve-points.ts';
import { type Figure, seriesStyle, type Table, variable } from '../figure.ts';
import { Plot, plotSvg, tickText } from '../plot.ts';

/** @param radii radii of the table, round numbers @param norm of all radii */
export function certifiedCurve(all: readonly NamedSeries[], radii: readonly number[], norm: Norm): Figure {
  const measure = all.some(({ series }) => series.score.measure === 'certified fraction')
    ? 'certified fraction'
    : 'certified accuracy';
  const curves = all.map(({ name, series }, k) => ({
    ...{ name, ...seriesStyle(k), images: series.score.images },
    points: curvePoints(series.score),
  }));
  const largest = Math.max(0, ...curves.map(({ points }) => points.at(-1)?.radius ?? 0));
  const end = largest > 0 ? largest * 1.03 : 1;
  const table = shareTable(all, radii, measure);
  return {
    id: 'certified-curve',
    title: `${capitalised(measure)} over radius`,
    summary: summaryOf(all, largest),
    legend: curves.map(({ name, colour, line }) => ({ name, colour, line })),
    table,
    tableOpen: true,
    draw: (width) =>
      plotSvg(width, `${measure} over certified radius; the table below has the numbers`, {
        x: {
          label: `certified ${norm} radius, pixels in [0,1]`,
          domain: [0, end],
          labelAnchor: 'center',
          ticks: width < 480 ? 5 : 9,
          tickFormat: tickText,
          labelArrow: 'none',
        },
        y: { label: `${measure}, %`, domain: [0, 100], grid: true, ticks: 5, labelArrow: 'none' },
        marks: [
          ...curves.map(({ points, images, colour }) =>
            Plot.areaY(toTheEnd(points, images, end), {
              x: 'radius',
              y1: 'lower',
              y2: 'upper',
              curve: 'step-before',
              fill: variable(colour),
              fillOpacity: 0.14,
            }),
          ),
          ...curves.map(({ points, images, colour, line }) =>
            Plot.line(toTheEnd(points, images, end), {
              x: 'radius',
              y: 'share',
              curve: 'step-before',
              stroke: variable(colour),
              strokeWidth: 2,
              ...(line === 'none' ? {} : { strokeDasharray: line }),
            }),
          ),
          Plot.ruleY([0], { stroke: variable('soft') }),
        ],
      }),
  };
}

function summaryOf(all: readonly NamedSeries[], largest: number): string {
  const shares = all.map(({ name, series: { score } }) =>
    score.images === 0 ? `${name} no image` : `${name} ${shareDown(score.radii.length, score.images, 1)} %`,
  );
  return `At radius 0: ${shares.join('; ')}. ${
    largest > 0
      ? `Nothing is certified beyond radius ${roundUp(largest, 3)}.`
      : 'No image counts at any radius.'
  }`;
}

/** In percent, and on to the end of the axis, where no image counts. */
function toTheEnd(
  points: readonly CurvePoint[],
  images: number,
  end: number,
): { radius: number; share: number; lower: number; upper: number }[] {
  const last = points.at(-1);
  if (last === undefined) return [];
  const nothing = { radius: end, certified: 0, lower: 0, upper: 1 - 0.025 ** (1 / images) };
  return [...points, { ...nothing, radius: last.radius }, nothing].map(
    ({ radius, certified, lower, upper }) => ({
      radius,
      share: (100 * certified) / images,
      lower: 100 * lower,
      upper: 100 * upper,
    }),
  );
}

/** Share and band at round radii: shares and lower ends rounded down, upper ends up. */
function shareTable(all: readonly NamedSeries[], radii: readonly number[], measure: string): Table {
  return {
    caption: `${capitalised(measure)} at radius, % of images, with the 95 % band for the population in brackets`,
    columns: [
      { header: 'radius', align: 'right' },
      { header: 'of 255', align: 'right' },
      ...all.map(({ name }) => ({ header: name, align: 'right' as const })),
    ],
    rows: radii.map((radius) => [
      String(radius),
      tickText(Math.floor(radius * 2550) / 10),
      ...all.map(({ series: { score } }) => {
        if (score.images === 0) return '–';
        const { certified, images, lower, upper } = certifiedShare(score, radius);
        return `${shareDown(certified, images, 1)} (${percentDown(lower, 1)}–${percentUp(upper, 1)})`;
      }),
    ]),
  };
}
