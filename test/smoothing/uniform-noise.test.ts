/** Uniform noise of certificates: kernel and reference agree bit for bit, and what they compute is what is documented and proved. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKernelSource } from '../../src/smoothing/noise/kernel-source.ts';
import { createNoiseKernel } from '../../src/smoothing/noise/noise-kernel.ts';
import { keyWords, philox } from '../../src/smoothing/noise/philox.ts';
import { gridOf, LARGEST_SIGMA, SMALLEST_SIGMA } from '../../src/smoothing/noise/rounded-noise.ts';
import {
  uniformCoordinateError,
  uniformDistance,
  uniformVariation,
} from '../../src/smoothing/noise/uniform-error.ts';
import { UNIFORM_NOISE_ID, uniformNoise, uniformTimes } from '../../src/smoothing/noise/uniform-noise.ts';

const patterns = (x: Float32Array): number[] => [...new Int32Array(x.slice().buffer)];
const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff),
);
const lambdas = fc.oneof(
  fc.double({ min: 1e-3, max: 10, noNaN: true }),
  fc.constantFrom(0.5, 1, 1 + 2 ** -52, 1 - 2 ** -53, SMALLEST_SIGMA, LARGEST_SIGMA),
);
/** A pixel in units of lambda, with the places where rounding and addition are delicate. */
const coordinate = fc.oneof(
  fc.double({ min: -20, max: 20, noNaN: true }),
  fc.constantFrom(0, -0, 2 ** -9, -(2 ** -9), 3 * 2 ** -9, 1e30, -1e300, 5e-324),
);

