import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNoiseKernel } from '../../src/smoothing/noise/noise-kernel.ts';
import { gaussianNoise, keyWords, LARGEST_NORMAL, philox } from '../../src/smoothing/noise/philox.ts';
import { itIsIndependent } from './independence.ts';

// Random123's published known answers (kat_vectors, philox4x32 10): counter, key, result.
const KNOWN_ANSWERS: readonly (readonly [number[], number[], number[]])[] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff),
);
const seeds = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const length = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(16, 31, 32, 33, 64));
const CAPACITY = 1000;
const kernel = createNoiseKernel(CAPACITY);
const patterns = (x: Float32Array): number[] => [...new Int32Array(x.slice().buffer)];

function kernelNoise(n: number, seed: bigint, stage: number, image: number, sample: number): Float32Array {
  const [k0, k1] = keyWords(seed);
  kernel.exports.fill(kernel.base, n, stage, image, sample, k0, k1);
  return kernel.floats.slice(0, n);
}

describe('Philox4x32-10', () => {
  it.each(KNOWN_ANSWERS)('gives the published answer for counter %j under key %j', (counter, key, answer) => {
    const [c0, c1, c2, c3] = counter as [number, number, number, number];
    const [k0, k1] = key as [number, number];
    expect(philox(c0, c1, c2, c3, k0, k1)).toEqual(answer);
    kernel.exports.philoxBlock(kernel.base, c0, c1, c2, c3, k0, k1);
    expect([...new Uint32Array(kernel.floats.buffer, kernel.base, 4)]).toEqual(answer);
  });
});

describe('the WebAssembly kernel', () => {
  it('equals the TypeScript reference bit for bit, for any seed, counter and length', () => {
    fc.assert(
      fc.property(seeds, word, word, word, length, (seed, stage, image, sample, n) => {
        const expected = gaussianNoise(n, { seed, stage, image, sample });
        expect(patterns(kernelNoise(n, seed, stage, image, sample))).toEqual(patterns(expected));
      }),
      { numRuns: 600, seed: 1 },
    );
  });

  it('writes nothing beyond the n values asked for', () => {
    for (const n of [1, 15, 31, 33, 63]) {
      kernel.floats.fill(7);
      kernel.exports.fill(kernel.base, n, 0, 0, 0, 1, 2);
      expect(kernel.floats.subarray(n).every((x) => x === 7)).toBe(true);
    }
  });

  it('gives the same first values whatever the length', () => {
    const long = kernelNoise(500, 9n, 1, 2, 3);
    for (const n of [1, 17, 32, 100]) expect(kernelNoise(n, 9n, 1, 2, 3)).toEqual(long.slice(0, n));
  });
});

describe('the noise', () => {
  it('never exceeds 6.8', () => {
    // The smallest uniform is 2^-33, so the radius ends at sqrt(2 · 33 ln 2).
    expect(Math.sqrt(66 * Math.LN2)).toBeLessThan(LARGEST_NORMAL);
    const found = gaussianNoise(100_000, { seed: 3n, stage: 0, image: 0, sample: 0 });
    expect(found.reduce((most, x) => Math.max(most, Math.abs(x)), 0)).toBeLessThanOrEqual(LARGEST_NORMAL);
  });

  it('is Box-Muller of the Philox words to 1e-5', () => {
    const noise = gaussianNoise(160, { seed: 5n, stage: 1, image: 2, sample: 3 });
    for (let block = 0; block < 40; block++) {
      const words = philox(block, 3, 2, 1, 5, 0);
      for (const pair of [0, 1]) {
        const r = Math.sqrt(-2 * Math.log(((words[2 * pair] ?? 0) + 0.5) / 2 ** 32));
        const angle = (2 * Math.PI * (words[2 * pair + 1] ?? 0)) / 2 ** 32;
        const at = Math.floor(block / 4) * 16 + (block % 4) + 8 * pair;
        expect(noise[at]).toBeCloseTo(r * Math.cos(angle), 5);
        expect(noise[at + 4]).toBeCloseTo(r * Math.sin(angle), 5);
      }
    }
  });
});

// Statistical tests, on fixed seeds: they pass or fail for good. Each statistic is standard normal to good accuracy if
// the noise is what it claims, and is refused beyond 5.5: P[|Z| > 5.5] = 3.8e-8, so at most 1e-6 for the 26 statistics
// below together, had the seeds been drawn anew.
const REFUSED_BEYOND = 5.5;

describe('the noise is standard normal and independent (false alarms: 1e-6 for all tests together)', () => {
  const D = 20_000;
  const SAMPLES = 100;
  const N = D * SAMPLES;
  const big = createNoiseKernel(D * 2);
  const draw = (at: number, stage: number, image: number, sample: number): Float32Array => {
    big.exports.fill(big.base + 4 * D * at, D, stage, image, sample, 0x1234, 0x5678);
    return big.floats.subarray(D * at, D * (at + 1));
  };

  it('has the moments of the normal: E x^j for j = 1..6', () => {
    const sums = new Float64Array(7);
    for (let sample = 0; sample < SAMPLES; sample++)
      for (const x of draw(0, 1, 0, sample)) {
        let power = 1;
        for (let j = 1; j <= 6; j++) {
          power *= x;
          sums[j] = (sums[j] ?? 0) + power;
        }
      }
    const moment = [1, 0, 1, 0, 3, 0, 15, 0, 105, 0, 945, 0, 10395];
    for (let j = 1; j <= 6; j++) {
      const mean = moment[j] ?? 0;
      const variance = (moment[2 * j] ?? 0) - mean * mean;
      const z = ((sums[j] ?? 0) / N - mean) / Math.sqrt(variance / N);
      expect(Math.abs(z), `moment ${j}`).toBeLessThan(REFUSED_BEYOND);
    }
  });

  it('has the tails of the normal: shares beyond 1, 2, 3 and 4, on both sides', () => {
    const limits = [1, 2, 3, 4];
    const tail = [0.15865525393145707, 0.02275013194817921, 0.0013498980316300933, 3.167124183311986e-5];
    const counts = new Map<number, number>();
    for (let sample = 0; sample < SAMPLES; sample++)
      for (const x of draw(0, 2, 1, sample))
        for (const limit of limits)
          if (Math.abs(x) > limit) {
            const key = x > 0 ? limit : -limit;
            counts.set(key, (counts.get(key) ?? 0) + 1);
          }
    for (const [i, limit] of limits.entries())
      for (const side of [limit, -limit]) {
        const p = tail[i] ?? 0;
        const z = ((counts.get(side) ?? 0) - N * p) / Math.sqrt(N * p * (1 - p));
        expect(Math.abs(z), `beyond ${side}`).toBeLessThan(REFUSED_BEYOND);
      }
  });

  itIsIndependent({
    draw,
    standard: (x) => x,
    samples: SAMPLES,
    length: D,
    refusedBeyond: REFUSED_BEYOND,
  });
});
