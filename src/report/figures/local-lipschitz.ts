/** The bound D(r)/r of the left half over the images (SPLITZ, Fig. 1c): how much the cut stretches where it matters. */
import { roundUp } from '../../ground/decimal.ts';
import type { AuditedRun } from '../audited-run.ts';
import { type Figure, variable } from '../figure.ts';
import { leftHalfImages } from '../left-half-images.ts';
import { isNarrow, Plot, plotSvg, tickText } from '../plot.ts';
import { wholeTicks } from './radius-histogram.ts';

const BINS = 20;
/** Values closer together than this are not worth drawing as a distribution. */
const SAME = 1e-3;

/** A sentence on the bounds in place of a figure, the figure, or null where there is no left half. */
export function localLipschitz(run: AuditedRun): Figure | string | null {
  const images = leftHalfImages(run);
  if (images.length === 0) return null;
  const values = images
    .flatMap(({ leftHalf: { localLipschitz: L } }) => (L === null ? [] : [L]))
    .sort((a, b) => a - b);
  const [low, high] = [values[0], values.at(-1)];
  if (low === undefined || high === undefined) {
    return 'No image has a certificate, so none has a local Lipschitz bound.';
  }
  if (values.length === 1)
    return `The local Lipschitz bound of the only certified image is ${roundUp(high, 4)}.`;
  if (high - low <= SAME * high) {
    return `The local Lipschitz bound is the same for all ${values.length} certified images, up to 0.1 %: at most ${roundUp(high, 4)}. It does not depend on the image here.`;
  }
  const step = (high - low) / BINS;
  const edges = Array.from({ length: BINS + 1 }, (_, k) => low + k * step);
  const bins = edges.slice(0, -1).map((from, k) => {
    const to = k === BINS - 1 ? high : (edges[k + 1] ?? high);
    const last = k === BINS - 1;
    return { from, to, images: values.filter((v) => v >= from && (v < to || (last && v <= to))).length };
  });
  return {
    id: 'local-lipschitz',
    title: 'Local Lipschitz bound over the images',
    summary: `From ${roundUp(low, 3)} to ${roundUp(high, 3)} over ${values.length} certified images, median ${roundUp(values[Math.floor((values.length - 1) / 2)] ?? high, 3)}.`,
    legend: [{ name: 'certified images', colour: 'series-3', line: null }],
    tableOpen: false,
    table: {
      caption: 'Images per range of D(r)/r at the certified radius r (upper bounds)',
      columns: ['from', 'to', 'images'].map((header) => ({ header, align: 'right' })),
      rows: bins.map(({ from, to, images: count }) => [roundUp(from, 4), roundUp(to, 4), String(count)]),
    },
    draw: (width) =>
      plotSvg(width, 'Histogram of local Lipschitz bounds; the table below has the numbers', {
        height: isNarrow(width) ? 210 : 240,
        x: {
          label: 'D(r)/r, upper bound',
          labelAnchor: 'center',
          labelArrow: 'none',
          ticks: isNarrow(width) ? 4 : 8,
          tickFormat: tickText,
        },
        y: {
          label: 'images',
          grid: true,
          labelArrow: 'none',
          ...wholeTicks(Math.max(...bins.map((b) => b.images))),
        },
        marks: [
          Plot.rect(bins, {
            x1: 'from',
            x2: 'to',
            y1: () => 0,
            y2: 'images',
            fill: variable('series-3'),
            insetLeft: 1,
          }),
          Plot.ruleY([0], { stroke: variable('soft') }),
        ],
      }),
  };
}
