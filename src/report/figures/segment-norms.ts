/** The operator norm of every affine segment (SPLITZ, Fig. 1a): where the network stretches, and where a cut pays. */

import { roundUp } from '../../ground/decimal.ts';
import { visible } from '../../ground/visible.ts';
import type { SegmentNorm } from '../../inspection/boundability.ts';
import { type Figure, variable } from '../figure.ts';
import { isNarrow, Plot, plotSvg, tickText } from '../plot.ts';

const LONGEST_NAME = 26;

/**
 * A figure, or a sentence on a single segment, or null where there is none.
 * @param left how many of the segments lie before the cut of the run
 */
export function segmentNorms(segments: readonly SegmentNorm[], left: number): Figure | string | null {
  const [only] = segments;
  if (only === undefined) return null;
  if (segments.length === 1)
    return `One affine segment lies before the cut, the one that feeds ${visible(only.name)}; its norm is at most ${roundUp(only.norm, 4)}.`;
  const bars = segments.map(({ name, norm }, k) => ({ k: String(k + 1), name, norm, left: k < left }));
  const largest = Math.max(...segments.map(({ norm }) => norm));
  return {
    id: 'segment-norms',
    title: 'Norm of each affine segment',
    summary: `${segments.length} segments, the largest norm at most ${roundUp(largest, 3)}.`,
    legend: [
      { name: 'before the cut', colour: 'series-3', line: null },
      ...(left < segments.length ? [{ name: 'behind it', colour: 'series-6' as const, line: null }] : []),
    ],
    tableOpen: false,
    table: {
      caption: 'Upper bound on the operator norm of each affine segment, named by the nonlinearity it feeds',
      columns: [
        { header: '#', align: 'right' },
        { header: 'segment', align: 'left' },
        { header: 'norm', align: 'right' },
        { header: 'side', align: 'left' },
      ],
      rows: bars.map(({ k, name, norm, left: before }) => [
        k,
        name,
        roundUp(norm, 4),
        before ? 'before the cut' : 'behind it',
      ]),
    },
    draw: (width) =>
      plotSvg(width, 'Upper bound on the norm of each affine segment; the table below has the numbers', {
        height: 56 + 24 * bars.length,
        marginLeft: isNarrow(width) ? 24 : 190,
        marginRight: 52,
        x: {
          label: 'operator norm, upper bound',
          domain: [0, largest],
          labelAnchor: 'center',
          labelArrow: 'none',
          ticks: 5,
          tickFormat: tickText,
        },
        y: {
          label: null,
          domain: bars.map(({ k }) => k),
          padding: 0.25,
          tickSize: 0,
          tickFormat: (k: string) =>
            isNarrow(width) ? k : `${k}  ${shortened(bars[Number(k) - 1]?.name ?? '')}`,
        },
        marks: [
          Plot.barX(bars, {
            x: 'norm',
            y: 'k',
            fill: (bar: (typeof bars)[number]) => variable(bar.left ? 'series-3' : 'series-6'),
          }),
          Plot.text(bars, {
            ...{ x: 'norm', y: 'k', dx: 5, textAnchor: 'start' as const },
            text: (bar: (typeof bars)[number]) => roundUp(bar.norm, 3),
          }),
        ],
      }),
  };
}

const shortened = (name: string): string => {
  const text = visible(name);
  return text.length <= LONGEST_NAME ? text : `…${text.slice(1 - LONGEST_NAME)}`;
};
