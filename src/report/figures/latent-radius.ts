/** Per image: the latent radius R_u that the votes gave, and the input radius r that D(r) <= R_u - η - η′ made of it. */
import { roundDown, roundUp } from '../../ground/decimal.ts';
import { type AuditedRun, isMistake } from '../audited-run.ts';
import { type Figure, variable } from '../figure.ts';
import { leftHalfImages } from '../left-half-images.ts';
import { isNarrow, Plot, plotSvg, tickText } from '../plot.ts';

/** Images in the table: evenly spread over the radii. All of them are in the table of images. */
const ROWS = 12;
/** Dots drawn; more would only hide each other. */
const DOTS = 1000;

/** Null for methods without left half, for logs, and when fewer than two images have a certificate. */
export function latentRadius(run: AuditedRun): Figure | null {
  const certified = leftHalfImages(run)
    .filter(({ prediction, leftHalf }) => prediction !== null && leftHalf.displacement !== null)
    .map((image) => ({ ...image, ...image.leftHalf, wrong: isMistake(image) }))
    .sort((a, b) => a.radius - b.radius || a.index - b.index);
  if (certified.length < 2) return null;
  const anyWrong = certified.some(({ wrong }) => wrong);
  const labelled = certified.every(({ label }) => label !== null);
  const dots = spread(certified, DOTS);
  const largest = {
    x: certified.reduce((m, c) => Math.max(m, c.latentRadius), 0),
    y: certified.at(-1)?.radius ?? 0,
  };
  return {
    id: 'latent-radius',
    title: 'From latent radius to certified radius',
    summary: `Latent radii up to ${roundDown(largest.x, 3)} become certified radii up to ${roundDown(largest.y, 3)} in input units.`,
    legend: [
      { name: labelled ? 'right prediction' : 'certified (no labels)', colour: 'series-1', line: null },
      ...(anyWrong ? [{ name: 'wrong prediction', colour: 'wrong' as const, line: null }] : []),
    ],
    tableOpen: false,
    table: {
      caption: `${Math.min(ROWS, certified.length)} of ${certified.length} certified images, from the smallest radius to the largest`,
      columns: ['image', 'R_u', 'radius r', 'D(r)', 'D(r)/r'].map((header) => ({
        header,
        align: 'right',
      })),
      rows: spread(certified, ROWS).map((c) => [
        String(c.index),
        roundDown(c.latentRadius, 4),
        roundDown(c.radius, 4),
        c.displacement === null ? '–' : roundUp(c.displacement, 4),
        c.localLipschitz === null ? '–' : roundUp(c.localLipschitz, 4),
      ]),
    },
    draw: (width) =>
      plotSvg(width, 'Certified radius over latent radius per image; the table below has numbers', {
        height: isNarrow(width) ? 240 : 280,
        x: {
          label: 'latent radius',
          labelAnchor: 'center',
          labelArrow: 'none',
          domain: [0, largest.x * 1.04 || 1],
          ticks: isNarrow(width) ? 5 : 9,
          tickFormat: tickText,
        },
        y: {
          label: 'certified radius r',
          labelArrow: 'none',
          domain: [0, largest.y * 1.08 || 1],
          grid: true,
          ticks: 5,
          tickFormat: tickText,
        },
        marks: [
          Plot.dot(
            dots.filter(({ wrong }) => !wrong),
            {
              x: 'latentRadius',
              y: 'radius',
              r: 2.5,
              fill: variable('series-1'),
              fillOpacity: dots.length < 100 ? 0.9 : 0.45,
            },
          ),
          Plot.dot(
            dots.filter(({ wrong }) => wrong),
            {
              ...{ x: 'latentRadius', y: 'radius', r: 3.5, symbol: 'times' as const },
              ...{ stroke: variable('wrong'), strokeWidth: 1.5 },
            },
          ),
          Plot.ruleY([0], { stroke: variable('soft') }),
        ],
      }),
  };
}

/** At most `most` of `items`, evenly spread, the first and the last among them. */
export function spread<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items];
  return Array.from(
    { length: most },
    (_, k) => items[Math.round((k * (items.length - 1)) / (most - 1))] as T,
  );
}
