/**
 * Perturbed images and how far they are from the original, in the norm of the certificate attacked. What counts is the float32
 * input that the classifier is actually given, and its distance is an upper bound: float64 of the float32 numbers, rounded up.
 */
import { normUp, sumUp } from '../ground/rounding-error.ts';
import type { Norm } from '../records/norm.ts';

/** An upper bound on ‖input − image‖, in input units. */
export function distanceUp(image: Float32Array, input: Float32Array, norm: Norm): number {
  // The difference of two float32 is rounded once in float64: a factor of at most 1 + 2^-53.
  const moved = Float64Array.from(image, (pixel, i) => (input[i] as number) - pixel);
  return (norm === 'l1' ? sumUp(moved.map(Math.abs)) : normUp(moved)) * (1 + 2 ** -51);
}

/** ‖vector‖, not rounded in any direction: for searches. */
export function lengthOf(vector: ArrayLike<number>, norm: Norm): number {
  let sum = 0;
  if (norm === 'l1') {
    for (let i = 0; i < vector.length; i++) sum += Math.abs(vector[i] as number);
    return sum;
  }
  for (let i = 0; i < vector.length; i++) sum += (vector[i] as number) ** 2;
  return Math.sqrt(sum);
}

/** Share of the pixels that a step in l1 changes. */
const SPARSE = 0.02;

/**
 * The vector of length 1 along which a linear function with this gradient grows fast. In l2 that is the gradient itself. In l1
 * it would be one pixel; a step changes a few, each as much, those of the largest slopes (Tramèr & Boneh 2019, sparse l1
 * descent). Null where the gradient is zero or not finite.
 */
export function steepest(gradient: ArrayLike<number>, norm: Norm): Float64Array | null {
  const length = lengthOf(gradient, norm);
  if (!(length > 0 && length < Number.POSITIVE_INFINITY)) return null;
  if (norm !== 'l1') return Float64Array.from(gradient, (slope) => slope / length);
  const count = Math.max(1, Math.round(SPARSE * gradient.length));
  const order = Array.from(gradient, (_, i) => i).sort(
    (a, b) => Math.abs(gradient[b] as number) - Math.abs(gradient[a] as number) || a - b,
  );
  const direction = new Float64Array(gradient.length);
  for (const i of order.slice(0, count)) direction[i] = Math.sign(gradient[i] as number) / count;
  return direction;
}

/** Limits of the pixels of an attack: null leaves them free, as the certificate's threat model does. */
export type PixelRange = readonly [low: number, high: number] | null;

/** How an attack may move: pixels within limits, or free, and the norm that counts. */
export interface Reach {
  readonly range: PixelRange;
  readonly norm: Norm;
}

/**
 * The float32 input at `image + radius · direction/‖direction‖`, its pixels cut to the range: never further than `radius`
 * by `distanceUp`. The image itself where the direction is zero or not finite, or float32 has nothing in between.
 * @param reach its range must contain the image: cutting is then a projection and brings the input nearer
 */
export function inputAt(
  image: Float32Array,
  direction: ArrayLike<number>,
  radius: number,
  { range, norm }: Reach,
): Float32Array {
  const length = lengthOf(direction, norm);
  if (!(length > 0 && length < Number.POSITIVE_INFINITY && radius > 0)) return image.slice();
  let scale = radius / length;
  // Rounding to float32 may push the input out; each round takes off the excess, then ever more.
  for (let excess = 2 ** -40; excess < 1; excess *= 2) {
    const input = image.map((pixel, i) => cut(pixel + scale * (direction[i] as number), range));
    const distance = distanceUp(image, input, norm);
    if (distance <= radius) return input;
    scale *= (radius / distance) * (1 - excess);
  }
  return image.slice();
}

const cut = (pixel: number, range: PixelRange): number =>
  range === null ? pixel : Math.min(range[1], Math.max(range[0], pixel));

/** input − image, as a direction. */
export const directionTo = (image: Float32Array, input: Float32Array): Float64Array =>
  Float64Array.from(image, (pixel, i) => (input[i] as number) - pixel);
