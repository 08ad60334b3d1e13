/** The closing line of a finished run: the dataset-level figures, from the records before it. */

import type { Outcome, RunEnd, RunHeader } from '../records/record.ts';
import { certifiedCount } from './accuracy.ts';
import { summarise } from './summary.ts';

export function runEnd(header: RunHeader, outcomes: readonly Outcome[]): RunEnd {
  const { measure, radii, series } = summarise(header, outcomes);
  return {
    kind: 'end',
    records: outcomes.length,
    measure,
    radii,
    series: series.map(({ name, sigma, score, averageRadius }) => ({
      name,
      sigma,
      abstained: score.abstained,
      certified: radii.map((radius) => certifiedCount(score, radius)),
      averageRadius: averageRadius.mean,
    })),
  };
}
