/** Which Gram matrices are cheap enough to factorise: then a norm has a deterministic proof (lipschitz/banded-gram.ts). */

/** What a factorisation may cost: multiplications, and entries of the band. */
export interface FactorisationLimit {
  readonly multiplications: number;
  readonly numbers: number;
}

/** About half a second, and 160 MB: a proof that every image takes. */
export const PER_IMAGE: FactorisationLimit = { multiplications: 6e8, numbers: 2e7 };
/** About half a minute, and 480 MB: a proof that a whole run shares. */
export const PER_RUN: FactorisationLimit = { multiplications: 2e10, numbers: 6e7 };

/** Multiplications of one factorisation. */
export const factorisationWork = (size: number, halfBandwidth: number): number =>
  size * (halfBandwidth + 1 >= size ? (size * size) / 3 : halfBandwidth * halfBandwidth);

/** Whether a symmetric matrix of this size and half bandwidth is cheap to factorise. */
export const isFactorisable = (size: number, halfBandwidth: number, limit = PER_IMAGE): boolean =>
  factorisationWork(size, halfBandwidth) <= limit.multiplications &&
  size * (halfBandwidth + 1) <= limit.numbers;
