import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { percentDown, percentUp, roundDown, roundUp, shareDown } from '../../src/ground/decimal.ts';

/** Exact comparison of a printed decimal with a float64: sign of decimal - x, through integers. */
function compareExactly(decimal: string, x: number): number {
  // 2^1074 · x is an integer for every float64 x; so is 10^digits · decimal.
  const [whole = '', fraction = ''] = decimal.split('.');
  const units = BigInt(whole + fraction);
  let scaled = 0n;
  let rest = Math.abs(x);
  for (let exponent = 1023; rest > 0 && exponent >= -1074; exponent--) {
    const power = 2 ** exponent;
    if (rest < power) continue;
    rest -= power;
    scaled += 1n << BigInt(exponent + 1074);
  }
  const left = units * (1n << 1074n);
  const right = (x < 0 ? -scaled : scaled) * 10n ** BigInt(fraction.length);
  return left < right ? -1 : left > right ? 1 : 0;
}

const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: 0, max: 10, noNaN: true }),
  fc.integer({ min: -100_000, max: 100_000 }).map((k) => k / 1000),
);
const digits = fc.integer({ min: 0, max: 12 });

describe('decimal rounding', () => {
  test('a number rounded down never exceeds it, exactly and when parsed back, and misses less than one unit', () => {
    fc.assert(
      fc.property(value, digits, (x, d) => {
        const down = roundDown(x, d);
        expect(down).toMatch(d === 0 ? /^-?\d+$/u : new RegExp(`^-?\\d+\\.\\d{${d}}$`, 'u'));
        expect(compareExactly(down, x)).toBeLessThanOrEqual(0);
        expect(Number(down)).toBeLessThanOrEqual(x);
        const next = BigInt(down.replace('.', '')) + 1n;
        const sign = next < 0n ? '-' : '';
        const text = String(next < 0n ? -next : next).padStart(d + 1, '0');
        const above = sign + (d === 0 ? text : `${text.slice(0, -d)}.${text.slice(-d)}`);
        expect(compareExactly(above, x)).toBe(1);
      }),
      { numRuns: 1000, seed: 7 },
    );
  });

  test('a number rounded up is never below it, exactly and when parsed back', () => {
    fc.assert(
      fc.property(value, digits, (x, d) => {
        expect(compareExactly(roundUp(x, d), x)).toBeGreaterThanOrEqual(0);
        expect(Number(roundUp(x, d))).toBeGreaterThanOrEqual(x);
      }),
      { numRuns: 1000, seed: 8 },
    );
  });

  test('0.99951 is 0.999 rounded down where toFixed prints 1.000', () => {
    expect((0.99951).toFixed(3)).toBe('1.000');
    expect(roundDown(0.99951, 3)).toBe('0.999');
    expect(roundUp(0.99951, 3)).toBe('1.000');
  });

  test('the float64 0.3, which lies below 3/10, is 0.2999… rounded down far enough', () => {
    expect(roundDown(0.3, 3)).toBe('0.299');
    expect(roundUp(0.3, 3)).toBe('0.300');
    expect(roundDown(0.25, 2)).toBe('0.25');
    expect(roundDown(-0.001, 2)).toBe('-0.01');
    expect(roundDown(5e-324, 3)).toBe('0.000');
    expect(roundUp(5e-324, 3)).toBe('0.001');
  });

  test('percentages of probabilities are rounded outwards, shares of counts exactly downwards', () => {
    expect(percentDown(0.99951, 1)).toBe('99.9');
    expect(percentUp(0.99951, 1)).toBe('100.0');
    expect(shareDown(57, 100, 1)).toBe('57.0');
    expect(shareDown(9999, 10_000, 1)).toBe('99.9');
    expect(shareDown(2, 3, 2)).toBe('66.66');
    expect(shareDown(1, 1, 0)).toBe('100');
  });

  test('what has no decimal form is refused', () => {
    for (const x of [Number.NaN, Infinity, -Infinity]) expect(() => roundDown(x, 3)).toThrow(RangeError);
  });
});
