import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distanceUp, inputAt } from '../../src/attack/perturbation.ts';

const vector = (size: number) =>
  fc.array(fc.float({ min: -3, max: 3, noNaN: true }), { minLength: size, maxLength: size });

/** The exact squared distance of float32 vectors as a fraction over 2^298. */
function squaredDistance(a: Float32Array, b: Float32Array): bigint {
  const units = (x: number): bigint => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, x);
    const bits = view.getBigUint64(0);
    const exponent = Number((bits >> 52n) & 0x7ffn);
    if (exponent === 0) return 0n;
    // A float32 is a multiple of 2^-149.
    const mantissa =
      ((bits & ((1n << 52n) - 1n)) | (1n << 52n)) << BigInt(Math.max(0, exponent - 1075 + 149));
    const shifted = mantissa >> BigInt(Math.max(0, 1075 - 149 - exponent));
    return x < 0 ? -shifted : shifted;
  };
  return a.reduce((sum, x, i) => sum + (units(x) - units(b[i] as number)) ** 2n, 0n);
}

function exactUnits(x: number): bigint {
  // x · 2^149, rounded down; x >= 0.
  let value = x;
  let shift = 149n;
  while (value !== Math.floor(value) && shift > 0n) {
    value *= 2;
    shift--;
  }
  return BigInt(Math.floor(value)) << shift;
}

describe('the distance of a perturbed image', () => {
  it('is never below the exact one', () => {
    fc.assert(
      fc.property(vector(20), vector(20), (a, b) => {
        const [image, input] = [Float32Array.from(a), Float32Array.from(b)];
        const up = exactUnits(distanceUp(image, input));
        expect((up + 1n) ** 2n >= squaredDistance(image, input)).toBe(true);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('is exact where the arithmetic is', () => {
    const distance = distanceUp(Float32Array.of(1, 2, 3), Float32Array.of(4, 6, 3));
    expect(distance).toBeGreaterThanOrEqual(5);
    expect(distance).toBeLessThan(5 + 1e-13);
  });
});

describe('an input at a radius', () => {
  it('is never outside, and reaches the radius up to float32', () => {
    fc.assert(
      fc.property(vector(30), vector(30), fc.double({ min: 1e-4, max: 4, noNaN: true }), (a, d, radius) => {
        fc.pre(Math.hypot(...d) > 1e-3);
        const image = Float32Array.from(a);
        const distance = distanceUp(image, inputAt(image, d, radius, null));
        expect(distance).toBeLessThanOrEqual(radius);
        expect(distance).toBeGreaterThan(radius - 3e-6);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('keeps its pixels in the range asked for, and is no further for it', () => {
    fc.assert(
      fc.property(vector(30), vector(30), fc.double({ min: 0.01, max: 9, noNaN: true }), (a, d, radius) => {
        const image = Float32Array.from(a, (x) => Math.abs(x) / 3);
        const input = inputAt(image, d, radius, [0, 1]);
        expect(input.every((pixel) => pixel >= 0 && pixel <= 1)).toBe(true);
        expect(distanceUp(image, input)).toBeLessThanOrEqual(radius);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it.each([
    ['a zero direction', [0, 0], 1],
    ['a direction that is not a number', [Number.NaN, 1], 1],
    ['no radius', [1, 0], 0],
    ['a radius that float32 cannot resolve', [1, 0], 1e-9],
  ])('is the image itself for %s', (_, direction, radius) => {
    expect([...inputAt(Float32Array.of(1, 1), direction, radius, null)]).toEqual([1, 1]);
  });
});
