/** Per image: R_u, D(r) at the certified radius r, and what of R_u is left unused. */
import { roundDown, roundUp } from '../../ground/decimal.ts';
import type { AuditedRun } from '../audited-run.ts';
import { type Figure, variable } from '../figure.ts';
import { leftHalfImages } from '../left-half-images.ts';
import { isNarrow, Plot, plotSvg, tickText } from '../plot.ts';
import { spread } from './latent-radius.ts';

/** Images in the table. */
const ROWS = 12;
/** Percent below which the exact share does not matter. */
const LEAST = 0.001;
/** Dots drawn; more would only hide each other. */
const DOTS = 1000;

/**
 * What is left is the margin of the norms' proofs and of the search, and more where D jumps over R_u (a mask that switches
 * on). Null for methods without left half, for logs, and when fewer than two images have a radius.
 */
export function unusedLatentRadius(run: AuditedRun): Figure | null {
  const images = leftHalfImages(run)
    .flatMap(({ index, radius, leftHalf }) => {
      const { latentRadius, usable, displacement, rounding } = leftHalf;
      if (!(radius > 0) || displacement === null || rounding === null) return [];
      const left = Math.max(0, usable - displacement);
      const used = { index, radius, latentRadius, displacement, rounding, left };
      return [{ ...used, percent: (100 * left) / latentRadius }];
    })
    .sort((a, b) => a.latentRadius - b.latentRadius || a.index - b.index);
  if (images.length < 2) return null;
  const sorted = images.map(({ percent }) => percent).sort((a, b) => a - b);
  const largest = sorted.at(-1) ?? 0;
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  const decades = Math.max(0, Math.ceil(Math.log10(Math.max(LEAST, largest))));
  const dots = spread(images, DOTS).map((c) => ({ ...c, percent: Math.max(LEAST, c.percent) }));
  return {
    id: 'unused-latent-radius',
    title: 'Latent radius left unused',
    summary: `D(r) leaves ${roundUp(median, 3)} % of R_u unused in the median and ${roundUp(largest, 3)} % at most: the margins of the proofs and of the search for r, and more where D(r) jumps. Logarithmic; less is drawn at ${LEAST} %.`,
    legend: [{ name: 'certified images', colour: 'series-3', line: null }],
    tableOpen: false,
    table: {
      caption: `${Math.min(ROWS, images.length)} of ${images.length} images, from the smallest R_u to the largest; the slack is R_u − η − η′ − D(r)`,
      columns: ['image', 'R_u', 'η + η′', 'D(r)', 'slack', 'radius r'].map((header) => ({
        header,
        align: 'right',
      })),
      rows: spread(images, ROWS).map((c) => [
        String(c.index),
        roundDown(c.latentRadius, 5),
        // The sum of η and η′ was rounded to nearest.
        roundUp(c.rounding * (1 + 2 ** -52), 7),
        roundUp(c.displacement, 5),
        roundDown(c.left, 5),
        roundDown(c.radius, 4),
      ]),
    },
    draw: (width) =>
      plotSvg(width, 'Unused share of the latent radius per image; the table below has numbers', {
        height: isNarrow(width) ? 220 : 240,
        marginLeft: 56,
        x: {
          label: 'latent radius',
          labelAnchor: 'center',
          labelArrow: 'none',
          domain: [0, (images.at(-1)?.latentRadius ?? 1) * 1.04],
          ticks: isNarrow(width) ? 5 : 9,
          tickFormat: tickText,
        },
        y: {
          label: 'unused, %',
          labelArrow: 'none',
          type: 'log',
          domain: [LEAST, 10 ** decades],
          grid: true,
          ticks: Array.from({ length: decades + 4 }, (_, k) => LEAST * 10 ** k),
          tickFormat: tickText,
        },
        marks: [
          Plot.dot(dots, {
            ...{ x: 'latentRadius', y: 'percent', r: 2.5, fill: variable('series-3') },
            fillOpacity: dots.length < 100 ? 0.9 : 0.45,
          }),
          Plot.ruleY([LEAST], { stroke: variable('soft') }),
        ],
      }),
  };
}
