/** Non-negative scales of the rows or columns of a map, such as slopes or masks; null means all ones. */
export type Scales = Float64Array | null;

/** The largest scale; 0 for an empty list. */
export const largestScale = (scales: Scales): number =>
  scales === null ? 1 : scales.reduce((most, s) => Math.max(most, s), 0);
