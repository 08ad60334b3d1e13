// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) for eight blocks at a
// time, and what is made of their words.
//
// Why it is fast: both halves of a 32x32-bit product come from one widening multiply (`extmul`) and a shuffle, and two
// vectors of four blocks are in flight at once, which hides the latency of the ten rounds.
import { boxMuller } from './normal32';
import { roundedPairs } from './rounded';
import { uniformPairs } from './uniform';

/** Philox blocks per step; a block gives four words. */
export const STEP_BLOCKS = 8;

// Philox constants (SC 2011, table 2 and section 3.3): multipliers and the Weyl increments of the key.
export const M0: u32 = 0xd2511f53;
export const M1: u32 = 0xcd9e8d57;
export const W0: u32 = 0x9e3779b9;
export const W1: u32 = 0xbb67ae85;

/** What is made of the words. */
export const NORMALS: i32 = 0;
export const GAUSSIAN: i32 = 1;
export const UNIFORM: i32 = 2;
/** The same two without a latent: they are written where it would be read. */
export const GAUSSIAN_ALONE: i32 = 3;
export const UNIFORM_ALONE: i32 = 4;

/**
 * Blocks block .. block + 7: as 32 normals, as 16 values of rounded noise around `latent`, or as the noise alone. `kind` is a compile-time constant, so
 * no branch is left.
 */
// @ts-ignore: decorator
@inline
export function step(
  p: usize, latent: usize, ratio: v128, q: v128, kind: i32,
  block: u32, stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  const m0 = i32x4.splat(M0);
  const m1 = i32x4.splat(M1);
  // Lane j of (a0, a1, a2, a3) is the counter of block + j, of (b0, ..) that of block + 4 + j.
  let a0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let a1 = i32x4.splat(sample);
  let a2 = i32x4.splat(image);
  let a3 = i32x4.splat(stage);
  let b0 = i32x4.add(a0, i32x4.splat(4));
  let b1 = a1;
  let b2 = a2;
  let b3 = a3;
  for (let round = 0; round < 10; round++) {
    const al = i64x2.extmul_low_i32x4_u(a0, m0);
    const ah = i64x2.extmul_high_i32x4_u(a0, m0);
    const bl = i64x2.extmul_low_i32x4_u(b0, m0);
    const bh = i64x2.extmul_high_i32x4_u(b0, m0);
    const cl = i64x2.extmul_low_i32x4_u(a2, m1);
    const ch = i64x2.extmul_high_i32x4_u(a2, m1);
    const dl = i64x2.extmul_low_i32x4_u(b2, m1);
    const dh = i64x2.extmul_high_i32x4_u(b2, m1);
    const key0 = i32x4.splat(k0);
    const key1 = i32x4.splat(k1);
    a0 = v128.xor(v128.xor(highWords(cl, ch), a1), key0);
    a1 = lowWords(cl, ch);
    a2 = v128.xor(v128.xor(highWords(al, ah), a3), key1);
    a3 = lowWords(al, ah);
    b0 = v128.xor(v128.xor(highWords(dl, dh), b1), key0);
    b1 = lowWords(dl, dh);
    b2 = v128.xor(v128.xor(highWords(bl, bh), b3), key1);
    b3 = lowWords(bl, bh);
    k0 += W0;
    k1 += W1;
  }
  if (kind == GAUSSIAN || kind == GAUSSIAN_ALONE) {
    const alone = kind == GAUSSIAN_ALONE;
    roundedPairs(p, latent, ratio, q, alone, a0, a1, a2, a3);
    roundedPairs(p + 32, latent + 64, ratio, q, alone, b0, b1, b2, b3);
  } else if (kind == UNIFORM || kind == UNIFORM_ALONE) {
    const alone = kind == UNIFORM_ALONE;
    uniformPairs(p, latent, ratio, q, alone, a0, a1, a2, a3);
    uniformPairs(p + 32, latent + 64, ratio, q, alone, b0, b1, b2, b3);
  } else {
    boxMuller(p, a0, a1);
    boxMuller(p + 32, a2, a3);
    boxMuller(p + 64, b0, b1);
    boxMuller(p + 96, b2, b3);
  }
}

/** The high 32 bits of four 64-bit products. */
// @ts-ignore: decorator
@inline
function highWords(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(low, high, 1, 3, 5, 7);
}

/** The low 32 bits of four 64-bit products. */
// @ts-ignore: decorator
@inline
function lowWords(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(low, high, 0, 2, 4, 6);
}
