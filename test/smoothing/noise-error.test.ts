/**
 * The error of rounded noise: every distance and every count of the proof in noise-error.ts, against 50-digit arithmetic and
 * against simulation.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  coordinateError,
  discDistance,
  discError,
  ringDistance,
  ringError,
  totalVariation,
} from '../../src/smoothing/noise/noise-error.ts';
import { gaussianNoise, philox } from '../../src/smoothing/noise/philox.ts';
import { boxMuller64, gridOf } from '../../src/smoothing/noise/rounded-noise.ts';
import { exactPair, fixed, toNumber } from './fifty-digits.ts';

const E = 2 ** -53;
const ROOT_HALF = 13043817825332782212n; // sqrt(1/2) 2^64

/** The proof's bound for the pair made of w, in units of sigma; u2 = U 2^64. */
function allowed(u2: bigint, r: number): number {
  const u = Number(u2) / 2 ** 64;
  return u2 <= ROOT_HALF ? ringDistance(u, r, r) : discDistance(r, r);
}

interface Worst {
  /** Largest error over what the proof allows: at most 1. */
  share: number;
  pairs: number;
}

/**
 * Holds one pair of words to the proof: with V = 1 and V' = 0, where only float64 errs, and at the other ends of the ideal
 * uniforms' intervals, where their discreteness counts in full.
 */
function holdTo(
  w: bigint,
  turn: bigint,
  worst: Worst,
  ends: 'both ends' | 'float64 alone' = 'both ends',
): void {
  const [w0, w1] = [Number(w >> 32n), Number(w & 0xffffffffn)];
  const [w2, w3] = [Number(turn >> 32n), Number(turn & 0xffffffffn)];
  const [cosine, sine] = boxMuller64(w0, w1, w2, w3, 1);
  for (const [u, a] of [
    [w + 1n, turn],
    ...(w === 0n || ends === 'float64 alone' ? [] : ([[w, turn + 1n]] as const)),
  ] as const) {
    const exact = exactPair(u, a);
    const r = toNumber(exact.radius);
    // Radii below 0.8326 2^-24 are counted by their probability.
    if (r < 0.8326 * 2 ** -24) continue;
    const limit = allowed(u, r);
    for (const [computed, value] of [
      [cosine, exact.cosine],
      [sine, exact.sine],
    ] as const) {
      const error = Math.abs(toNumber(fixed(computed) - value));
      worst.share = Math.max(worst.share, error / limit);
      worst.pairs++;
    }
  }
}

const TOP = 2n ** 64n - 1n;
/** Powers of two, sqrt(1/2) times powers of two (where the exponent changes), and their neighbours. */
const radiusWords = [
  ...new Set(
    Array.from({ length: 64 }, (_, k) => [2n ** BigInt(k), ROOT_HALF >> BigInt(k), TOP - 2n ** BigInt(k)])
      .flat()
      .flatMap((w) => [w - 2n, w - 1n, w, w + 1n, w + 2n])
      .concat([0n, 1n, 2n, 3n, TOP])
      .filter((w) => w >= 0n && w <= TOP),
  ),
];
/** Eighths of a turn, where polynomials end and quadrants change, and their neighbours. */
const angleWords = Array.from({ length: 9 }, (_, k) => (2n ** 64n * BigInt(k)) / 8n)
  .flatMap((a) => [a - 2n ** 32n, a - 2n ** 11n, a - 1n, a, a + 1n, a + 2n ** 11n, a + 2n ** 32n])
  .filter((a) => a >= 0n && a <= TOP);

const random64 = (block: number): [bigint, bigint] => {
  const [a, b, c, d] = philox(block, 0, 0, 99, 7, 0);
  return [(BigInt(a) << 32n) | BigInt(b), (BigInt(c) << 32n) | BigInt(d)];
};

