import { dot, fixedStart, type SymmetricProduct } from './lanczos.ts';

/** The root of G's largest eigenvalue by power steps from a fixed start: a LOWER bound, as in the published method. */
export function powerNorm(gram: SymmetricProduct, size: number, steps: number): number {
  let vector: Float64Array = fixedStart(size);
  let value = 0;
  for (let i = 0; i < steps; i++) {
    const next = new Float64Array(size);
    const length = Math.sqrt(dot(vector, vector));
    for (let j = 0; j < vector.length; j++) vector[j] = vector[j]! / length;
    gram(vector, next);
    value = Math.sqrt(Math.max(0, dot(vector, next)));
    if (value === 0) return 0;
    vector = next;
  }
  return value;
}
