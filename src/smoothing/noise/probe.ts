/**
 * Standard normal vectors in double precision, for probabilistic bounds whose proof looks at how rarely a normal falls
 * within 1e-7 of zero or less. The float32 normals of the noise are too coarse for that: their radius uniform rounds to 1,
 * hence the normal to 0, once in 2^25 draws. Here Box-Muller in float64 takes 52-bit uniforms, two Philox words each, and
 * no value has a probability above about 2^-51.
 */
import { keyWords, type NoiseCounter, philox } from './philox.ts';

/** Uniform in (0, 1) from 52 random bits: no rounding, never 0 or 1. */
const uniform = (high: number, low: number): number => (high * 2 ** 20 + (low >>> 12) + 0.5) * 2 ** -52;

/** n independent standard normals, a function of the counter alone. */
export function gaussianProbe(n: number, { seed, stage, image, sample }: NoiseCounter): Float64Array {
  const [k0, k1] = keyWords(seed);
  const normals = new Float64Array(n + (n % 2));
  for (let block = 0; 2 * block < n; block++) {
    const [w0, w1, w2, w3] = philox(block, sample >>> 0, image >>> 0, stage >>> 0, k0, k1);
    const radius = Math.sqrt(-2 * Math.log(uniform(w0, w1)));
    const angle = 2 * Math.PI * uniform(w2, w3);
    normals[2 * block] = radius * Math.cos(angle);
    normals[2 * block + 1] = radius * Math.sin(angle);
  }
  return normals.subarray(0, n);
}
