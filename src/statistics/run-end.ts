/** The closing line of a finished run: the dataset-level figures, from the records before it. */

import type { Outcome, RunEnd, RunHeader } from '../records/record.ts';
import { certifiedCount } from './accuracy.ts';
import { summarise } from './summary.ts';

/** @param digest the result digest of the records */
export function runEnd(header: RunHeader, outcomes: readonly Outcome[], digest: string): RunEnd {
  const { measure, radii, series, right } = summarise(header, outcomes);
  return {
    kind: 'end',
    records: outcomes.length,
    measure,
    right,
    radii,
    series: series.map(({ method, score, averageRadius }) => ({
      method,
      abstained: score.abstained,
      certified: radii.map((radius) => certifiedCount(score, radius)),
      averageRadius: averageRadius.mean,
    })),
    digest,
  };
}
