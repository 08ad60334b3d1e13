/**
 * Tries to refute D(radius) by evaluating f_L at points of the ball: a bound that any of them exceeds is false, whatever was
 * proved of it. It shares no norm and no slope with the proofs, only f_L itself, so that it catches what they share: a
 * matrix taken for 0 because its entries vanish when they are squared, above all. That none of the points refutes a bound
 * proves nothing.
 */
import type { Evaluation } from '../../../lipschitz/evaluate-left-half.ts';
import type { LeftHalfBound } from '../../../lipschitz/input-radius.ts';
import type { GaussianSource } from '../../../lipschitz/spectral-norm.ts';

/** A point where the latent is further away than it may be. */
export interface Refutation {
  /** l2 distance of the point from the image. */
  readonly distance: number;
  /** How far the latent moved at least, its rounding errors taken off. */
  readonly moved: number;
}

/** Random directions; the two of equal pixels come on top. */
const RANDOM = 2;
/** Rounding of the norms computed here. */
const SLACK = 1e-9;

/**
 * @param evaluation f_L(x), with its error
 * @param displacement what D(radius) is said to be
 * @returns the first point found that contradicts it, or null
 */
export function refuted(
  left: LeftHalfBound,
  image: Float64Array,
  evaluation: Evaluation,
  { radius, displacement }: { readonly radius: number; readonly displacement: number },
  gaussian: GaussianSource,
): Refutation | null {
  const { latent } = evaluation;
  // Where a function levels off, a point nearby moves it as far as a distant one, and no further.
  const lengths = [...new Set([radius, Math.min(radius, 1)])];
  for (const direction of directions(image.length, gaussian)) {
    for (const length of lengths) {
      const point = image.map((pixel, i) => pixel + length * (1 - SLACK) * (direction[i] ?? 0));
      const distance = distanceOf(point, image);
      if (!(distance <= radius)) continue;
      const there = left.evaluate(point).latent;
      const moved = distanceOf(there.value, latent.value) * (1 - SLACK) - latent.error - there.error;
      if (moved > displacement) return { distance, moved };
    }
  }
  return null;
}

/** Unit vectors. */
function* directions(size: number, gaussian: GaussianSource): Generator<Float64Array> {
  const even = size ** -0.5;
  yield new Float64Array(size).fill(even);
  yield new Float64Array(size).fill(-even);
  for (let k = 0; k < RANDOM; k++) {
    const probe = gaussian(size);
    const length = distanceOf(probe, new Float64Array(size));
    yield probe.map((v) => v / length);
  }
}

/** Scaled, so that neither tiny nor huge differences are lost when they are squared. */
function distanceOf(a: Float64Array, b: Float64Array): number {
  const differences = a.map((v, i) => v - (b[i] ?? 0));
  const largest = differences.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  if (!(largest > 0 && Number.isFinite(largest))) return largest;
  return largest * Math.sqrt(differences.reduce((sum, v) => sum + (v / largest) ** 2, 0));
}
