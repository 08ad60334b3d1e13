/**
 * The one screen at the end of a run: certified accuracy at chosen radii, every series side by side with bands,
 * abstentions, ACR, the curve, and what was assumed. Lower ends are rounded down, upper ends up.
 */

import { percentDown, percentUp, roundDown, roundUp, shareDown, tidy } from '../../ground/decimal.ts';
import { wrap } from '../../ground/text-width.ts';
import { labelOf, methodOf, ownSeries } from '../../methods/index.ts';
import { normOfRun } from '../../records/norm.ts';
import type { RunHeader, Sourced } from '../../records/record.ts';
import { inPlainWords } from '../../report/plain-words.ts';
import { certifiedCount } from '../../statistics/accuracy.ts';
import { equalImagesInWords } from '../../statistics/equal-images.ts';
import { leftOutInWords } from '../../statistics/left-out.ts';
import { aloneInWords } from '../../statistics/network-alone.ts';
import type { RunSummary } from '../../statistics/summary.ts';
import { type Curve, renderCurves } from './curve.ts';
import type { NextStep } from './next-steps.ts';
import type { Screen } from './style.ts';
import { renderTable } from './table.ts';

/** Largest pixel value of 8-bit images: radii are repeated in its units. */
const LEVELS = 255;

/** Renders a run's summary, and what to do next; ends in a newline. */
export function renderSummary(
  header: RunHeader,
  summary: RunSummary,
  screen: Screen,
  steps: readonly NextStep[] = [],
): string {
  if (summary.images === 0) return 'no image was certified\n';
  const parts = [
    ...warnings(header).map((warning) => `${screen.style.yellow(warning)}\n`),
    radiusTable(header, summary, screen),
    totals(header, summary, screen),
    curve(header, summary, screen),
    notes(header, summary)
      .map((note) => `${wrap(note, screen.columns)}\n`)
      .join(''),
    plainWords(header, summary, screen),
    steps
      .map(({ why, command }, k) => `${wrap(`${k + 1}. ${why}:`, screen.columns)}\n   ${command}\n`)
      .join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function plainWords(header: RunHeader, { series: [own], right }: RunSummary, { columns }: Screen): string {
  if (own === undefined) throw new RangeError('a run has a series');
  const text = inPlainWords(header, own.score, right).join(' ');
  return text === '' ? '' : `In plain words\n${wrap(text, columns)}\n`;
}

function warnings({ series }: RunHeader): string[] {
  const estimates = series.filter(({ guarantee }) => guarantee !== 'certificate');
  if (estimates.length === 0) return [];
  const whose =
    estimates.length === series.length ? 'these radii' : `the radii of ${estimates.map(labelOf).join(', ')}`;
  return [`ESTIMATE, NOT A BOUND: ${whose} prove nothing.`];
}

function radiusTable(
  header: RunHeader,
  { radii, series, measure, images, right }: RunSummary,
  { style }: Screen,
): string {
  const columns = [
    { header: 'radius', align: 'right' as const },
    { header: `/${LEVELS}`, align: 'right' as const },
    ...header.series.flatMap((one) => [
      { header: labelOf(one), align: 'right' as const },
      { header: '95 % band', align: 'right' as const },
    ]),
    ...(right === null ? [] : [{ header: 'alone', align: 'right' as const }]),
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
    // Without noise nothing is certified: an accuracy, at no radius.
    right !== null && radius === 0 ? `${shareDown(right, images, 1)} %` : '',
  ]);
  return `${style.bold(measure)} at radius (${normOfRun(header)})\n${renderTable(columns, rows, style)}`;
}

function totals(header: RunHeader, { series, measure }: RunSummary, { style }: Screen): string {
  const columns = [
    { header: '' },
    ...header.series.map((one) => ({ header: labelOf(one), align: 'right' as const })),
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
    ...drawsRow(header, series),
  ];
  return renderTable(columns, rows, style);
}

/** Mean draws per image, where some ended before all n were made. */
function drawsRow({ series: headers }: RunHeader, series: RunSummary['series']): string[][] {
  const drawn = series.map(({ averageDraws }, k) => {
    const { n } = (headers[k]?.settings ?? {}) as { readonly n?: Sourced<number> };
    return { averageDraws, early: averageDraws !== null && averageDraws !== n?.value };
  });
  if (!drawn.some(({ early }) => early)) return [];
  const text = drawn.map(({ averageDraws, early }) =>
    averageDraws === null ? '–' : early ? Math.round(averageDraws).toLocaleString('en') : 'all',
  );
  return [['draws per image', ...text]];
}

function curve(header: RunHeader, { series, radii, measure }: RunSummary, screen: Screen): string {
  const largest = Math.max(0, ...series.map(({ score }) => score.radii.at(-1) ?? 0));
  const [first, second] = series.map((one, k): Curve => {
    const of = header.series[k];
    return {
      name: of === undefined ? one.method : labelOf(of),
      at: (r) => certifiedCount(one.score, r) / one.score.images,
    };
  });
  if (first === undefined) return '';
  const axis = { largest, ticks: radii, title: `${measure} over radius (${normOfRun(header)})` };
  return renderCurves(second === undefined ? [first] : [first, second], axis, screen);
}

function notes(header: RunHeader, { series: [first], images, right, equal }: RunSummary): string[] {
  const own = ownSeries(header);
  if (first === undefined) throw new RangeError('a run has a series');
  const { alpha } = first.score;
  const fair = methodOf(own).fairness(own, first.medianLocalLipschitz);
  const failing =
    alpha === 0
      ? `${images} images; no certificate rests on chance.`
      : `${images} images; each certificate may fail with probability ${tidy(alpha)}. ` +
        `Allowing for failed ones (95 %): take ${percentUp(first.failureAllowance, 1)} points off.`;
  const alone =
    right === null
      ? 'no labels: this is the share of images with a certificate, whether right or wrong.'
      : `${aloneInWords({ right, images })}; this is not certified.`;
  const leftOut = leftOutInWords(header, images);
  return [
    ...(leftOut === null ? [] : [leftOut]),
    ...equalImagesInWords(equal),
    failing,
    alone,
    ...(fair === null || first.medianLocalLipschitz === null
      ? []
      : [`median local Lipschitz bound ${roundUp(first.medianLocalLipschitz, 3)}. ${fair.text}`]),
  ];
}
