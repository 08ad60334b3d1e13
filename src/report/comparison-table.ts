/** One row per series and run: the figures that sum a run up. */

import { roundDown, roundUp } from '../ground/decimal.ts';
import { averageRadius } from '../statistics/accuracy.ts';
import type { NamedSeries } from './audited-run.ts';
import type { Table } from './figure.ts';

export function comparisonTable(all: readonly NamedSeries[]): Table {
  return {
    caption:
      'Average certified radius (ACR: 0 where an image does not count), its 95 % lower bound, and ± of a normal approximation',
    columns: [
      { header: 'method', align: 'left' },
      ...['images', 'abstained', 'ACR', 'at least', '±', 'median D(r)/r'].map((header) => ({
        header,
        align: 'right' as const,
      })),
    ],
    rows: all.map(({ name, run, series: { score, medianLocalLipschitz } }) => {
      const dependence = run.kind === 'result' ? run.header.dependence : 'independent';
      const { mean, lower, approximateHalfWidth: half } = averageRadius(score, dependence);
      const none = score.images === 0;
      return [
        name,
        String(score.images),
        String(score.abstained),
        none ? '–' : roundDown(mean, 4),
        none ? '–' : roundDown(lower, 4),
        Number.isFinite(half) ? roundUp(half, 4) : '–',
        medianLocalLipschitz === null ? '–' : roundUp(medianLocalLipschitz, 3),
      ];
    }),
  };
}
