/**
 * Random numbers for the glyph set: the k-th draw of image i is a pure function of (seed, subset, i, k), made of 32-bit
 * integer arithmetic only, so every machine draws the same glyphs. The mixing step is MurmurHash3's finalizer
 * (Appleby), a bijection of 32 bits. Good for varied pictures; the noise of a certificate comes from elsewhere.
 */

function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const GOLDEN_RATIO_32 = 0x9e3779b9;

/** Draws for one stream; each call moves on by one. */
export interface GlyphRandom {
  /** Uniform on {0, …, n-1}, up to a bias of n/2^32. */
  integer(n: number): number;
  /** Uniform on [low, high). */
  between(low: number, high: number): number;
  /** Bell-shaped on (-1, 1), mean 0, standard deviation 1/3: the centred mean of three uniforms. */
  bell(): number;
}

export function glyphRandom(seed: number, subset: number, index: number): GlyphRandom {
  let key = mix(seed);
  key = mix(key ^ Math.imul(subset + 1, GOLDEN_RATIO_32));
  key = mix(key ^ Math.imul(index + 1, GOLDEN_RATIO_32));
  let counter = 0;
  const uniform = (): number => {
    counter += 1;
    return mix(mix(Math.imul(counter, GOLDEN_RATIO_32) ^ key) + key) / 0x1_0000_0000;
  };
  return {
    integer: (n) => Math.floor(uniform() * n),
    between: (low, high) => low + uniform() * (high - low),
    bell: () => ((uniform() + uniform() + uniform()) * 2) / 3 - 1,
  };
}