describe('the distance of computed from exact normals, in 50-digit arithmetic', () => {
  it('agrees with mpmath where the reference itself is concerned', () => {
    const golden = JSON.parse(
      readFileSync(new URL('../fixtures/noise.json', import.meta.url), 'utf8'),
    ) as Record<'u' | 'turn' | 'radius' | 'cosine' | 'sine', string>[];
    expect(golden.length).toBeGreaterThan(100);
    for (const { u, turn, radius, cosine, sine } of golden) {
      const pair = exactPair(BigInt(u), BigInt(turn));
      for (const [ours, theirs] of [
        [pair.radius, radius],
        [pair.cosine, cosine],
        [pair.sine, sine],
      ] as const) {
        // Both as integers of 10^-50.
        const digits = (ours * 10n ** 50n) >> 224n;
        const difference = digits - BigInt(theirs);
        expect(difference >= -100n && difference <= 100n, `${u} ${turn}`).toBe(true);
      }
    }
  });

  it(`is what the proof allows, for all ${radiusWords.length * angleWords.length} extreme words`, () => {
    const worst: Worst = { share: 0, pairs: 0 };
    for (const w of radiusWords) for (const turn of angleWords) holdTo(w, turn, worst);
    expect(worst.share).toBeLessThanOrEqual(1);
    // The discreteness near 0 is met nearly in full: the terms are not idle.
    expect(worst.share).toBeGreaterThan(0.6);
  });

  it('is what the proof allows, for 300,000 random words', () => {
    const worst: Worst = { share: 0, pairs: 0 };
    // At both ends of the uniforms in the tests beside this one.
    for (let block = 0; block < 300_000; block++) holdTo(...random64(block), worst, 'float64 alone');
    expect(worst.pairs).toBe(600_000);
    expect(worst.share).toBeLessThanOrEqual(1);
    expect(worst.share).toBeGreaterThan(0.2);
  });

  it('is what the proof allows for every size of radius, so no term covers for another', () => {
    for (let k = 0; k < 24; k++) {
      // U = 1 - 2^-2k or so: radii from 1 down to 2^-24.
      const worst: Worst = { share: 0, pairs: 0 };
      for (let block = 0; block < 300; block++) {
        const [w, turn] = random64(block);
        const u = TOP - (w >> BigInt(2 * k + 1));
        holdTo(u, turn, worst);
      }
      expect(worst.share, `radius about 2^-${k}`).toBeLessThanOrEqual(1);
      expect(worst.share, `radius about 2^-${k}`).toBeGreaterThan(0.15);
    }
    for (let j = 1; j < 64; j++) {
      const worst: Worst = { share: 0, pairs: 0 };
      for (let block = 0; block < 300; block++) {
        const [w, turn] = random64(block);
        holdTo(w >> BigInt(j), turn, worst);
      }
      expect(worst.share, `U below 2^-${j}`).toBeLessThanOrEqual(1);
      expect(worst.share, `U below 2^-${j}`).toBeGreaterThan(0.1);
    }
  });

  it('holds behind the scaling by sigma / q and the addition to the latent as well', () => {
    let largest = 0;
    for (let block = 0; block < 20_000; block++) {
      const [w, turn] = random64(block);
      const ratio = 256 + ((block * 0.6180339887) % 256);
      // |x| up to 2^20 sigma: what is added up rounds by that much.
      const latent = Math.sin(block) * ratio * 2 ** (block % 21);
      const [cosine] = boxMuller64(
        Number(w >> 32n),
        Number(w & 0xffffffffn),
        Number(turn >> 32n),
        Number(turn & 0xffffffffn),
        ratio,
      );
      const computed = latent + cosine;
      const pair = exactPair(w + 1n, turn);
      const exact = fixed(latent) + ((fixed(ratio) * pair.cosine) >> 224n);
      const error = Math.abs(toNumber(fixed(computed) - exact)) / ratio;
      const limit = allowed(w + 1n, toNumber(pair.radius)) + (E * Math.abs(latent)) / ratio;
      largest = Math.max(largest, error / limit);
    }
    expect(largest).toBeLessThanOrEqual(1);
    expect(largest).toBeGreaterThan(0.9);
  });
});

describe('the steps of the proof', () => {
  // In units of e, as the docstring of noise-error.ts states them; each is an upper bound that tools/golden/noise.py or a
  // rounding rule gives.
  const CONVERSION = 1.01;
  const DIVISION = 2.01;
  const LOGARITHM_POLYNOMIAL = 1.8;
  const INNER = 0.09;
  const PRODUCT_AND_SUM = 2;
  const LN_2_PRODUCT = 2.01;
  const SUM = 1.01;
  const ANGLE = 2.37;
  const COSINE = Math.SQRT1_2 * ANGLE + 0.8 + 1.9;
  const SINE = ANGLE + 1.1;
  /** Root, ratio, product, addition. */
  const ROUNDINGS = 4;

  it.each([1, 1.2, 2, 4, 9.4])('add up to no more than the distance, at radius %d', (r) => {
    const L = r * r;
    const u = Math.exp(-L / 2);
    const ofAtanh = (DIVISION + INNER + PRODUCT_AND_SUM + LOGARITHM_POLYNOMIAL) * 0.6932;
    const ofLog = 2 * CONVERSION + ofAtanh + LN_2_PRODUCT * (L + 0.6932) + SUM * L;
    const discrete = 2 ** -63 / u / E;
    const total = (discrete + ofLog) / (1.999 * r) + (Math.max(COSINE, SINE) + ROUNDINGS) * r;
    expect(ringDistance(u, r, r)).toBeGreaterThanOrEqual(total * E);
    expect(ringDistance(u, r, r)).toBeLessThan(1.6 * total * E);
  });

  it.each([0.83, 0.1, 1e-4, 2 ** -24])('and where U is above sqrt(1/2), at radius %d', (r) => {
    const L = r * r;
    const ofLog =
      2 * CONVERSION + (DIVISION + INNER + PRODUCT_AND_SUM + LOGARITHM_POLYNOMIAL) * L + 2 ** -63 / E / 0.7;
    const total = ofLog / (1.95 * r) + (Math.max(COSINE, SINE) + ROUNDINGS) * r;
    expect(discDistance(r, r)).toBeGreaterThanOrEqual(total * E);
    expect(discDistance(r, r)).toBeLessThan(1.6 * total * E);
  });

  it('leave out only what is as rare as is counted', () => {
    const tiny = (0.8326 * 2 ** -24) ** 2 / 2;
    const steep = (2 / Math.PI) * 2 ** -52;
    const undecided = 2 * E * Math.SQRT1_2;
    const { atZero } = coordinateError(256, 0);
    expect(atZero).toBeGreaterThanOrEqual(2 ** -64 + tiny + steep + undecided);
    expect(atZero).toBeLessThan(4 * (tiny + steep + undecided));
  });
});

