/**
 * Philox4x32-10, what its counter means, and standard normals in single precision as a pure function of (seed, stage, image,
 * sample, index). Training and the searches of `attack` use these normals; the noise of certificates is that of
 * `rounded-noise.ts`, made from the same words. `noise-kernel/` computes the same function in WebAssembly SIMD, and a test
 * compares the two bit for bit.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) maps a key of two
 * words and a counter of four to four words. Here
 *
 *   key     = (seed mod 2^32, seed / 2^32)
 *   counter = (block, sample, image, stage)
 *
 * so no two draws of a run share a counter, and nothing depends on who draws, in what order or in what batch. Index i
 * of a sample belongs to group i / 16, that is to blocks 4g .. 4g + 3 (four lanes of a vector unit); within the group,
 * i mod 16 = 0..3 are the cosine normals of words 0 and 1 of the four blocks, 4..7 their sine normals, 8..11 the cosine
 * and 12..15 the sine normals of words 2 and 3. How many normals are asked for changes none of them.
 *
 * Box-Muller in float32: r = sqrt(-2 ln((w + 1/2) / 2^32)), (r cos a, r sin a) with a = 2π w' / 2^32. The uniforms have
 * 32 bits, so the smallest is 2^-33 and the normals end at sqrt(66 ln 2) = 6.764: |n| <= 6.8. A true normal lies outside
 * with probability 1.3e-11. Against Box-Muller in float64 the largest difference is 8e-6.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const ROUNDS = 10;

/** No |normal| exceeds this. */
export const LARGEST_NORMAL = 6.8;

/**
 * What a draw is for: the last word of the counter, so that no two purposes ever share noise. The numbers are part of the
 * result format (they decide the counts under a seed): never renumber, only add.
 */
export const Stage = {
  /** n0 draws that pick the class. */
  selection: 0,
  /** n draws that bound its probability. */
  estimation: 1,
  /** The same two for the series that the first is compared with. */
  baselineSelection: 2,
  baselineEstimation: 3,
  /** Start vectors of operator norm bounds. */
  operatorNorm: 4,
  /** The comparison of a provider with the CPU. */
  providerCheck: 5,
  /** `predict`, which draws once. */
  prediction: 6,
  /** Training: noise of a step (image: epoch, sample: step), of a validation step, uniform numbers of a step. */
  training: 7,
  validation: 8,
  uniforms: 9,
  /** Training: which images are held out, the order of an epoch, shifts and mirror images. */
  heldOut: 10,
  order: 11,
  augmentation: 12,
  /** Kernels of the untrained architectures. */
  initialWeights: 13,
  /** Start vectors with which `verify` proves operator norms again. */
  verification: 14,
  /** Start vectors of the operator norm bounds at a radius that is to be decided. */
  decidedRadius: 15,
  /** `attack`: noise of the search, random directions, and the draws that confirm what the search found. */
  attack: 20,
  attackDirections: 21,
  attackConfirmation: 22,
} as const;

export type Stage = (typeof Stage)[keyof typeof Stage];

/** Stages of series from the third on: two each. */
const FURTHER_SERIES = 1024;

/** The stages of the k-th series of a run, so that no two series share noise. */
export function seriesStages(series: number): { readonly selection: number; readonly estimation: number } {
  if (series === 0) return { selection: Stage.selection, estimation: Stage.estimation };
  if (series === 1) return { selection: Stage.baselineSelection, estimation: Stage.baselineEstimation };
  const selection = FURTHER_SERIES + 2 * series;
  return { selection, estimation: selection + 1 };
}

/** A 64-bit seed as the two key words; a seed outside [0, 2^64) is taken modulo 2^64. */
export function keyWords(seed: bigint): readonly [k0: number, k1: number] {
  return [Number(BigInt.asUintN(32, seed)), Number(BigInt.asUintN(32, seed >> 32n))];
}

