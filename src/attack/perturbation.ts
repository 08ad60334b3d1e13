/**
 * Perturbed images and how far they are from the original, in l2. What counts is the float32 input that the classifier is
 * actually given, and its distance is an upper bound: float64 of the float32 numbers, rounded up.
 */
import { normUp } from '../ground/rounding-error.ts';

/** An upper bound on ‖input − image‖, in input units. */
export function distanceUp(image: Float32Array, input: Float32Array): number {
  // The difference of two float32 is rounded once in float64: a factor of at most 1 + 2^-53.
  return normUp(Float64Array.from(image, (pixel, i) => (input[i] as number) - pixel)) * (1 + 2 ** -51);
}

/** Limits of the pixels of an attack: null leaves them free, as the certificate's threat model does. */
export type PixelRange = readonly [low: number, high: number] | null;

/**
 * The float32 input at `image + radius · direction/‖direction‖`, its pixels cut to the range: never further than `radius`
 * by `distanceUp`. The image itself where the direction is zero or not finite, or float32 has nothing in between.
 * @param range must contain the image: cutting is then a projection and brings the input nearer
 */
export function inputAt(
  image: Float32Array,
  direction: ArrayLike<number>,
  radius: number,
  range: PixelRange,
): Float32Array {
  let sum = 0;
  for (let i = 0; i < image.length; i++) sum += (direction[i] as number) ** 2;
  const norm = Math.sqrt(sum);
  if (!(norm > 0 && norm < Number.POSITIVE_INFINITY && radius > 0)) return image.slice();
  let scale = radius / norm;
  // Rounding to float32 may push the input out; each round takes off the excess, then ever more.
  for (let excess = 2 ** -40; excess < 1; excess *= 2) {
    const input = image.map((pixel, i) => cut(pixel + scale * (direction[i] as number), range));
    const distance = distanceUp(image, input);
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
