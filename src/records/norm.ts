/** The norm in which radii are distances. Radii in different norms are different statements: no table or test mixes them. */
import type { RunHeader, SeriesHeader } from './record.ts';
import type { Norm } from './series-format.ts';

export type { Norm };

/** Of a series' radii. */
export const normOf = ({ norm }: Pick<SeriesHeader, 'norm'>): Norm => norm ?? 'l2';

/** Of all radii of a run: series in another norm are not let into it (`resultLines`, `settle`). */
export function normOfRun({ series: [own] }: Pick<RunHeader, 'series'>): Norm {
  if (own === undefined) throw new RangeError('a run has a series');
  return normOf(own);
}

/** As the field `norm` of a series, which says only what is not l2. */
export const normField = (norm: Norm): Pick<SeriesHeader, 'norm'> => (norm === 'l2' ? {} : { norm });
