/**
 * The standard normal distribution function for checking, computed in another way than by `certify`: the alternating Maclaurin
 * series
 *
 *   Φ(x) - 1/2 = (2π)^(-1/2) Σ_k (-1)^k x^(2k+1) / (2^k k! (2k+1))
 *
 * in double-double arithmetic (T. Dekker, Numer. Math. 18, 1971; error constants: Joldes, Muller, Popescu, ACM TOMS 44,
 * 2017), 106 bits of which the cancellation at x = 6 takes 24. The error is bounded as the sum is made: term k has seen
 * 2k + 3 operations of relative error at most 8 u² each (u = 2^-53), the sum one more per term, and an alternating series of
 * falling terms errs by less than the first one omitted.
 *
 * A quantile is never computed by inversion: a candidate from Newton steps is moved until the enclosure of Φ on either
 * side of it proves it too small or too large.
 */
import type { Enclosure } from './binomial-sum.ts';

/** An unevaluated sum of two float64: value = high + low. */
type Double2 = readonly [high: number, low: number];

function quickSum(a: number, b: number): Double2 {
  const s = a + b;
  return [s, b - (s - a)];
}

function twoSum(a: number, b: number): Double2 {
  const s = a + b;
  const part = s - a;
  return [s, a - (s - part) + (b - part)];
}

/** 2^27 + 1 halves a significand. */
const SPLITTER = 134_217_729;

function twoProduct(a: number, b: number): Double2 {
  const p = a * b;
  const a1 = SPLITTER * a;
  const aHigh = a1 - (a1 - a);
  const aLow = a - aHigh;
  const b1 = SPLITTER * b;
  const bHigh = b1 - (b1 - b);
  const bLow = b - bHigh;
  return [p, aHigh * bHigh - p + aHigh * bLow + aLow * bHigh + aLow * bLow];
}

function add([a, al]: Double2, [b, bl]: Double2): Double2 {
  const [s, e] = twoSum(a, b);
  const [t, f] = twoSum(al, bl);
  const [u, g] = quickSum(s, e + t);
  return quickSum(u, g + f);
}

function multiply([a, al]: Double2, [b, bl]: Double2): Double2 {
  const [p, e] = twoProduct(a, b);
  return quickSum(p, e + (a * bl + al * b));
}

function divide([a, al]: Double2, b: number): Double2 {
  const quotient = a / b;
  const [p, e] = twoProduct(quotient, b);
  return quickSum(quotient, (a - p - e + al) / b);
}

/** (2π)^(-1/2) */
const DENSITY_AT_0: Double2 = [0.3989422804014327, -2.49232720227773e-17];
/** Relative error of one operation: 8 u². */
const ROUNDING = 2 ** -103;
const NEGLIGIBLE = 2 ** -112;
/** The series is not used beyond: no count of draws reaches it. */
export const LARGEST_QUANTILE = 8.5;

/** Enclosure of Φ(x) - p for 0 <= x <= 8.5 and 1/2 <= p <= 1; p - 1/2 is exact. */
export function distributionMinus(x: number, p: number): Enclosure {
  if (!(x >= 0 && x <= LARGEST_QUANTILE)) throw new RangeError(`Φ(${x}) is not asked for by any result`);
  const half = divide(twoProduct(x, x), 2);
  let power: Double2 = [x, 0];
  let sum: Double2 = [x, 0];
  let errors = 0;
  let magnitudes = x;
  let k = 1;
  let last = x;
  for (; ; k++) {
    power = divide(multiply(power, half), k);
    const term = divide(power, 2 * k + 1);
    if (term[0] < NEGLIGIBLE && k > half[0]) {
      last = term[0];
      break;
    }
    sum = add(sum, k % 2 === 0 ? term : [-term[0], -term[1]]);
    errors += term[0] * (2 * k + 3);
    magnitudes += term[0];
  }
  const excess = multiply(sum, DENSITY_AT_0);
  const error = 0.4 * ((errors + magnitudes * (k + 4)) * ROUNDING + 2 * last) + 2 ** -104;
  const difference = add(excess, [0.5 - p, 0]);
  const value = difference[0] + difference[1];
  const slack = (error + Math.abs(value) * 2 ** -52) * (1 + 2 ** -40);
  return { lower: value - slack, upper: value + slack };
}

/** Enclosure of Φ⁻¹(p), 0 < p < 1, proved at both ends; relative width about 1e-13 in the range of real counts. */
export function quantileEnclosure(p: number): Enclosure {
  if (!(p > 0 && p < 1)) throw new RangeError(`no quantile at ${p}`);
  if (p < 0.5) {
    const mirrored = quantileOfUpperHalf(1 - p);
    // 1 - p may have been rounded: the quantile moves by at most that over the density, doubled.
    const rounding = 2 ** -52 / density(mirrored.upper);
    return { lower: -mirrored.upper - rounding, upper: -mirrored.lower + rounding };
  }
  return quantileOfUpperHalf(p);
}

const density = (x: number): number => Math.exp(-0.5 * x * x) * DENSITY_AT_0[0];

function quantileOfUpperHalf(p: number): Enclosure {
  if (p === 0.5) return { lower: 0, upper: 0 };
  // Φ is concave here, so Newton steps from the left of the root stay left of it and rise to it.
  let x = Math.max(0, Math.sqrt(Math.max(0, -2 * Math.log(2 * (1 - p)))) - 1);
  for (let step = 0; step < 60; step++) {
    const { lower, upper } = distributionMinus(x, p);
    const next = Math.min(LARGEST_QUANTILE, x - (lower + upper) / 2 / density(x));
    const settled = Math.abs(next - x) <= 1e-15 * x;
    x = next;
    if (settled) break;
  }
  let lower = x;
  for (let width = 1e-15; distributionMinus(lower, p).upper > 0; width *= 4)
    lower = width < 1 ? x * (1 - width) : 0;
  let upper = x;
  for (let width = 1e-15; distributionMinus(upper, p).lower < 0; width *= 4) {
    upper = x * (1 + width);
    if (upper > LARGEST_QUANTILE) return { lower, upper: Number.POSITIVE_INFINITY };
  }
  return { lower, upper };
}
