/** Exact arithmetic on float64: every finite one is an integer times 2^-1074. */

/** value 2^1074. */
export function units(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const word = bits.getBigUint64(0);
  const exponent = Number((word >> 52n) & 0x7ffn);
  if (exponent === 0x7ff) throw new RangeError(`${value} is not finite`);
  const mantissa = (word & 0xfffffffffffffn) | (exponent === 0 ? 0n : 1n << 52n);
  const size = mantissa << BigInt(Math.max(0, exponent - 1));
  return word >> 63n === 1n ? -size : size;
}

/** Whether bound >= the square root of the sum of squares, exactly; true for an infinite bound. */
export function atLeastNorm(bound: number, entries: readonly bigint[]): boolean {
  if (bound === Number.POSITIVE_INFINITY) return true;
  if (!(bound >= 0)) return false;
  const sum = entries.reduce((total, v) => total + v * v, 0n);
  return units(bound) ** 2n >= sum;
}

/**
 * Whether bound >= ||B||_2 for the matrix with these rows, in units of 2^-1074 times `unit`: whether bound² I - B^T B has
 * leading minors above 0 (Bareiss' elimination keeps to integers). For B = 0 every bound is one.
 */
export function atLeastSpectralNorm(bound: number, rows: readonly (readonly bigint[])[], unit = 1n): boolean {
  if (bound === Number.POSITIVE_INFINITY) return true;
  if (!(bound >= 0)) return false;
  if (rows.every((row) => row.every((v) => v === 0n))) return true;
  const size = rows[0]?.length ?? 0;
  const square = (units(bound) * unit) ** 2n;
  const m = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) =>
      rows.reduce((sum, row) => sum - row[i]! * row[j]!, i === j ? square : 0n),
    ),
  );
  let previous = 1n;
  for (let k = 0; k < size; k++) {
    const pivot = m[k]![k]!;
    if (pivot <= 0n) return false;
    for (let i = k + 1; i < size; i++)
      for (let j = k + 1; j < size; j++) m[i]![j] = (m[i]![j]! * pivot - m[i]![k]! * m[k]![j]!) / previous;
    previous = pivot;
  }
  return true;
}
