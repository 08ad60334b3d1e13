/** Which Gram matrices are cheap enough to factorise: then a norm has a deterministic proof (lipschitz/banded-gram.ts). */

/** Above this many multiplications in a factorisation (about half a second) the probabilistic bound is used instead. */
const FACTORISATION_LIMIT = 6e8;
/** Above this many entries of the band (160 MB) likewise. */
const BAND_LIMIT = 2e7;

/** Multiplications of one factorisation. */
export const factorisationWork = (size: number, halfBandwidth: number): number =>
  size * (halfBandwidth + 1 >= size ? (size * size) / 3 : halfBandwidth * halfBandwidth);

/** Whether a symmetric matrix of this size and half bandwidth is cheap to factorise. */
export const isFactorisable = (size: number, halfBandwidth: number): boolean =>
  factorisationWork(size, halfBandwidth) <= FACTORISATION_LIMIT && size * (halfBandwidth + 1) <= BAND_LIMIT;
