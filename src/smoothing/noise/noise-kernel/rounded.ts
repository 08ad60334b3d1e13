// Latent plus Gaussian noise in double precision, rounded to a grid: the noise of certificates. `../rounded-noise.ts` is the
// same function in plain TypeScript, where every constant is explained, and `../noise-error.ts` proves how far it can be
// from ideal noise; a test holds kernel and reference together bit for bit.

/**
 * From the words of four blocks, eight values of q * nearest(latent + ratio * normal) to p; `latent` is in units of q. Where
 * `alone`, a compile-time constant, ratio * normal is written to where the latent would be, and nothing to p.
 */
// @ts-ignore: decorator
@inline
export function roundedPairs(
  p: usize, latent: usize, ratio: v128, q: v128, alone: bool,
  w0: v128, w1: v128, w2: v128, w3: v128,
): void {
  // The angle's words are a fraction of a full turn; its nearest quarter turn is taken off exactly, in integers.
  const turned = i32x4.add(w2, i32x4.splat(0x20000000));
  const rest = v128.and(turned, i32x4.splat(0x3fffffff));
  // Bit 30: sine and cosine change places. Bit 31: the sine is negative. Their sum: the cosine is.
  const twice = i32x4.shl(turned, 1);
  const swap = i32x4.shr_s(twice, 31);
  const sineSign = v128.and(turned, i32x4.splat(0x80000000));
  const cosineSign = v128.and(v128.xor(turned, twice), i32x4.splat(0x80000000));
  // A word w below the high word of 2^84 or of 2^52 makes the double 2^84 + 2^32 w or 2^52 + w, exactly.
  const zero = i32x4.splat(0);
  const to84 = i32x4.splat(0x45300000);
  const to52 = i32x4.splat(0x43300000);
  twoPairs(
    p, latent, ratio, q, alone,
    v128.shuffle<i32>(w0, to84, 0, 4, 1, 5), v128.shuffle<i32>(w1, to52, 0, 4, 1, 5),
    v128.shuffle<i32>(rest, to52, 0, 4, 1, 5), v128.shuffle<i32>(w3, to52, 0, 4, 1, 5),
    v128.shuffle<i32>(swap, swap, 0, 4, 1, 5),
    v128.shuffle<i32>(zero, cosineSign, 0, 4, 1, 5), v128.shuffle<i32>(zero, sineSign, 0, 4, 1, 5),
  );
  twoPairs(
    p + 16, latent + 32, ratio, q, alone,
    v128.shuffle<i32>(w0, to84, 2, 6, 3, 7), v128.shuffle<i32>(w1, to52, 2, 6, 3, 7),
    v128.shuffle<i32>(rest, to52, 2, 6, 3, 7), v128.shuffle<i32>(w3, to52, 2, 6, 3, 7),
    v128.shuffle<i32>(swap, swap, 2, 6, 3, 7),
    v128.shuffle<i32>(zero, cosineSign, 2, 6, 3, 7), v128.shuffle<i32>(zero, sineSign, 2, 6, 3, 7),
  );
}