/** The high word of the 64-bit product of two 32-bit words, by 16-bit halves (each partial sum is below 2^53). */
function highWord(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/** Philox4x32-10: four 32-bit words from the counter (c0, c1, c2, c3) under the key (k0, k1). */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): [number, number, number, number] {
  for (let round = 0; round < ROUNDS; round++) {
    const next0 = (highWord(c2, M1) ^ c1 ^ k0) >>> 0;
    const next1 = Math.imul(c2, M1) >>> 0;
    const next2 = (highWord(c0, M0) ^ c3 ^ k1) >>> 0;
    const next3 = Math.imul(c0, M0) >>> 0;
    c0 = next0;
    c1 = next1;
    c2 = next2;
    c3 = next3;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Where a sample's noise comes from. All four are 32-bit words but the seed, which has 64 bits. */
export interface NoiseCounter {
  readonly seed: bigint;
  readonly stage: number;
  readonly image: number;
  readonly sample: number;
}

/** The first n normals of a sample, in single precision. */
export function gaussianNoise(n: number, { seed, stage, image, sample }: NoiseCounter): Float32Array {
  const [k0, k1] = keyWords(seed);
  const padded = new Float32Array(Math.ceil(n / 16) * 16);
  for (let block = 0; block < padded.length / 4; block++) {
    const [w0, w1, w2, w3] = philox(block, sample >>> 0, image >>> 0, stage >>> 0, k0, k1);
    const lane = Math.floor(block / 4) * 16 + (block % 4);
    boxMuller(padded, lane, w0, w1);
    boxMuller(padded, lane + 8, w2, w3);
  }
  return padded.subarray(0, n);
}

// Below, every float32 operation is written as Math.fround of the float64 one: for +, -, * and sqrt that is exactly the
// correctly rounded float32 result. The constants are those of the kernel, which says where they come from.

const f = Math.fround;
const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);

/** The cosine normal of two words to out[at], the sine normal to out[at + 4]. */
function boxMuller(out: Float32Array, at: number, radius: number, angle: number): void {
  const u = f(f(f(radius) + 0.5) * f(2.3283064365386963e-10));
  const r = f(Math.sqrt(f(naturalLog(u) * -2)));
  const quadrant = ((angle + 0x20000000) >>> 30) & 3;
  const t = f(f((angle - (quadrant << 30)) | 0) * f(1.4629180792671596e-9));
  const t2 = f(t * t);
  const s = f(f(f(horner(SINE, t2) * t2) * t) + t);
  const c = f(f(f(f(horner(COSINE, t2) * t2) * t2) - f(t2 * 0.5)) + 1);
  const swap = (quadrant & 1) === 1;
  const cosine = (swap ? s : c) * (((quadrant + 1) & 2) === 0 ? 1 : -1);
  const sine = (swap ? c : s) * ((quadrant & 2) === 0 ? 1 : -1);
  out[at] = r * cosine;
  out[at + 4] = r * sine;
}

/** ln x for a float32 x in (0, 1]. */
function naturalLog(x: number): number {
  float[0] = x;
  const pattern = bits[0] ?? 0;
  let exponent = (pattern >>> 23) - 126;
  bits[0] = (pattern & 0x007fffff) | 0x3f000000;
  let m = float[0] ?? 0;
  if (m < f(Math.SQRT1_2)) {
    exponent -= 1;
    m = f(m + m);
  }
  m = f(m - 1);
  const z = f(m * m);
  let y = f(f(horner(LOGARITHM, m) * m) * z);
  y = f(y + f(exponent * f(-2.1219444e-4)));
  y = f(y - f(z * 0.5));
  return f(f(m + y) + f(exponent * 0.693359375));
}

const SINE = Float32Array.of(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1);
const COSINE = Float32Array.of(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2);
const LOGARITHM = Float32Array.of(
  7.0376836292e-2,
  -1.151461031e-1,
  1.167699874e-1,
  -1.2420140846e-1,
  1.4249322787e-1,
  -1.6668057665e-1,
  2.0000714765e-1,
  -2.4999993993e-1,
  3.3333331174e-1,
);

/** (..(a0 x + a1) x + ..) x + an in float32. */
function horner(coefficients: Float32Array, x: number): number {
  let y = coefficients[0] ?? 0;
  for (let i = 1; i < coefficients.length; i++) y = f(f(y * x) + (coefficients[i] ?? 0));
  return y;
}
