/**
 * Uniform noise of certificates, defined: Q(u + lambda U), U uniform on [-1, 1] in every coordinate, a pure function of (latent,
 * lambda, seed, stage, image, sample). Q and the grid are those of `rounded-noise.ts`, with lambda for sigma; so are the words,
 * and why the sum is rounded. `noise-kernel/uniform.ts` computes the same function in WebAssembly SIMD, and a test compares the
 * two bit for bit. What is left between this noise and ideal noise, `uniform-error.ts` bounds.
 *
 * Words. Block b of Philox4x32-10 gives two values, from the words (w0, w1) and (w2, w3):
 *
 *   (w + 1/2) 2^-63 - 1,   w = 2^32 w0 + w1,
 *
 * evaluated as ((w0 2^32 - 2^63) + (w1 + 1/2)) times ratio 2^-63, ratio = lambda / q: both terms of the sum are exact. Values 4g ..
 * 4g + 3 of a sample are the first values of blocks 2g and 2g + 1, then their second ones.
 */
import { keyWords, type NoiseCounter, philox } from './philox.ts';
import { gridOf, nearest } from './rounded-noise.ts';

/** Generator and distribution, as result files name it. */
export const UNIFORM_NOISE_ID = 'philox4x32-10/uniform-float64/rounded';

/**
 * Q(latent + lambda U), as the network sees it.
 * @param latent u, flat, in input units
 * @param lambda half-width of the noise
 * @returns float32, as long as the latent
 * @throws RangeError when lambda is out of the range of sigma (`gridOf`)
 */
export function uniformNoise(latent: Float64Array, lambda: number, counter: NoiseCounter): Float32Array {
  const q = gridOf(lambda);
  const scale = (lambda / q) * 2 ** -63;
  const { seed, stage, image, sample } = counter;
  const [k0, k1] = keyWords(seed);
  const out = new Float32Array(latent.length);
  for (let block = 0; block * 2 < latent.length + 2; block++) {
    const [w0, w1, w2, w3] = philox(block, sample >>> 0, image >>> 0, stage >>> 0, k0, k1);
    const at = Math.floor(block / 2) * 4 + (block % 2);
    for (const [i, high, low] of [
      [at, w0, w1],
      [at + 2, w2, w3],
    ] as const)
      if (i < latent.length)
        out[i] = Math.fround(nearest((latent[i] ?? 0) / q + uniformTimes(scale, high, low))) * q;
  }
  return out;
}

/** The value of two words, between -2^63 and 2^63, times `scale`: in that order of rounding. */
export const uniformTimes = (scale: number, high: number, low: number): number =>
  (high * 2 ** 32 - 2 ** 63 + (low + 0.5)) * scale;
