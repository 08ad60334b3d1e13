/** An order that a seed decides and nobody knows before the seed. */
import { createHash } from 'node:crypto';

/** @param number tells the items apart; the order depends on it and the seed alone */
export function shuffled<T>(items: readonly T[], seed: number, number: (item: T) => number): T[] {
  const rank = (item: T): string =>
    createHash('sha256')
      .update(`${seed} ${number(item)}`)
      .digest('hex');
  return items
    .map((item) => ({ item, rank: rank(item) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ item }) => item);
}
