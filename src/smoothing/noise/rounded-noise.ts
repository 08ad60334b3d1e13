/**
 * The noise of certificates, defined: Q(u + sigma G), a pure function of (latent, sigma, seed, stage, image, sample). u, sigma
 * and the normals G are float64; Q rounds every coordinate to the nearest multiple of a grid q (ties to even, no negative
 * zero), then to float32. `noise-kernel/rounded.ts` computes the same function in WebAssembly SIMD, and a test compares the
 * two bit for bit; this file is the one to read, and what a third party needs to redraw the noise of a certificate.
 *
 * Why rounded. Continuous noise added in floating point is not Gaussian noise: the low bits of u + sigma G tell where u was
 * (Voráček & Hein, "Sound randomized smoothing in floating-point arithmetic", ICLR
 * 2023), and a right half made for it can look at them. Q is a fixed function of a point, so f_R o Q is one fixed function
 * too, and the theorem of randomized smoothing holds for it as it stands, whatever q is and whatever f_R looks at. What is
 * left is the error of G, which `noise-error.ts` bounds.
 *
 * Words. Block b of Philox4x32-10 (`philox.ts`) gives the words (w0, w1, w2, w3) and the pair
 *
 *   r = sqrt(-2 ln((w + 1) 2^-64)),   w = 2^32 w0 + w1,        a = 2 pi (2^32 w2 + w3) 2^-64,
 *
 * of normals r cos a and r sin a. Values 4g .. 4g + 3 of a sample come from blocks 2g and 2g + 1: their two cosine normals,
 * then their two sine normals. How many values are asked for changes none of them.
 */
import { keyWords, type NoiseCounter, philox } from './philox.ts';

/** Generator and distribution of the noise of certificates, as result files name it. */
export const NOISE_ID = 'philox4x32-10/box-muller-float64/rounded';

/** sigma must lie in this range: there the grid, its reciprocal and every multiple near the noise are normal float32. */
export const SMALLEST_SIGMA = 2 ** -100;
export const LARGEST_SIGMA = 2 ** 100;

/** Steps of the grid in one sigma: at least this many, and fewer than twice as many. */
const STEPS_PER_SIGMA = 256;

/**
 * q, the spacing of the grid: the largest power of two <= sigma / 256, in units of the cut tensor. A function of sigma
 * alone, so that whoever evaluates the smoothed classifier anywhere evaluates the same one.
 * @throws RangeError unless sigma is in [SMALLEST_SIGMA, LARGEST_SIGMA]
 */
export function gridOf(sigma: number): number {
  if (!(sigma >= SMALLEST_SIGMA && sigma <= LARGEST_SIGMA)) throw new RangeError(`sigma is ${sigma}`);
  let q = 2 ** Math.floor(Math.log2(sigma / STEPS_PER_SIGMA));
  // The logarithm may err at powers of two.
  while (q > sigma / STEPS_PER_SIGMA) q /= 2;
  while (2 * q <= sigma / STEPS_PER_SIGMA) q *= 2;
  return q;
}

/**
 * The largest power of two <= sigma / 65536, for what a Lipschitz constant is used of: there rounding moves the point that is
 * looked at, which costs that constant times the movement. Float32 holds every multiple within 128 sigma of 0.
 * @throws RangeError as `gridOf`, of sigma / 256
 */
export const fineGridOf = (sigma: number): number => gridOf(sigma / STEPS_PER_SIGMA);

/** Nearest integer, ties to even; never -0. */
export function nearest(x: number): number {
  const below = Math.floor(x);
  const above = x - below;
  if (above > 0.5 || (above === 0.5 && below % 2 !== 0)) return below + 1 + 0;
  return below + 0;
}

/**
 * Q(latent + sigma G), as the right half sees it.
 * @param latent u, flat, in units of the cut tensor
 * @param q the grid, a power of two
 * @returns float32, as long as the latent
 * @throws RangeError when sigma is out of range
 */
export function roundedNoise(
  latent: Float64Array,
  sigma: number,
  counter: NoiseCounter,
  q: number = gridOf(sigma),
): Float32Array {
  // Powers of two: these scalings are exact.
  const ratio = sigma / q;
  const out = new Float32Array(latent.length);
  normalProducts(latent.length, ratio, counter, (i, product) => {
    out[i] = Math.fround(nearest((latent[i] ?? 0) / q + product)) * q;
  });
  return out;
}

