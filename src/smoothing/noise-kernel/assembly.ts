// The noise kernel: standard normals as a pure function of (seed, stage, image, sample, index), in WebAssembly SIMD.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) followed by
// Box-Muller in float32. `../philox.ts` is the same function in plain TypeScript and says how the counter, the key and
// the four output words are laid out; a test holds the two together bit for bit. WebAssembly's SIMD has no fused
// multiply-add and fixes every rounding, so the noise is the same on every machine.
//
// Why it is fast: both halves of a 32x32-bit product come from one widening multiply (`extmul`) and a shuffle, and two
// vectors of four blocks are in flight at once, which hides the latency of the ten rounds. One step therefore makes
// 8 blocks = 32 normals; what does not fill a step goes through a scratch area.
//
// AssemblyScript, compiled by tools/build.mjs with --importMemory: the host owns the memory. All addresses are byte
// offsets; `heapBase` is the first one the host may use. Nothing here allocates.

/** Normals per step. */
const STEP = 32;
const STEP_BYTES: usize = 128;
/** Philox blocks per step; a block gives four words, hence four normals. */
const STEP_BLOCKS = 8;

const scratch = memory.data(128, 16);

// Philox constants (SC 2011, table 2 and section 3.3): multipliers and the Weyl increments of the key.
const M0: u32 = 0xd2511f53;
const M1: u32 = 0xcd9e8d57;
const W0: u32 = 0x9e3779b9;
const W1: u32 = 0xbb67ae85;

/** First byte of memory this module does not use. */
export function heapBase(): usize {
  return __heap_base;
}

/** out[0..n) = noise(stage, image, sample, 0..n) under the key (k0, k1). `out` holds n float32. */
export function fill(out: usize, n: i32, stage: u32, image: u32, sample: u32, k0: u32, k1: u32): void {
  const whole = n & ~(STEP - 1);
  let block: u32 = 0;
  const end = out + ((<usize>whole) << 2);
  for (let p = out; p < end; p += STEP_BYTES) {
    step(p, 0, splat(0), false, block, stage, image, sample, k0, k1);
    block += STEP_BLOCKS;
  }
  if (whole == n) return;
  lastStep(block, stage, image, sample, k0, k1);
  memory.copy(end, scratch, (<usize>(n - whole)) << 2);
}

/**
 * out[0..n) = latent[0..n) + sigma * noise(stage, image, sample, 0..n), product and sum each rounded to float32.
 * `out` and `latent` hold n float32 each and do not overlap.
 */
export function perturb(
  out: usize, latent: usize, n: i32, sigma: f32,
  stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  const whole = n & ~(STEP - 1);
  let block: u32 = 0;
  const end = out + ((<usize>whole) << 2);
  const sigmas = splat(sigma);
  for (let p = out; p < end; p += STEP_BYTES) {
    step(p, latent - out, sigmas, true, block, stage, image, sample, k0, k1);
    block += STEP_BLOCKS;
  }
  if (whole == n) return;
  lastStep(block, stage, image, sample, k0, k1);
  const rest = latent + ((<usize>whole) << 2);
  for (let i: usize = 0; i < (<usize>(n - whole)) << 2; i += 4) {
    store<f32>(end + i, load<f32>(rest + i) + sigma * load<f32>(scratch + i));
  }
}

/** The Philox bijection itself, for the known-answer test: four words at `out` from counter (c0..c3), key (k0, k1). */
export function philoxBlock(out: usize, c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32): void {
  for (let round = 0; round < 10; round++) {
    const p0 = <u64>c0 * M0;
    const p1 = <u64>c2 * M1;
    c0 = <u32>(p1 >> 32) ^ c1 ^ k0;
    c2 = <u32>(p0 >> 32) ^ c3 ^ k1;
    c1 = <u32>p1;
    c3 = <u32>p0;
    k0 += W0;
    k1 += W1;
  }
  store<u32>(out, c0, 0);
  store<u32>(out, c1, 4);
  store<u32>(out, c2, 8);
  store<u32>(out, c3, 12);
}

/** One step into the scratch area, out of line: it runs once per call. */
function lastStep(block: u32, stage: u32, image: u32, sample: u32, k0: u32, k1: u32): void {
  step(scratch, 0, splat(0), false, block, stage, image, sample, k0, k1);
}

/**
 * The 32 normals of blocks block..block+7 to p; with `fused` (a compile-time constant, so no branch is left) times
 * sigma plus the latent, which lies `shift` bytes from p.
 */
// @ts-ignore: decorator
@inline
function step(
  p: usize, shift: usize, sigma: v128, fused: bool,
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
  boxMuller(p, shift, sigma, fused, a0, a1);
  boxMuller(p + 32, shift, sigma, fused, a2, a3);
  boxMuller(p + 64, shift, sigma, fused, b0, b1);
  boxMuller(p + 96, shift, sigma, fused, b2, b3);
}

/** Four cosine normals to p, four sine normals to p + 16, from four radius words and four angle words. */
// @ts-ignore: decorator
@inline
function boxMuller(p: usize, shift: usize, sigma: v128, fused: bool, radius: v128, angle: v128): void {
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
  emit(p, shift, sigma, fused, f32x4.mul(r, v128.xor(cosine, cosineSign)));
  emit(p + 16, shift, sigma, fused, f32x4.mul(r, v128.xor(sine, sineSign)));
}

// @ts-ignore: decorator
@inline
function emit(p: usize, shift: usize, sigma: v128, fused: bool, normal: v128): void {
  if (fused) v128.store(p, f32x4.add(v128.load(p + shift), f32x4.mul(sigma, normal)));
  else v128.store(p, normal);
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
