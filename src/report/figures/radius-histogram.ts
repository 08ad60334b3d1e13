/** How many images have a radius in which range: right and wrong predictions apart, abstentions stated alongside. */
import { roundRadii } from '../../statistics/accuracy.ts';
import { type AuditedRun, isMistake } from '../audited-run.ts';
import { type Figure, variable } from '../figure.ts';
import { isNarrow, Plot, plotSvg, tickText } from '../plot.ts';

const MOST_BINS = 24;

interface Bin {
  readonly from: number;
  readonly to: number;
  /** Certified images with the right prediction (with any, without labels), and with a wrong one. */
  readonly right: number;
  readonly wrong: number;
}

/** Of the run's own series. Null when no image has a certificate. */
export function radiusHistogram({ series: [{ images, score, norm }] }: AuditedRun): Figure | null {
  const certified = images.filter(({ radius }) => radius > 0);
  if (certified.length === 0) return null;
  const labelled = score.measure === 'certified accuracy';
  const edges = roundRadii(Math.max(...certified.map(({ radius }) => radius)), MOST_BINS);
  const step = edges[1] ?? (certified[0]?.radius ?? 1) * 2;
  const bins = edges.map((from, k): Bin => {
    const to = edges[k + 1] ?? Number((from + step).toPrecision(12));
    const within = certified.filter(({ radius }) => radius >= from && radius < to);
    const wrong = labelled ? within.filter(isMistake).length : 0;
    return { from, to, right: within.length - wrong, wrong };
  });
  const right = labelled ? 'right' : 'certified';
  return {
    id: 'radius-histogram',
    title: 'Certified radii',
    summary: `Images with a certified radius: ${certified.length} of ${images.length}; abstaining: ${score.abstained}.`,
    legend: labelled
      ? [
          { name: 'right prediction', colour: 'series-1', line: null },
          ...(bins.some(({ wrong }) => wrong > 0)
            ? [{ name: 'wrong prediction', colour: 'wrong' as const, line: null }]
            : []),
        ]
      : [{ name: 'certified (no labels)', colour: 'series-1', line: null }],
    tableOpen: false,
    table: {
      caption: 'Images per range of certified radius',
      columns: ['radius from', 'to below', right, ...(labelled ? ['wrong'] : [])].map((header) => ({
        header,
        align: 'right',
      })),
      rows: bins.map((bin) => [
        tickText(bin.from),
        tickText(bin.to),
        String(bin.right),
        ...(labelled ? [String(bin.wrong)] : []),
      ]),
    },
    draw: (width) =>
      plotSvg(width, 'Histogram of certified radii; the table below has the numbers', {
        height: isNarrow(width) ? 220 : 260,
        x: {
          label: `certified ${norm} radius, pixels in [0,1]`,
          labelAnchor: 'center',
          labelArrow: 'none',
          domain: [0, bins.at(-1)?.to ?? 1],
          ticks: isNarrow(width) ? 5 : 9,
          tickFormat: tickText,
        },
        y: {
          label: 'images',
          grid: true,
          labelArrow: 'none',
          ...wholeTicks(Math.max(...bins.map((b) => b.right + b.wrong))),
        },
        marks: [
          Plot.rect(bins, {
            x1: 'from',
            x2: 'to',
            y1: () => 0,
            y2: 'right',
            fill: variable('series-1'),
            insetLeft: 1,
          }),
          Plot.rect(
            bins.filter(({ wrong }) => wrong > 0),
            {
              x1: 'from',
              x2: 'to',
              y1: 'right',
              y2: (bin: Bin) => bin.right + bin.wrong,
              fill: variable('wrong'),
              insetLeft: 1,
            },
          ),
          Plot.ruleY([0], { stroke: variable('soft') }),
        ],
      }),
  };
}

/** Counts have whole ticks. */
export const wholeTicks = (largest: number): { ticks: number; tickFormat: (v: number) => string } => ({
  ticks: Math.max(1, Math.min(5, largest)),
  tickFormat: (v) => (Number.isInteger(v) ? String(v) : ''),
});