/** The float64 normals themselves: what `roundedNoise` scales, adds and rounds, for sigma = 1 and a latent of 0. */
export function float64Normals(n: number, counter: NoiseCounter): Float64Array {
  const out = new Float64Array(n);
  normalProducts(n, 1, counter, (i, product) => {
    out[i] = product;
  });
  return out;
}

/** Hands out (r * ratio) * cos a and (r * ratio) * sin a, in that order of rounding, for the first n values of a sample. */
function normalProducts(
  n: number,
  ratio: number,
  { seed, stage, image, sample }: NoiseCounter,
  take: (index: number, product: number) => void,
): void {
  const [k0, k1] = keyWords(seed);
  for (let block = 0; block * 2 < n + 2; block++) {
    const [w0, w1, w2, w3] = philox(block, sample >>> 0, image >>> 0, stage >>> 0, k0, k1);
    const [cosine, sine] = boxMuller64(w0, w1, w2, w3, ratio);
    const at = Math.floor(block / 2) * 4 + (block % 2);
    if (at < n) take(at, cosine);
    if (at + 2 < n) take(at + 2, sine);
  }
}

// Every operation below is one IEEE 754 double operation, in the kernel's order: no function of Math but sqrt, which is
// correctly rounded everywhere.

const float = new Float64Array(1);
const bits = new BigUint64Array(float.buffer);
/** The double nearest sqrt(1/2), as bits. */
const ROOT_HALF = 0x3fe6a09e667f3bcdn;

/** (r * ratio) cos a and (r * ratio) sin a of one block's words. */
export function boxMuller64(
  w0: number,
  w1: number,
  w2: number,
  w3: number,
  ratio: number,
): readonly [cosine: number, sine: number] {
  const r = Math.sqrt(minusTwoLog(w0 * 2 ** 32 + (w1 + 1))) * ratio;
  // The nearest quarter turn is taken off exactly, in integers; what is left, t in [-pi/4, pi/4), goes to the polynomials.
  const turned = (w2 + 0x20000000) >>> 0;
  const quadrant = turned >>> 30;
  const t = ((turned & 0x3fffffff) - 2 ** 29) * TURN_HIGH + w3 * TURN_LOW;
  const z = t * t;
  const s = horner(SINE, z) * (z * t) + t;
  const c = horner(COSINE, z);
  const cosine = quadrant % 2 === 0 ? c : s;
  const sine = quadrant % 2 === 0 ? s : c;
  return [r * (quadrant === 1 || quadrant === 2 ? -cosine : cosine), r * (quadrant >= 2 ? -sine : sine)];
}

/**
 * -2 ln(v 2^-64) for v in [1, 2^64]. With v = m 2^k, m in [sqrt(1/2), sqrt(2)) and d = (m - 1) / (m + 1) it is
 * (64 - k) 2 ln 2 - 4 atanh d, and -4 atanh d = d (-4 + d^2 A(d^2)).
 */
function minusTwoLog(v: number): number {
  float[0] = v;
  const pattern = bits[0] ?? 0n;
  const k = (pattern - ROOT_HALF) >> 52n;
  bits[0] = pattern - (k << 52n);
  const m = float[0] ?? 0;
  const d = (m - 1) / (m + 1);
  const dd = d * d;
  return (64 - Number(k)) * TWO_LN_2 + (horner(LOGARITHM, dd) * dd + -4) * d;
}

// Minimax polynomials, made and proved by tools/golden/noise.py: relative error of -4 atanh below 2e-16, absolute error
// of sine below 8e-18 and of cosine 8e-17 on the intervals used. Leading coefficient first.
const TWO_LN_2 = 1.3862943611198906;
const LOGARITHM = [
  -0.33639655831327137, -0.3624728412924806, -0.44446743397709365, -0.571428342591471, -0.8000000010455003,
  -1.333333333331744,
];
const SINE = [
  1.5888585939019816e-10, -2.5050600238646833e-8, 2.7557312544774625e-6, -0.0001984126982593412,
  0.008333333333316482, -0.166666666666666,
];
const COSINE = [
  2.064773803820851e-9, -2.7555567133718416e-7, 2.4801580971687427e-5, -0.0013888888878274372,
  0.04166666666660226, -0.5, 1,
];
/** 2 pi 2^-32 and 2 pi 2^-64. */
const TURN_HIGH = 1.4629180792671596e-9;
const TURN_LOW = 3.4061215800865545e-19;

/** (..(a0 x + a1) x + ..) x + an. */
function horner(coefficients: readonly number[], x: number): number {
  let y = coefficients[0] ?? 0;
  for (let i = 1; i < coefficients.length; i++) y = y * x + (coefficients[i] ?? 0);
  return y;
}
