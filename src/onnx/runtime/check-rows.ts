/**
 * Rows to check a rewritten model with, and the comparison of its outputs. The rows differ in kind, not only in noise
 * (grey noise, a dark image, a bright gradient), so that a model that mixes rows cannot hide behind equal outputs.
 */

/** A small deterministic generator (mulberry32): the checks must be the same in every run. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` rows of `size` pixels in [0,1]. */
export function checkRows(count: number, size: number, seed = 1): Float32Array[] {
  const random = uniform(seed);
  return Array.from({ length: count }, (_, k) =>
    Float32Array.from({ length: size }, (_, i) => {
      if (k % 3 === 0) return random();
      return k % 3 === 1 ? 0.2 * random() : 0.6 * (i / size) + 0.4 * random();
    }),
  );
}

/** Index of the largest element; the first one on ties, as ONNX's ArgMax. */
export function argmax(logits: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < logits.length; k++) if ((logits[k] as number) > (logits[best] as number)) best = k;
  return best;
}

/** Largest |a−b| relative to the largest |a|; Infinity when the lengths differ or something is not finite. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let scale = 0;
  let difference = 0;
  for (let k = 0; k < a.length; k++) {
    const x = a[k] as number;
    const y = b[k] as number;
    if (!Number.isFinite(x) || !Number.isFinite(y)) return Number.POSITIVE_INFINITY;
    scale = Math.max(scale, Math.abs(x));
    difference = Math.max(difference, Math.abs(x - y));
  }
  return difference === 0 ? 0 : difference / scale;
}

/** Rounding differences that another order of summation may cause, relative to the logits' scale. */
export const tolerance = 1e-5;

/** Equal up to rounding, with the same winner (two classes closer than the tolerance count as a tie). */
export function sameLogits(expected: ArrayLike<number>, actual: ArrayLike<number>): boolean {
  if (relativeDifference(expected, actual) > tolerance) return false;
  const winner = argmax(expected);
  const other = argmax(actual);
  const scale = Math.max(...Array.from(expected, Math.abs));
  return winner === other || (expected[winner] as number) - (expected[other] as number) <= tolerance * scale;
}
