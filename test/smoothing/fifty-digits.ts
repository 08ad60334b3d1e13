/**
 * Box-Muller on words, in 224-bit fixed point (67 digits behind the point): fast enough for a million pairs, and with nothing
 * in common with the float64 code it is compared with. test/fixtures/noise.json holds values of mpmath it is checked against.
 */
const BITS = 224n;
const ONE = 1n << BITS;

/** The float64 as a fixed-point number: exact for multiples of 2^-224 below 2^800. */
export function fixed(value: number): bigint {
  const scaled = value * 2 ** 224;
  return BigInt(scaled);
}

/** A fixed-point number as the nearest float64, nearly. */
export const toNumber = (a: bigint): number => Number(a) / 2 ** 224;

const times = (a: bigint, b: bigint): bigint => (a * b) >> BITS;

/** 2 atanh(num / den) = ln((den + num) / (den - num)), for |num / den| below 1/3. */
function twiceInverseTanh(num: bigint, den: bigint): bigint {
  const d = (num << BITS) / den;
  const square = times(d, d);
  let sum = 0n;
  for (let power = d, k = 1n; power !== 0n && power !== -1n; power = times(power, square), k += 2n)
    sum += power / k;
  return 2n * sum;
}

const LN2 = twiceInverseTanh(1n, 3n);
/** ln(1 + j / 256). */
const LOGS = Array.from({ length: 257 }, (_, j) => twiceInverseTanh(BigInt(j), BigInt(512 + j)));

/** ln of a positive integer of at most 64 bits. */
function logarithm(n: bigint): bigint {
  const k = BigInt(n.toString(2).length - 1);
  // m = n / 2^k in [1, 2), and c = 1 + j / 256 next to it.
  const j = Number((n << 8n) >> k) - 256;
  const m = n << 8n;
  const c = BigInt(256 + j) << k;
  return k * LN2 + (LOGS[j] ?? 0n) + twiceInverseTanh(m - c, m + c);
}

function squareRoot(a: bigint): bigint {
  if (a === 0n) return 0n;
  const target = a << BITS;
  let root = BigInt(Math.floor(Math.sqrt(Number(target))));
  // Newton's steps double the digits; from float64's 53 bits three are more than enough.
  for (let i = 0; i < 4; i++) root = (root + target / root) >> 1n;
  return root;
}

/** arctan(1 / n). */
function inverseTangent(n: bigint): bigint {
  let sum = 0n;
  for (let power = ONE / n, k = 1n; power !== 0n; power = power / (n * n), k += 2n)
    sum += k % 4n === 1n ? power / k : -(power / k);
  return sum;
}

/** Machin. */
const PI = 16n * inverseTangent(5n) - 4n * inverseTangent(239n);

/** cos and sin of a small angle by their series. */
function series(t: bigint): [cosine: bigint, sine: bigint] {
  let [cosine, sine] = [ONE, 0n];
  let term = ONE;
  for (let k = 1n; ; k += 2n) {
    term = times(term, t) / k;
    if (term === 0n || term === -1n) break;
    sine += k % 4n === 1n ? term : -term;
    term = times(term, t) / (k + 1n);
    cosine += (k + 1n) % 4n === 0n ? term : -term;
  }
  return [cosine, sine];
}

/** Points every 1/256 of a turn. */
const POINTS = Array.from({ length: 256 }, (_, j) => series((2n * PI * BigInt(j)) / 256n));

export interface Pair {
  readonly radius: bigint;
  readonly cosine: bigint;
  readonly sine: bigint;
}

/** sqrt(-2 ln(u 2^-64)), and r cos a, r sin a for a = 2 pi turn 2^-64; 1 <= u <= 2^64, 0 <= turn <= 2^64. */
export function exactPair(u: bigint, turn: bigint): Pair {
  const radius = squareRoot(2n * (64n * LN2 - logarithm(u)));
  const j = Number((turn >> 56n) % 256n);
  const rest = turn & ((1n << 56n) - 1n);
  const [c, s] = series((2n * PI * rest) >> 64n);
  const [C, S] = POINTS[j] ?? [ONE, 0n];
  return {
    radius,
    cosine: times(radius, times(C, c) - times(S, s)),
    sine: times(radius, times(S, c) + times(C, s)),
  };
}
