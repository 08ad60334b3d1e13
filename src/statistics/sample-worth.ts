/** What a random sample of records shows: how likely it is to miss every false one. Exact (hypergeometric), not estimated. */

/** P[a sample of `drawn` of `all` holds none of `few`]. */
export function missing(all: number, few: number, drawn: number): number {
  let probability = 1;
  for (let k = 0; k < drawn; k++) probability *= Math.max(0, all - few - k) / (all - k);
  return probability;
}

/** A tenth of `all`, rounded up: the share of false records that samples are judged by. */
const tenthOf = (all: number): number => Math.ceil(all / 10);

/** What a sample of `drawn` of `all` is worth, in words. */
export function worthOf(all: number, drawn: number): string {
  const few = tenthOf(all);
  const probability = Number(missing(all, few, drawn).toPrecision(2));
  return `a file in which ${few} of these ${all} are false passes with probability ${probability}`;
}
