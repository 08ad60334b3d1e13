/** The noise of certificates: kernel and reference agree bit for bit, and what they compute is what is documented. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNoiseKernel } from '../../src/smoothing/noise/noise-kernel.ts';
import { keyWords, philox } from '../../src/smoothing/noise/philox.ts';
import {
  float64Normals,
  gridOf,
  LARGEST_SIGMA,
  roundedNoise,
  SMALLEST_SIGMA,
} from '../../src/smoothing/noise/rounded-noise.ts';

const CAPACITY = 1000;
const kernel = createNoiseKernel(CAPACITY, CAPACITY);
const patterns = (x: Float32Array): number[] => [...new Int32Array(x.slice().buffer)];

const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff),
);
const seeds = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const sigmas = fc.oneof(
  fc.double({ min: 1e-3, max: 10, noNaN: true }),
  fc.constantFrom(0.25, 0.5, 1, 1 + 2 ** -52, 1 - 2 ** -53, SMALLEST_SIGMA, LARGEST_SIGMA, 1e-20, 1e20),
);
/** A latent value in units of sigma, with the places where rounding and addition are delicate. */
const coordinate = fc.oneof(
  fc.double({ min: -20, max: 20, noNaN: true }),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, 2 ** -9, -(2 ** -9), 3 * 2 ** -9, 1e30, -1e300, 5e-324),
);

function kernelNoise(
  latent: Float64Array,
  sigma: number,
  seed: bigint,
  stage: number,
  image: number,
  sample: number,
): Float32Array {
  const q = gridOf(sigma);
  // What lies behind the latent must not matter.
  kernel.centre.fill(Number.NaN);
  for (const [i, value] of latent.entries()) kernel.centre[i] = value / q;
  const [k0, k1] = keyWords(seed);
  kernel.exports.perturb(
    kernel.base,
    kernel.centreBase,
    latent.length,
    sigma / q,
    q,
    stage,
    image,
    sample,
    k0,
    k1,
  );
  return kernel.floats.slice(0, latent.length);
}

