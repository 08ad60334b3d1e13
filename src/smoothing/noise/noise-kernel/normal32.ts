// Standard normals in single precision: Box-Muller on a pair of 32-bit words. For training and for searches; no
// certificate rests on them (those are drawn by rounded.ts). `../philox.ts` is the same function in plain TypeScript.

/** Four cosine normals to p, four sine normals to p + 16, from four radius words and four angle words. */
// @ts-ignore: decorator
@inline
export function boxMuller(p: usize, radius: v128, angle: v128): void {
  // u = (word + 1/2) 2^-32 in (0, 1]; r = sqrt(-2 ln u).
  const u = f32x4.mul(f32x4.add(f32x4.convert_i32x4_u(radius), splat(0.5)), splat(2.3283064365386963e-10));
  const r = f32x4.sqrt(f32x4.mul(naturalLog(u), splat(-2.0)));
  // The angle word is a fraction of a full turn. Its nearest quarter turn is taken off exactly, in integers; what is
  // left, t in [-pi/4, pi/4), goes to the polynomials.
  const quadrant = i32x4.shr_u(i32x4.add(angle, i32x4.splat(0x20000000)), 30);
  const rest = i32x4.sub(angle, i32x4.shl(quadrant, 30));
  const t = f32x4.mul(f32x4.convert_i32x4_s(rest), splat(1.4629180792671596e-9)); // 2 pi / 2^32
  const t2 = f32x4.mul(t, t);
  let s = splat(-1.9515295891e-4);
  s = f32x4.add(f32x4.mul(s, t2), splat(8.3321608736e-3));
  s = f32x4.add(f32x4.mul(s, t2), splat(-1.6666654611e-1));
  s = f32x4.add(f32x4.mul(f32x4.mul(s, t2), t), t);
  let c = splat(2.443315711809948e-5);
  c = f32x4.add(f32x4.mul(c, t2), splat(-1.388731625493765e-3));
  c = f32x4.add(f32x4.mul(c, t2), splat(4.166664568298827e-2));
  c = f32x4.add(f32x4.sub(f32x4.mul(f32x4.mul(c, t2), t2), f32x4.mul(t2, splat(0.5))), splat(1.0));
  // Quadrants 1 and 3 swap sine and cosine; the signs follow from bit 1 of quadrant and of quadrant + 1.
  const swap = i32x4.ne(v128.and(quadrant, i32x4.splat(1)), i32x4.splat(0));
  const cosine = v128.bitselect(s, c, swap);
  const sine = v128.bitselect(c, s, swap);
  const sineSign = i32x4.shl(v128.and(quadrant, i32x4.splat(2)), 30);
  const cosineSign = i32x4.shl(v128.and(i32x4.add(quadrant, i32x4.splat(1)), i32x4.splat(2)), 30);
  v128.store(p, f32x4.mul(r, v128.xor(cosine, cosineSign)));
  v128.store(p, f32x4.mul(r, v128.xor(sine, sineSign)), 16);
}

/**
 * ln x for x in (0, 1], error below 2 ulp: x = m 2^e with m in [sqrt(1/2), sqrt(2)), minimax polynomial of degree 8 in
 * m - 1 (the classic single-precision coefficients of Cephes `logf`, S. Moshier), e ln 2 in two parts.
 */
// @ts-ignore: decorator
@inline
function naturalLog(x: v128): v128 {
  let e = i32x4.sub(i32x4.shr_u(x, 23), i32x4.splat(126));
  let m = v128.or(v128.and(x, i32x4.splat(0x007fffff)), i32x4.splat(0x3f000000));
  const small = f32x4.lt(m, splat(0.70710678));
  e = i32x4.add(e, small); // a true lane is -1
  m = f32x4.sub(f32x4.add(m, v128.and(m, small)), splat(1.0));
  const z = f32x4.mul(m, m);
  let y = splat(7.0376836292e-2);
  y = f32x4.add(f32x4.mul(y, m), splat(-1.1514610310e-1));
  y = f32x4.add(f32x4.mul(y, m), splat(1.1676998740e-1));
  y = f32x4.add(f32x4.mul(y, m), splat(-1.2420140846e-1));
  y = f32x4.add(f32x4.mul(y, m), splat(1.4249322787e-1));
  y = f32x4.add(f32x4.mul(y, m), splat(-1.6668057665e-1));
  y = f32x4.add(f32x4.mul(y, m), splat(2.0000714765e-1));
  y = f32x4.add(f32x4.mul(y, m), splat(-2.4999993993e-1));
  y = f32x4.add(f32x4.mul(y, m), splat(3.3333331174e-1));
  y = f32x4.mul(f32x4.mul(y, m), z);
  const exponent = f32x4.convert_i32x4_s(e);
  y = f32x4.add(y, f32x4.mul(exponent, splat(-2.12194440e-4)));
  y = f32x4.sub(y, f32x4.mul(z, splat(0.5)));
  return f32x4.add(f32x4.add(m, y), f32x4.mul(exponent, splat(0.693359375)));
}

// @ts-ignore: decorator
@inline
function splat(x: f32): v128 {
  return f32x4.splat(x);
}
