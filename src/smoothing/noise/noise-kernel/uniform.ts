// Latent plus uniform noise in double precision, rounded to a grid. `../uniform-noise.ts` is the same function in plain
// TypeScript, and `../uniform-error.ts` proves how far it can be from ideal noise; a test holds kernel and reference together bit
// for bit.
import { placeFour } from './rounded';

/** From the words of four blocks, eight values of q * nearest(latent + ratio * uniform) to p; `latent` and `alone` as in rounded.ts. */
// @ts-ignore: decorator
@inline
export function uniformPairs(
  p: usize, latent: usize, ratio: v128, q: v128, alone: bool,
  w0: v128, w1: v128, w2: v128, w3: v128,
): void {
  // A word w below the high word of 2^84 or of 2^52 makes the double 2^84 + 2^32 w or 2^52 + w, exactly.
  const to84 = i32x4.splat(0x45300000);
  const to52 = i32x4.splat(0x43300000);
  const scale = f64x2.mul(ratio, f64x2.splat(1.0842021724855044e-19)); // 2^-63
  fourValues(
    p, latent, scale, q, alone,
    v128.shuffle<i32>(w0, to84, 0, 4, 1, 5), v128.shuffle<i32>(w1, to52, 0, 4, 1, 5),
    v128.shuffle<i32>(w2, to84, 0, 4, 1, 5), v128.shuffle<i32>(w3, to52, 0, 4, 1, 5),
  );
  fourValues(
    p + 16, latent + 32, scale, q, alone,
    v128.shuffle<i32>(w0, to84, 2, 6, 3, 7), v128.shuffle<i32>(w1, to52, 2, 6, 3, 7),
    v128.shuffle<i32>(w2, to84, 2, 6, 3, 7), v128.shuffle<i32>(w3, to52, 2, 6, 3, 7),
  );
}

/** The first values of two blocks, then their second ones. */
// @ts-ignore: decorator
@inline
function fourValues(
  p: usize, latent: usize, scale: v128, q: v128, alone: bool,
  high: v128, low: v128, secondHigh: v128, secondLow: v128,
): void {
  const noise = f64x2.mul(centred(high, low), scale);
  const further = f64x2.mul(centred(secondHigh, secondLow), scale);
  if (alone) {
    v128.store(latent, noise);
    v128.store(latent, further, 16);
  } else placeFour(p, latent, q, noise, further);
}

/** (2^32 high - 2^63) + (low + 1/2): both terms are exact. */
// @ts-ignore: decorator
@inline
function centred(high: v128, low: v128): v128 {
  // 2^84 + 2^63, and 2^52 - 1/2.
  return f64x2.add(
    f64x2.sub(high, f64x2.splat(19342822337206103650074624.0)),
    f64x2.sub(low, f64x2.splat(4503599627370495.5)),
  );
}
