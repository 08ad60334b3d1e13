import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distanceUp, inputAt, lengthOf, steepest } from '../../src/attack/perturbation.ts';

const vector = (size: number) =>
  fc.array(fc.float({ min: -3, max: 3, noNaN: true }), { minLength: size, maxLength: size });

/** A float32 in units of 2^-149, of which it is a multiple. */
function units(x: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  if (exponent === 0) return 0n;
  const mantissa = ((bits & ((1n << 52n) - 1n)) | (1n << 52n)) << BigInt(Math.max(0, exponent - 1075 + 149));
  const shifted = mantissa >> BigInt(Math.max(0, 1075 - 149 - exponent));
  return x < 0 ? -shifted : shifted;
}

const movements = (a: Float32Array, b: Float32Array): bigint[] =>
  Array.from(a, (x, i) => units(x) - units(b[i] as number));

/** Whether an integer of such units is no less than the exact distance. */
const covers = {
  l1: (up: bigint, moved: bigint[]) => up >= moved.reduce((sum, d) => sum + (d < 0n ? -d : d), 0n),
  l2: (up: bigint, moved: bigint[]) => up ** 2n >= moved.reduce((sum, d) => sum + d ** 2n, 0n),
};

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

describe.each(['l1', 'l2'] as const)('the %s distance of a perturbed image', (norm) => {
  it('is never below the exact one', () => {
    fc.assert(
      fc.property(vector(20), vector(20), (a, b) => {
        const [image, input] = [Float32Array.from(a), Float32Array.from(b)];
        const up = exactUnits(distanceUp(image, input, norm));
        expect(covers[norm](up + 1n, movements(image, input))).toBe(true);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('is exact where the arithmetic is', () => {
    const distance = distanceUp(Float32Array.of(1, 2, 3), Float32Array.of(4, 6, 3), norm);
    const exact = norm === 'l1' ? 7 : 5;
    expect(distance).toBeGreaterThanOrEqual(exact);
    expect(distance).toBeLessThan(exact + 1e-13);
  });
});

describe.each(['l1', 'l2'] as const)('an input at an %s radius', (norm) => {
  const free = { range: null, norm } as const;

  it('is never outside, and reaches the radius up to float32', () => {
    fc.assert(
      fc.property(vector(30), vector(30), fc.double({ min: 1e-4, max: 4, noNaN: true }), (a, d, radius) => {
        fc.pre(Math.hypot(...d) > 1e-3);
        const image = Float32Array.from(a);
        const distance = distanceUp(image, inputAt(image, d, radius, free), norm);
        expect(distance).toBeLessThanOrEqual(radius);
        expect(distance).toBeGreaterThan(radius - (norm === 'l1' ? 1.5e-5 : 3e-6));
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('keeps its pixels in the range asked for, and is no further for it', () => {
    fc.assert(
      fc.property(vector(30), vector(30), fc.double({ min: 0.01, max: 9, noNaN: true }), (a, d, radius) => {
        const image = Float32Array.from(a, (x) => Math.abs(x) / 3);
        const input = inputAt(image, d, radius, { range: [0, 1], norm });
        expect(input.every((pixel) => pixel >= 0 && pixel <= 1)).toBe(true);
        expect(distanceUp(image, input, norm)).toBeLessThanOrEqual(radius);
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
    expect([...inputAt(Float32Array.of(1, 1), direction, radius, free)]).toEqual([1, 1]);
  });
});

describe('the steepest direction', () => {
  it('has length 1, and is the gradient in l2', () => {
    const gradient = [3, -4, 0];
    expect([...(steepest(gradient, 'l2') ?? [])]).toEqual([0.6, -0.8, 0]);
    expect(lengthOf(steepest(gradient, 'l1') ?? [], 'l1')).toBe(1);
  });

  it('in l1 moves the pixels of the largest slopes alone, each as far', () => {
    const gradient = Float64Array.from({ length: 100 }, (_, i) => (i === 7 ? -5 : i === 30 ? 4 : 0.1));
    const moved = [...(steepest(gradient, 'l1') ?? [])];
    expect(moved.flatMap((value, i) => (value === 0 ? [] : [[i, value]]))).toEqual([
      [7, -0.5],
      [30, 0.5],
    ]);
  });

  it.each([[[0, 0]], [[Number.NaN, 1]]])('is none for %j', (gradient) => {
    expect(steepest(gradient, 'l1')).toBeNull();
    expect(steepest(gradient, 'l2')).toBeNull();
  });
});