/** Two Box-Muller pairs: the two cosine values, then the two sine values. */
// @ts-ignore: decorator
@inline
function twoPairs(
  p: usize, latent: usize, ratio: v128, q: v128, alone: bool,
  high: v128, low: v128, angleHigh: v128, angleLow: v128,
  swap: v128, cosineSign: v128, sineSign: v128,
): void {
  // v = w + 1 in [1, 2^64] = m 2^k with m in [sqrt(1/2), sqrt(2)); u = v 2^-64.
  const v = f64x2.add(f64x2.sub(high, splat(19342813113834066795298816.0)), f64x2.sub(low, splat(4503599627370495.0)));
  const shifted = i64x2.sub(v, i64x2.splat(0x3fe6a09e667f3bcd));
  const m = i64x2.sub(v, v128.and(shifted, i64x2.splat(0xfff0000000000000)));
  const halvings = f64x2.sub(
    splat(4503599627370560.0),
    v128.or(i64x2.shr_u(shifted, 52), i64x2.splat(0x4330000000000000)),
  );
  // -2 ln u = halvings * 2 ln 2 - 2 ln m, the latter by d = (m - 1) / (m + 1).
  const d = f64x2.div(f64x2.sub(m, splat(1.0)), f64x2.add(m, splat(1.0)));
  const dd = f64x2.mul(d, d);
  let a = f64x2.add(f64x2.mul(splat(-0.33639655831327137), dd), splat(-0.3624728412924806));
  a = f64x2.add(f64x2.mul(a, dd), splat(-0.44446743397709365));
  a = f64x2.add(f64x2.mul(a, dd), splat(-0.571428342591471));
  a = f64x2.add(f64x2.mul(a, dd), splat(-0.8000000010455003));
  a = f64x2.add(f64x2.mul(a, dd), splat(-1.333333333331744));
  a = f64x2.mul(f64x2.add(f64x2.mul(a, dd), splat(-4.0)), d);
  const square = f64x2.add(f64x2.mul(halvings, splat(1.3862943611198906)), a);
  const r = f64x2.mul(f64x2.sqrt(square), ratio);

  const t = f64x2.add(
    f64x2.mul(f64x2.sub(angleHigh, splat(4503600164241408.0)), splat(1.4629180792671596e-9)),
    f64x2.mul(f64x2.sub(angleLow, splat(4503599627370496.0)), splat(3.4061215800865545e-19)),
  );
  const z = f64x2.mul(t, t);
  let s = f64x2.add(f64x2.mul(splat(1.5888585939019816e-10), z), splat(-2.5050600238646833e-8));
  s = f64x2.add(f64x2.mul(s, z), splat(2.7557312544774625e-6));
  s = f64x2.add(f64x2.mul(s, z), splat(-0.0001984126982593412));
  s = f64x2.add(f64x2.mul(s, z), splat(0.008333333333316482));
  s = f64x2.add(f64x2.mul(s, z), splat(-0.166666666666666));
  s = f64x2.add(f64x2.mul(s, f64x2.mul(z, t)), t);
  let c = f64x2.add(f64x2.mul(splat(2.064773803820851e-9), z), splat(-2.7555567133718416e-7));
  c = f64x2.add(f64x2.mul(c, z), splat(2.4801580971687427e-5));
  c = f64x2.add(f64x2.mul(c, z), splat(-0.0013888888878274372));
  c = f64x2.add(f64x2.mul(c, z), splat(0.04166666666660226));
  c = f64x2.add(f64x2.mul(c, z), splat(-0.5));
  c = f64x2.add(f64x2.mul(c, z), splat(1.0));

  const exchange = v128.and(v128.xor(s, c), swap);
  const cosine = v128.xor(v128.xor(c, exchange), cosineSign);
  const sine = v128.xor(v128.xor(s, exchange), sineSign);
  if (alone) {
    v128.store(latent, f64x2.mul(r, cosine));
    v128.store(latent, f64x2.mul(r, sine), 16);
  } else placeFour(p, latent, q, f64x2.mul(r, cosine), f64x2.mul(r, sine));
}

/** q * nearest(latent + noise) of four values to p; `latent` and the noise are in units of q. */
// @ts-ignore: decorator
@inline
export function placeFour(p: usize, latent: usize, q: v128, noise: v128, further: v128): void {
  const x = f64x2.nearest(f64x2.add(v128.load(latent), noise));
  const y = f64x2.nearest(f64x2.add(v128.load(latent, 16), further));
  const steps = v128.shuffle<i64>(f32x4.demote_f64x2_zero(x), f32x4.demote_f64x2_zero(y), 0, 2);
  // Adding zero turns -0 into 0: a network that tells them apart would see the sign of what was rounded away.
  v128.store(p, f32x4.add(f32x4.mul(steps, q), f32x4.splat(0)));
}

// @ts-ignore: decorator
@inline
function splat(x: f64): v128 {
  return f64x2.splat(x);
}
