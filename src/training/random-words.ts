/** Random choices of a training run: Philox words that are a pure function of (seed, stage, image, sample). */
import { keyWords, philox } from '../smoothing/noise/philox.ts';

/** The words one after the other: each call gives the next integer in [0, 2^32). */
export function randomWords(seed: number, stage: number, image: number, sample: number): () => number {
  const [k0, k1] = keyWords(BigInt(seed));
  let block = 0;
  let words: readonly number[] = [];
  let used = 0;
  return () => {
    if (used === words.length) {
      words = philox(block++, sample, image, stage, k0, k1);
      used = 0;
    }
    return words[used++] as number;
  };
}

/** A word as an integer in [0, n), even up to a bias of n/2^32. */
export const below = (n: number, word: number): number => Math.floor((word / 2 ** 32) * n);

/** Puts the items in random order, in place (Fisher & Yates; Durstenfeld 1964). */
export function shuffle(items: Int32Array, next: () => number): Int32Array {
  for (let last = items.length - 1; last > 0; last--) {
    const other = below(last + 1, next());
    const item = items[last] as number;
    items[last] = items[other] as number;
    items[other] = item;
  }
  return items;
}
