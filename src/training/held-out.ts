/**
 * Which training images are held out for validation: a random choice in which every class has its share, a pure function of
 * (seed, labels, count).
 */
import { Stage } from '../smoothing/noise/philox.ts';
import { randomWords, shuffle } from './random-words.ts';

/**
 * Shares are rounded by largest remainder. At least one image of each class stays in training, so fewer than `count` come
 * out when classes are that small.
 * @returns indices in ascending order
 */
export function chooseHeldOut(labels: Int32Array, count: number, seed: number): Int32Array {
  const members = new Map<number, number[]>();
  for (const [index, label] of labels.entries()) {
    const list = members.get(label);
    if (list === undefined) members.set(label, [index]);
    else list.push(index);
  }
  const classes = [...members].sort(([a], [b]) => a - b);
  const shares = classes.map(([label, list]) => {
    const exact = (count * list.length) / labels.length;
    return { label, list, taken: Math.floor(exact), remainder: exact - Math.floor(exact) };
  });
  let missing = count - shares.reduce((sum, { taken }) => sum + taken, 0);
  for (const share of [...shares].sort((a, b) => b.remainder - a.remainder || a.label - b.label)) {
    if (missing === 0) break;
    if (share.taken + 1 >= share.list.length) continue;
    share.taken++;
    missing--;
  }
  const chosen = shares.flatMap(({ label, list, taken }) => {
    const next = randomWords(seed, Stage.heldOut, label, 0);
    return [...shuffle(Int32Array.from(list), next).subarray(0, taken)];
  });
  return Int32Array.from(chosen).sort();
}
