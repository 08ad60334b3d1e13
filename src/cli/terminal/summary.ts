/**
 * The one screen at the end of a run: certified accuracy at chosen radii for the method and for plain smoothing side by
 * side with bands, abstentions, ACR, the curve, and what was assumed. Lower ends are rounded down, upper ends up.
 */

import { percentDown, percentUp, roundDown, roundUp, shareDown } from '../../ground/decimal.ts';
import { wrap } from '../../ground/text-width.ts';
import { methodOf } from '../../methods/index.ts';
import { valuesOf, type WithOrigins } from '../../methods/method.ts';
import type { RunHeader, SeriesHeader } from '../../records/record.ts';
import { certifiedCount } from '../../statistics/accuracy.ts';
import type { RunSummary } from '../../statistics/summary.ts';
import { type Curve, renderCurves } from './curve.ts';
import type { Screen } from './style.ts';
import { renderTable } from './table.ts';

/** Largest pixel value of 8-bit images: radii are repeated in its units. */
const LEVELS = 255;

/** Renders a run's summary; ends in a newline. */
export function renderSummary(header: RunHeader, summary: RunSummary, screen: Screen): string {
  if (summary.images === 0) return 'no image was certified\n';
  const parts = [
    ...(header.series[0]?.guarantee === 'certificate' ? [] : [`${screen.style.yellow(warning)}\n`]),
    radiusTable(header, summary, screen),
    totals(header, summary, screen),
    curve(header, summary, screen),
    notes(header, summary)
      .map((note) => `${wrap(note, screen.columns)}\n`)
      .join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** A probability without the last bits of a sum (0.0010009999999999999). */
const tidy = (p: number) => String(Number(p.toPrecision(9)));

const warning =
  'ESTIMATE, NOT A BOUND: the left half was measured by power iteration; these radii prove nothing.';

const named = (series: SeriesHeader): string =>
  methodOf(series).label(valuesOf(series.settings as WithOrigins<object>));

function radiusTable(header: RunHeader, { radii, series, measure }: RunSummary, { style }: Screen): string {
  const columns = [
    { header: 'radius', align: 'right' as const },
    { header: `/${LEVELS}`, align: 'right' as const },
    ...header.series.flatMap((one) => [
      { header: named(one), align: 'right' as const },
      { header: '95 % band', align: 'right' as const },
    ]),
  ];
  const rows = radii.map((radius, r) => [
    String(radius),
    roundDown(radius * LEVELS, 1),
    ...series.flatMap(({ shares }) => {
      const share = shares[r];
      if (share === undefined) return ['', ''];
      return [
        `${shareDown(share.certified, share.images, 1)} %`,
        `${percentDown(share.lower, 1)}–${percentUp(share.upper, 1)}`,
      ];
    }),
  ]);
  return `${style.bold(measure)} at radius (l2)\n${renderTable(columns, rows, style)}`;
}

function totals(header: RunHeader, { series, measure }: RunSummary, { style }: Screen): string {
  const columns = [
    { header: '' },
    ...header.series.map((one) => ({ header: named(one), align: 'right' as const })),
  ];
  const average =
    measure === 'certified accuracy' ? 'ACR (average certified radius)' : 'average certified radius';
  const rows = [
    [average, ...series.map(({ averageRadius }) => roundDown(averageRadius.mean, 4))],
    ['  at least, 95 %', ...series.map(({ averageRadius }) => roundDown(averageRadius.lower, 4))],
    [
      '  ± 95 %, normal approximation',
      ...series.map(({ averageRadius: { approximateHalfWidth: h } }) =>
        Number.isFinite(h) ? roundUp(h, 4) : '–',
      ),
    ],
    ['abstained', ...series.map(({ score }) => `${score.abstained} of ${score.images}`)],
  ];
  return renderTable(columns, rows, style);
}

function curve(header: RunHeader, { series, radii, measure }: RunSummary, screen: Screen): string {
  const largest = Math.max(0, ...series.map(({ score }) => score.radii.at(-1) ?? 0));
  const [first, second] = series.map((one, k): Curve => {
    const of = header.series[k];
    return {
      name: of === undefined ? one.method : named(of),
      at: (r) => certifiedCount(one.score, r) / one.score.images,
    };
  });
  if (first === undefined) return '';
  const axis = { largest, ticks: radii, title: `${measure} over radius (l2)` };
  return renderCurves(second === undefined ? [first] : [first, second], axis, screen);
}

function notes(header: RunHeader, { series: [first], images, measure, right }: RunSummary): string[] {
  const [own] = header.series;
  if (first === undefined || own === undefined) return [];
  const { alpha } = first.score;
  const fair = methodOf(own).fairness(own, first.medianLocalLipschitz);
  const failing =
    alpha === 0
      ? `${images} images; the certificates are deterministic.`
      : `${images} images; each certificate may fail with probability ${tidy(alpha)}. ` +
        `Allowing for failed ones (95 %): take ${percentUp(first.failureAllowance, 1)} points off.`;
  const alone =
    right === null
      ? 'no labels: this is the share of images with a certificate, whether right or wrong.'
      : `the network alone, without noise, is right on ${shareDown(right, images, 1)} % (${right} of ${images}); that is not certified.`;
  return [
    failing,
    ...(measure === 'certified accuracy' || right === null ? [alone] : []),
    ...(fair === null || first.medianLocalLipschitz === null
      ? []
      : [
          `left half: median local Lipschitz bound ${roundUp(first.medianLocalLipschitz, 3)}; the matched plain noise, σ/L, is ` +
            `${fair.sigma.toFixed(3)}. A linear left half could not beat plain smoothing at it.`,
        ]),
  ];
}