describe('the WebAssembly kernel of rounded noise', () => {
  it('equals the TypeScript reference bit for bit, for any seed, counter, sigma, latent and length', () => {
    const latents = fc.array(coordinate, { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(seeds, word, word, word, latents, sigmas, (seed, stage, image, sample, units, sigma) => {
        const latent = Float64Array.from(units, (x) => x * sigma);
        const expected = roundedNoise(latent, sigma, { seed, stage, image, sample });
        expect(patterns(kernelNoise(latent, sigma, seed, stage, image, sample))).toEqual(patterns(expected));
      }),
      { numRuns: 1500, seed: 3 },
    );
  });

  it('equals its float64 normals to the last bit, which rounding to a grid does not show', () => {
    for (let sample = 0; sample < 200; sample++) {
      const counter = { seed: 11n, stage: 1, image: 2, sample };
      const normals = float64Normals(CAPACITY, counter);
      // Taken off again, in steps of 2^-60: the last bit of a normal near 1 is 128 of them.
      const latent = normals.map((x) => -x * 2 ** 60);
      kernel.centre.fill(0);
      kernel.centre.set(latent);
      kernel.exports.perturb(kernel.base, kernel.centreBase, CAPACITY, 2 ** 60, 1, 1, 2, sample, 11, 0);
      expect(kernel.floats.every((x) => x === 0)).toBe(true);
    }
  });

  it('writes nothing beyond the n values asked for', () => {
    for (const n of [1, 3, 15, 17, 31]) {
      kernel.floats.fill(7);
      kernel.exports.perturb(kernel.base, kernel.centreBase, n, 256, 2 ** -9, 0, 0, 0, 1, 2);
      expect(kernel.floats.subarray(n).every((x) => x === 7)).toBe(true);
    }
  });

  it('gives the same first values whatever the length', () => {
    const latent = Float64Array.from({ length: 500 }, (_, i) => Math.sin(i));
    const long = kernelNoise(latent, 0.3, 9n, 1, 2, 3);
    for (const n of [1, 15, 16, 17, 100])
      expect(kernelNoise(latent.subarray(0, n), 0.3, 9n, 1, 2, 3)).toEqual(long.slice(0, n));
  });
});

describe('the grid', () => {
  it('is the largest power of two up to sigma / 256, a function of sigma alone', () => {
    fc.assert(
      fc.property(sigmas, (sigma) => {
        const q = gridOf(sigma);
        expect(Number.isInteger(Math.log2(q))).toBe(true);
        expect(sigma / q).toBeGreaterThanOrEqual(256);
        expect(sigma / q).toBeLessThan(512);
      }),
    );
    expect(gridOf(0.25)).toBe(2 ** -10);
    expect(gridOf(0.5)).toBe(2 ** -9);
    // One unit in the last place below a power of two.
    expect(gridOf(0.5 * (1 - 2 ** -53))).toBe(2 ** -10);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, SMALLEST_SIGMA / 2, LARGEST_SIGMA * 2])(
    'refuses sigma %d',
    (sigma) => {
      expect(() => gridOf(sigma)).toThrow(RangeError);
    },
  );
});

describe('rounded noise', () => {
  it('lies on the grid, nearest to latent + sigma G, and is never -0', () => {
    const counter = { seed: 5n, stage: 1, image: 2, sample: 3 };
    for (const sigma of [0.12, 0.25, 1.7]) {
      const q = gridOf(sigma);
      const latent = Float64Array.from({ length: 999 }, (_, i) => Math.sin(i) * 2 * q);
      const normals = float64Normals(999, counter);
      const values = roundedNoise(latent, sigma, counter);
      values.forEach((value, i) => {
        expect(Number.isInteger(value / q)).toBe(true);
        expect(Math.abs(value - ((latent[i] ?? 0) + sigma * (normals[i] ?? 0)))).toBeLessThanOrEqual(
          q * (0.5 + 1e-9),
        );
        expect(Object.is(value, -0)).toBe(false);
      });
      expect(values.some((value) => value === 0)).toBe(true);
    }
  });

  it('rounds ties to even', () => {
    // sigma this small against the latent leaves u + sigma G at u: halves of the grid stay halves.
    const sigma = 2 ** -8;
    const q = gridOf(sigma);
    const big = 2 ** 60 * q;
    const counter = { seed: 0n, stage: 0, image: 0, sample: 0 };
    expect([...roundedNoise(Float64Array.of(big, -big), sigma, counter)]).toEqual([big, -big]);
    // And halves that latent and noise add up to, in the reference: sigma / grid is 256 here, so products are exact.
    const normals = float64Normals(400, counter);
    const halves = Float64Array.from(normals, (_, i) => (i % 7) - 3 + 0.5);
    const latent = halves.map((half, i) => half - 256 * (normals[i] ?? 0));
    const sums = latent.map((u, i) => u + 256 * (normals[i] ?? 0));
    const values = roundedNoise(
      latent.map((u) => u * gridOf(0.5)),
      0.5,
      counter,
    );
    let ties = 0;
    for (const [i, sum] of sums.entries()) {
      if (sum !== halves[i]) continue;
      ties++;
      expect(Math.abs((values[i] ?? 1) / gridOf(0.5)) % 2).toBe(0);
    }
    expect(ties).toBeGreaterThan(300);
    const kernelTies = Float64Array.of(0.5, 1.5, 2.5, -0.5, -1.5, 3.5);
    kernel.centre.fill(0);
    kernel.centre.set(kernelTies);
    kernel.exports.perturb(kernel.base, kernel.centreBase, 6, 0, q, 0, 0, 0, 1, 2);
    expect([...kernel.floats.subarray(0, 6)].map((x) => x / q)).toEqual([0, 2, 2, 0, -2, 4]);
  });

  it('is Box-Muller of the Philox words to 1e-14', () => {
    const normals = float64Normals(160, { seed: 5n, stage: 1, image: 2, sample: 3 });
    for (let block = 0; block < 80; block++) {
      const [w0, w1, w2, w3] = philox(block, 3, 2, 1, 5, 0);
      const r = Math.sqrt(-2 * Math.log((w0 * 2 ** 32 + w1 + 1) / 2 ** 64));
      const angle = (2 * Math.PI * (w2 * 2 ** 32 + w3)) / 2 ** 64;
      const at = Math.floor(block / 2) * 4 + (block % 2);
      expect(normals[at]).toBeCloseTo(r * Math.cos(angle), 14);
      expect(normals[at + 2]).toBeCloseTo(r * Math.sin(angle), 14);
    }
  });
});