describe('the probability that a coordinate is rounded elsewhere', () => {
  // The same counting with a unit so large that it can be seen: normals moved towards the nearest boundary by all the proof
  // allows. P[Z > 5] = 3e-7 for each of the 2 x 18 comparisons.
  const DRAWS = 400_000;

  /** Shares of draws with a boundary within the allowed distance, for U <= sqrt(1/2) and above. */
  function shares(ratio: number, x: number, UNIT: number): { ring: number; disc: number } {
    let [ring, disc] = [0, 0];
    for (let block = 0; block < DRAWS; block++) {
      const [a, b] = philox(block, 1, 0, 98, 7, 0);
      const u = (a + 0.5) / 2 ** 32;
      const r = Math.sqrt(-2 * Math.log(u));
      const isRing = u <= Math.SQRT1_2;
      const distance = (isRing ? ringDistance(u, r, r, UNIT) : discDistance(r, r, UNIT)) + UNIT * Math.abs(x);
      // Boundaries are at (k + 1/2) / ratio.
      const place = (x + r * Math.cos((2 * Math.PI * b) / 2 ** 32)) * ratio;
      const gap = Math.abs(place - Math.floor(place) - 0.5) / ratio;
      if (gap <= distance) isRing ? ring++ : disc++;
    }
    return { ring: ring / DRAWS, disc: disc / DRAWS };
  }

  // Ratios of certificates, and far smaller ones, where a single boundary at the top of the density is all there is.
  it.each([
    [256, 0],
    [256, 0.5],
    [511, 7],
    [256, 1000],
    [4, 0],
    [4, 0.5],
    [0.01, 0.5],
    [0.01, 20],
    [1e-3, 0.5],
  ])('is at most the bound for ratio %d and a latent %d steps from a point of the grid', (ratio, steps) => {
    const x = steps / ratio;
    const UNIT = ratio >= 1 ? 2 ** -22 : 2 ** -12;
    const found = shares(ratio, x, UNIT);
    for (const [share, bound] of [
      [found.ring, ringError(ratio, UNIT)],
      [found.disc, discError(ratio, UNIT)],
    ] as const) {
      const limit = bound.atZero + bound.perSigma * Math.abs(x);
      const noise = 5 * Math.sqrt(Math.max(share, 10 / DRAWS) / DRAWS);
      expect(share).toBeLessThanOrEqual(limit + noise);
      // Not vacuous where it counts: within a factor of 3.
      if (ratio >= 256) expect(limit).toBeLessThan(3 * share + noise);
    }
  });

  it('is a few 1e-12 for latents of moderate size, grows with them, and is 1 where adding them rounds by as much as the grid', () => {
    expect(coordinateError(256).atZero).toBeLessThan(2e-12);
    expect(coordinateError(512).atZero).toBeLessThan(3.5e-12);
    // The 32-bit end of a single bound: never below the distance of the main part alone.
    expect(coordinateError(256).atZero).toBeGreaterThan(2 * 256 * 10 * E);
    const variation = (value: number, size = 784) => totalVariation(new Float64Array(size).fill(value), 0.5);
    expect(variation(0)).toBeLessThan(2e-9);
    expect(variation(1000)).toBeGreaterThan(variation(0) * 50);
    expect(variation(0, 1568)).toBeCloseTo(2 * variation(0), 12);
    expect(variation(-1000)).toBe(variation(1000));
    for (const huge of [2 ** 40, 1e300, Number.POSITIVE_INFINITY, Number.NaN])
      expect(variation(huge)).toBe(1);
    expect(() => totalVariation(new Float64Array(1), 0)).toThrow(RangeError);
  });

  it('is proportional to sigma over the grid: sigma just below a power of two pays twice that just above', () => {
    const at = (sigma: number) => totalVariation(new Float64Array(100), sigma);
    expect(gridOf(0.499)).toBe(gridOf(0.5) / 2);
    expect(at(0.499) / at(0.5)).toBeGreaterThan(1.7);
    expect(at(0.499) / at(0.5)).toBeLessThan(2);
  });
});

describe('a float32 normal is not good enough for this', () => {
  it('being up to 1e-6 off, it would be rounded elsewhere far more often than 1e-12', () => {
    const noise = gaussianNoise(16, { seed: 5n, stage: 1, image: 2, sample: 3 });
    const [w0, w1] = philox(0, 3, 2, 1, 5, 0);
    const exact = exactPair((BigInt(w0) << 32n) + (1n << 31n), BigInt(w1) << 32n);
    expect(Math.abs((noise[0] ?? 0) - toNumber(exact.cosine))).toBeGreaterThan(1e-9);
  });
});
