/** Reals as BigInt with 320 binary digits behind the point: a reference far more precise than float64. */
const BITS = 320n;
export const ONE = 1n << BITS;

/** Exact for every float64 of magnitude 2^-260 and more. */
export function fixed(value: number): bigint {
  let [mantissa, shift] = [value, 0n];
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    shift++;
  }
  return (BigInt(mantissa) << BITS) >> shift;
}

export const times = (a: bigint, b: bigint): bigint => (a * b) >> BITS;
export const over = (a: bigint, b: bigint): bigint => (a << BITS) / b;

export function squareRoot(a: bigint): bigint {
  const target = a << BITS;
  let root = BigInt(Math.ceil(Math.sqrt(Number(a) / Number(ONE)) * 2 ** 40) + 1) << (BITS - 40n);
  // From above, Newton's steps fall until they have arrived.
  for (let next = root; ; root = next) {
    next = (root + target / root) / 2n;
    if (next >= root) return root;
  }
}

/** e^a by its series after halving the argument 20 times. */
export function exponential(a: bigint): bigint {
  const small = a >> 20n;
  let [sum, term] = [ONE, ONE];
  for (let k = 1n; k < 40n; k++) {
    term = times(term, small) / k;
    sum += term;
  }
  for (let i = 0; i < 20; i++) sum = times(sum, sum);
  return sum;
}

/** log a for a > 0, by Halley's iteration on the exponential. */
export function logarithm(a: bigint): bigint {
  let log = fixed(Math.log(Number(a) / Number(ONE)));
  for (let i = 0; i < 4; i++) {
    const power = exponential(log);
    log += over(2n * (a - power), a + power);
  }
  return log;
}

/** By Machin's formula, pi = 16 arctan(1/5) - 4 arctan(1/239). */
export const PI = 16n * inverseTangent(5n) - 4n * inverseTangent(239n);

function inverseTangent(n: bigint): bigint {
  let [sum, power] = [0n, ONE / n];
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power = -power / (n * n);
  }
  return sum;
}

/** l2 distance of a float64 vector from the exact one. */
export function distance(approximate: Float64Array, exact: readonly bigint[]): number {
  const sum = exact.reduce((total, v, i) => {
    const difference = v - fixed(approximate[i] as number);
    return total + times(difference, difference);
  }, 0n);
  return Number(squareRoot(sum + 1n)) / Number(ONE);
}