describe('the WebAssembly kernel of uniform noise', () => {
  it('equals the TypeScript reference bit for bit, for any seed, counter, lambda, latent and length', () => {
    const latents = fc.array(coordinate, { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(word, word, word, latents, lambdas, (stage, image, sample, units, lambda) => {
        const latent = Float64Array.from(units, (x) => x * lambda);
        const counter = { seed: 77n + (BigInt(stage) << 31n), stage, image, sample };
        const source = createKernelSource([latent.length], 1, 'uniform');
        source.fill(latent, lambda, gridOf(lambda), counter, 1);
        expect(patterns(source.rows.data)).toEqual(patterns(uniformNoise(latent, lambda, counter)));
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('equals its float64 values to the last bit, which rounding to a grid does not show', () => {
    const size = 40;
    const kernel = createNoiseKernel(size, size);
    for (let sample = 0; sample < 50; sample++) {
      const [k0, k1] = keyWords(11n);
      // Twice the values, which are multiples of 1/2, taken off again: what is left is 0, or at least 1.
      for (let block = 0; block < size / 2; block++) {
        const [w0, w1, w2, w3] = philox(block, sample, 2, 1, k0, k1);
        const at = Math.floor(block / 2) * 4 + (block % 2);
        kernel.centre[at] = -uniformTimes(2, w0, w1);
        kernel.centre[at + 2] = -uniformTimes(2, w2, w3);
      }
      const { base, centreBase } = kernel;
      kernel.exports.perturbUniformly(base, centreBase, size, 2 ** 64, 1, 1, 2, sample, k0, k1);
      expect([...kernel.floats.subarray(0, size)]).toEqual(new Array(size).fill(0));
    }
  });

  it('bears another name than Gaussian noise', () => {
    expect(createKernelSource([4], 1, 'uniform').id).toBe(UNIFORM_NOISE_ID);
    expect(createKernelSource([4], 1).id).not.toBe(UNIFORM_NOISE_ID);
  });
});

describe('uniform noise', () => {
  it('is what the docstring says, word by word', () => {
    const counter = { seed: 5n, stage: 1, image: 2, sample: 3 };
    const lambda = 0.5;
    const q = gridOf(lambda);
    const noise = uniformNoise(new Float64Array(8), lambda, counter);
    const [w0, w1, w2, w3] = philox(1, 3, 2, 1, 5, 0);
    // Block 1: its first value is the second of the group, its second one the fourth.
    const value = (high: number, low: number) => ((high * 2 ** 32 + low + 0.5) / 2 ** 63 - 1) * lambda;
    expect(noise[1]).toBe(Math.round(value(w0, w1) / q) * q);
    expect(noise[3]).toBe(Math.round(value(w2, w3) / q) * q);
  });

  it('lies on the grid, within lambda of the pixel, and is spread evenly', () => {
    const [lambda, pixel] = [0.3, 0.7];
    const q = gridOf(lambda);
    const latent = new Float64Array(1000).fill(pixel);
    const bins = new Array<number>(10).fill(0);
    let offGrid = 0;
    let farthest = 0;
    for (let sample = 0; sample < 100; sample++)
      for (const value of uniformNoise(latent, lambda, { seed: 9n, stage: 0, image: 0, sample })) {
        if (!Number.isInteger(value / q)) offGrid++;
        farthest = Math.max(farthest, Math.abs(value - pixel));
        const bin = Math.min(9, Math.max(0, Math.floor(((value - pixel + lambda) / (2 * lambda)) * 10)));
        bins[bin] = (bins[bin] ?? 0) + 1;
      }
    expect(offGrid).toBe(0);
    expect(farthest).toBeLessThanOrEqual(lambda + q / 2);
    expect(farthest).toBeGreaterThan(lambda - q);
    // 1e5 values, 1e4 expected in each bin, deviation 95; a bin's ends are off by half a step of the grid, 17 values.
    for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(6 * 95 + 35);
  });
});

const BITS = 160n;
/** A double as a multiple of 2^-160, exactly. */
function exact(x: number): bigint {
  let shift = 0n;
  let whole = x;
  while (!Number.isInteger(whole)) {
    whole *= 2;
    shift++;
  }
  return BigInt(whole) << (BITS - shift);
}

describe('the error of uniform noise', () => {
  const edges = [0, 1, 2, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff];
  const pairs = [
    ...edges.flatMap((high) => edges.map((low) => [high, low] as const)),
    ...Array.from({ length: 4000 }, (_, k) => {
      const [high, low] = philox(k, 0, 0, 0, 1, 2);
      return [high, low] as const;
    }),
  ];
  /** Largest distance from the exact sum, over the ends of V, as a part of the bound. */
  function worst(ratio: number, latent: number): number {
    const bound = ratio * uniformDistance(Math.abs(latent) / ratio);
    let largest = 0;
    for (const [high, low] of pairs) {
      const computed = exact(latent + uniformTimes(ratio * 2 ** -63, high, low));
      for (const v of [0n, 1n]) {
        // ratio U + latent with U = (w + V) 2^-63 - 1.
        const w = (BigInt(high) << 32n) + BigInt(low) + v - (1n << 63n);
        const ideal = ((exact(ratio) * w) >> 63n) + exact(latent);
        const off = computed > ideal ? computed - ideal : ideal - computed;
        largest = Math.max(largest, Number(off) / 2 ** Number(BITS) / bound);
      }
    }
    return largest;
  }

  it.each([
    [256, 0],
    [511.99, 0],
    [300.123, 412.7],
    [391, -1e5],
  ])(
    'is within the distance of the proof at ratio %d and latent %d, and not far below it',
    (ratio, latent) => {
      const part = worst(ratio, latent);
      expect(part).toBeLessThanOrEqual(1);
      expect(part).toBeGreaterThan(0.15);
    },
  );

  it('counts boundaries: how often two sums within the distance round differently is at most the bound', () => {
    // A distance so large that it can be seen: u + lambda U against the same moved by s.
    const [ratio, s] = [300, 1e-4];
    const latent = 17.3;
    let differing = 0;
    const draws = 200_000;
    for (let k = 0; k < draws; k++) {
      const u = ((k + 0.5) / draws) * 2 - 1;
      const sum = latent + ratio * u;
      if (Math.round(sum) !== Math.round(sum + s * ratio)) differing++;
    }
    expect(differing / draws).toBeLessThanOrEqual(s * (2 * ratio + 1.01));
    expect(differing / draws).toBeGreaterThan(0.4 * s * (2 * ratio + 1.01));
  });

  it('is the sum over the pixels, grows with them, and is 1 where the proof has nothing to say', () => {
    const one = uniformVariation(Float64Array.of(0.5), 0.5);
    expect(one).toBeGreaterThan(0);
    expect(uniformVariation(new Float64Array(784).fill(0.5), 0.5) / one).toBeCloseTo(784, 2);
    expect(uniformVariation(Float64Array.of(100), 0.5)).toBeGreaterThan(10 * one);
    expect(uniformVariation(Float64Array.of(1e12), 0.5)).toBe(1);
    expect(uniformVariation(Float64Array.of(Number.NaN), 0.5)).toBe(1);
    expect(() => uniformVariation(Float64Array.of(0), 0)).toThrow(RangeError);
    for (const ratio of [256, 511]) expect(uniformCoordinateError(ratio, 1)).toBeLessThan(4.7e-13);
  });
});
