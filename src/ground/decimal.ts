/**
 * Decimal output that never flatters. A radius or a lower bound is printed rounded down, an upper bound rounded up;
 * rounding to nearest would print 1.0 for 0.99951 (the `{:.3}` of the reference implementation does).
 *
 * A float64 is the rational m·2^e with integers m and e, so floor(x·10^d) is computed exactly in integers and the
 * printed decimal is the largest with d digits that does not exceed x (smallest not below it, rounding up). Reading a
 * decimal back into a float64 is monotone, so Number(roundDown(x, d)) <= x <= Number(roundUp(x, d)).
 */

const FRACTION_BITS = 52;
const EXPONENT_BIAS = 1023;

/** x = mantissa · 2^exponent, exactly. Throws RangeError for NaN and the infinities. */
function decompose(x: number): { mantissa: bigint; exponent: number } {
  if (!Number.isFinite(x)) throw new RangeError(`no decimal form of ${x}`);
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, x);
  const word = bits.getBigUint64(0);
  const biased = Number((word >> BigInt(FRACTION_BITS)) & 0x7ffn);
  const fraction = word & ((1n << BigInt(FRACTION_BITS)) - 1n);
  const magnitude = biased === 0 ? fraction : fraction | (1n << BigInt(FRACTION_BITS));
  return {
    mantissa: word >> 63n === 1n ? -magnitude : magnitude,
    exponent: Math.max(biased, 1) - EXPONENT_BIAS - FRACTION_BITS,
  };
}

/** floor(a / b) for b > 0; BigInt division truncates towards zero. */
function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

/** floor(x · 10^power), exactly. */
function floorScaled(x: number, power: number): bigint {
  const { mantissa, exponent } = decompose(x);
  const scaled = mantissa * 10n ** BigInt(power);
  return exponent >= 0 ? scaled << BigInt(exponent) : floorDivide(scaled, 1n << BigInt(-exponent));
}

/** `units`·10^-digits written out. */
function decimal(units: bigint, digits: number): string {
  const sign = units < 0n ? '-' : '';
  const text = String(units < 0n ? -units : units).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits);
  return digits === 0 ? sign + whole : `${sign}${whole}.${text.slice(text.length - digits)}`;
}

/** The largest decimal with `digits` fraction digits that is <= x. A lower bound stays a lower bound. */
export function roundDown(x: number, digits: number): string {
  return decimal(floorScaled(x, digits), digits);
}

/** The smallest decimal with `digits` fraction digits that is >= x. An upper bound stays an upper bound. */
export function roundUp(x: number, digits: number): string {
  return decimal(-floorScaled(-x, digits), digits);
}

/** A probability as a percentage without its sign, rounded down: percentDown(0.99951, 1) is "99.9". */
export function percentDown(p: number, digits: number): string {
  return decimal(floorScaled(p, digits + 2), digits);
}

/** A probability as a percentage without its sign, rounded up. */
export function percentUp(p: number, digits: number): string {
  return decimal(-floorScaled(-p, digits + 2), digits);
}

/**
 * `part` of `whole` (counts, whole > 0) as a percentage rounded down. Exact in integers: 57 of 100 is "57.0" although
 * the float64 0.57 lies below 57/100.
 */
export function shareDown(part: number, whole: number, digits: number): string {
  return decimal(floorDivide(BigInt(part) * 10n ** BigInt(digits + 2), BigInt(whole)), digits);
}

/** A probability without the last bits of a sum (0.0010009999999999999). */
export const tidy = (p: number): string => String(Number(p.toPrecision(9)));
