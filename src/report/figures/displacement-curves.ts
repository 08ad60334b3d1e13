/** D(r) of a few images, each drawn a little beyond the radius at which it uses up R_u - η - η′. */

import { roundDown, roundUp } from '../../ground/decimal.ts';
import type { DisplacementPoint } from '../../methods/method.ts';
import type { AuditedRun } from '../audited-run.ts';
import { type Figure, seriesStyle, variable } from '../figure.ts';
import { type LeftHalfImage, leftHalfImages } from '../left-half-images.ts';
import { isNarrow, Plot, plotSvg, tickText } from '../plot.ts';

/** An image's curve, by its index in the data set. */
export type DisplacementCurves = ReadonlyMap<number, readonly DisplacementPoint[]>;

const RANKS = ['smallest', 'median', 'largest'] as const;

/** The images whose D(r) is worth drawing: of the smallest, the median and the largest radius, each once. */
export function curveImages(run: AuditedRun): { readonly image: LeftHalfImage; readonly rank: string }[] {
  const certified = leftHalfImages(run)
    .filter(({ radius }) => radius > 0)
    .sort((a, b) => a.radius - b.radius || a.index - b.index);
  const chosen = new Map<LeftHalfImage, string>();
  for (const [k, rank] of RANKS.entries()) {
    const image = certified[Math.floor((k * (certified.length - 1)) / 2)];
    if (image !== undefined && !chosen.has(image)) chosen.set(image, rank);
  }
  return [...chosen].map(([image, rank]) => ({ image, rank: certified.length === 1 ? 'only' : rank }));
}

/** Null where no curve was computed. */
export function displacementCurves(run: AuditedRun, curves: DisplacementCurves): Figure | null {
  const proved = run.series[0].header?.guarantee === 'certificate';
  const drawn = curveImages(run).flatMap(({ image, rank }, k) => {
    const points = (curves.get(image.index) ?? []).filter((p) => Number.isFinite(p.displacement));
    const { usable } = image.leftHalf;
    const name = `image ${image.index} (${rank} radius)`;
    return points.length === 0
      ? []
      : [{ image, name, usable, ...seriesStyle(k), points: [{ radius: 0, displacement: 0 }, ...points] }];
  });
  if (drawn.length === 0) return null;
  const all = drawn.flatMap(({ points }) => points);
  const widest = Math.max(...all.map(({ radius }) => radius));
  const highest = Math.max(...all.map(({ displacement }) => displacement));
  return {
    id: 'displacement-curves',
    title: 'How far the latent moves: D(r)',
    summary: `${proved ? 'How far the latent moves at most' : 'How far the latent is estimated to move'} while the image moves by r: ${
      drawn.length === 1 ? 'one image' : `${drawn.length} images`
    }, computed at the dots. Level lines are R_u − η − η′; each ends at the certified radius, where D(r) has used it up.`,
    legend: drawn.map(({ name, colour, line }) => ({ name, colour, line })),
    tableOpen: false,
    table: {
      caption: `D(r), ${proved ? 'an upper bound, rounded up' : 'an estimate'}, alongside R_u − η − η′, rounded down`,
      columns: [
        { header: 'image', align: 'left' },
        ...['r', 'D(r)', 'D(r)/r', 'R_u − η − η′', 'certified'].map((header) => ({
          header,
          align: 'right' as const,
        })),
      ],
      rows: drawn.flatMap(({ image, name, usable, points }) =>
        points
          .slice(1)
          .map(({ radius, displacement }) => [
            name,
            roundDown(radius, 4),
            roundUp(displacement, 4),
            roundUp(displacement / radius, 4),
            roundDown(Math.max(0, usable), 4),
            radius <= image.radius ? 'yes' : 'no',
          ]),
      ),
    },
    draw: (width) =>
      plotSvg(width, 'D(r) over r for a few images; the table below has the numbers', {
        height: isNarrow(width) ? 250 : 300,
        x: {
          label: 'distance r from the image',
          labelAnchor: 'center',
          labelArrow: 'none',
          domain: [0, widest * 1.03],
          ticks: isNarrow(width) ? 5 : 9,
          tickFormat: tickText,
        },
        y: {
          label: 'latent distance',
          labelArrow: 'none',
          domain: [0, highest * 1.05 || 1],
          grid: true,
          ticks: 5,
          tickFormat: tickText,
        },
        marks: [
          ...drawn.flatMap(({ image, usable, points, colour, line }) => [
            Plot.ruleY([usable], {
              ...{ x1: 0, x2: image.radius, stroke: variable(colour) },
              ...{ strokeWidth: 1, strokeOpacity: 0.8 },
            }),
            Plot.ruleX([image.radius], {
              ...{ y1: 0, y2: usable, stroke: variable(colour) },
              ...{ strokeWidth: 1, strokeOpacity: 0.8 },
            }),
            Plot.line(points, {
              ...{ x: 'radius', y: 'displacement', stroke: variable(colour), strokeWidth: 2 },
              ...(line === 'none' ? {} : { strokeDasharray: line }),
            }),
            Plot.dot(points.slice(1), {
              ...{ x: 'radius', y: 'displacement', r: 2.5, fill: variable(colour) },
            }),
          ]),
          Plot.ruleY([0], { stroke: variable('soft') }),
        ],
      }),
  };
}
