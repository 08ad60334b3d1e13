// The noise kernel: noise as a pure function of (seed, stage, image, sample, index), in WebAssembly SIMD.
//
// `fill` gives single-precision normals (normal32.ts; training and searches), `perturb` and `perturbUniformly` the noise of
// certificates (rounded.ts, uniform.ts). `../philox.ts`, `../rounded-noise.ts` and `../uniform-noise.ts` are the same functions in plain TypeScript and say how the counter,
// the key and the output words are laid out; tests hold them together bit for bit. WebAssembly's SIMD has no fused
// multiply-add and fixes every rounding, so the noise is the same on every machine.
//
// AssemblyScript, compiled by tools/build.mjs with --importMemory: the host owns the memory. All addresses are byte
// offsets; `heapBase` is the first one the host may use. Nothing here allocates.
import { GAUSSIAN, GAUSSIAN_ALONE, M0, M1, NORMALS, STEP_BLOCKS, step, UNIFORM, UNIFORM_ALONE, W0, W1 } from './philox-step';
import { placeFour } from './rounded';

/** What does not fill a step goes through here: a step is 32 normals, or 16 values of rounded noise. */
const scratch = memory.data(128, 16);

/** First byte of memory this module does not use. */
export function heapBase(): usize {
  return __heap_base;
}

/** out[0..n) = normals of (stage, image, sample), index 0..n, under the key (k0, k1). `out` holds n float32. */
export function fill(out: usize, n: i32, stage: u32, image: u32, sample: u32, k0: u32, k1: u32): void {
  const none = f32x4.splat(0);
  const whole = n & ~31;
  let block: u32 = 0;
  const end = out + ((<usize>whole) << 2);
  for (let p = out; p < end; p += 128) {
    step(p, 0, none, none, NORMALS, block, stage, image, sample, k0, k1);
    block += STEP_BLOCKS;
  }
  if (whole == n) return;
  lastNormals(block, stage, image, sample, k0, k1);
  memory.copy(end, scratch, (<usize>(n - whole)) << 2);
}

/** Out of line: it runs once per call. */
function lastNormals(block: u32, stage: u32, image: u32, sample: u32, k0: u32, k1: u32): void {
  const none = f32x4.splat(0);
  step(scratch, 0, none, none, NORMALS, block, stage, image, sample, k0, k1);
}

/**
 * out[i] = q * nearest(latent[i] + ratio * normal i of (stage, image, sample)), for i in [0, n).
 * `out` holds n float32; `latent` holds n float64 in units of q, 16-byte aligned, and is read up to the next multiple of 16
 * of them; ratio is sigma / q.
 */
export function perturb(
  out: usize, latent: usize, n: i32, ratio: f64, q: f32,
  stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  const ratios = f64x2.splat(ratio);
  const grid = f32x4.splat(q);
  const whole = n & ~15;
  let block: u32 = 0;
  const end = out + ((<usize>whole) << 2);
  for (let p = out; p < end; p += 64) {
    step(p, latent, ratios, grid, GAUSSIAN, block, stage, image, sample, k0, k1);
    latent += 128;
    block += STEP_BLOCKS;
  }
  if (whole == n) return;
  lastRounded(latent, ratios, grid, block, stage, image, sample, k0, k1);
  memory.copy(end, scratch, (<usize>(n - whole)) << 2);
}

/** Out of line: it runs once per call. */
function lastRounded(
  latent: usize, ratio: v128, q: v128,
  block: u32, stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  step(scratch, latent, ratio, q, GAUSSIAN, block, stage, image, sample, k0, k1);
}

/** out[i] = q * nearest(latent[i] + ratio * uniform i of (stage, image, sample)), as `perturb`; ratio is lambda / q. */
export function perturbUniformly(
  out: usize, latent: usize, n: i32, ratio: f64, q: f32,
  stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  const ratios = f64x2.splat(ratio);
  const grid = f32x4.splat(q);
  const whole = n & ~15;
  let block: u32 = 0;
  const end = out + ((<usize>whole) << 2);
  for (let p = out; p < end; p += 64) {
    step(p, latent, ratios, grid, UNIFORM, block, stage, image, sample, k0, k1);
    latent += 128;
    block += STEP_BLOCKS;
  }
  if (whole == n) return;
  lastUniform(latent, ratios, grid, block, stage, image, sample, k0, k1);
  memory.copy(end, scratch, (<usize>(n - whole)) << 2);
}

/** Out of line: it runs once per call. */
function lastUniform(
  latent: usize, ratio: v128, q: v128,
  block: u32, stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  step(scratch, latent, ratio, q, UNIFORM, block, stage, image, sample, k0, k1);
}

/**
 * out[i] = ratio * normal i of (stage, image, sample), for i in [0, n) and on to the next multiple of 16: what `perturb` adds.
 * `out` holds float64, 16-byte aligned.
 */
export function draw(
  out: usize, n: i32, ratio: f64,
  stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  drawAlone(GAUSSIAN_ALONE, out, n, ratio, stage, image, sample, k0, k1);
}

/** The same of uniform noise: what `perturbUniformly` adds. */
export function drawUniformly(
  out: usize, n: i32, ratio: f64,
  stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  drawAlone(UNIFORM_ALONE, out, n, ratio, stage, image, sample, k0, k1);
}

/** `kind` is a compile-time constant. */
// @ts-ignore: decorator
@inline
function drawAlone(
  kind: i32, out: usize, n: i32, ratio: f64,
  stage: u32, image: u32, sample: u32, k0: u32, k1: u32,
): void {
  const ratios = f64x2.splat(ratio);
  const none = f32x4.splat(0);
  let block: u32 = 0;
  const end = out + ((<usize>n) << 3);
  for (let p = out; p < end; p += 128) {
    step(0, p, ratios, none, kind, block, stage, image, sample, k0, k1);
    block += STEP_BLOCKS;
  }
}

/**
 * out[i] = q * nearest(latent[i] + noise[i]), for i in [0, n): the second half of `perturb`, bit for bit. `out` holds n float32;
 * `latent` and `noise` hold float64 in units of q, 16-byte aligned, and are read up to the next multiple of 4.
 */
export function place(out: usize, latent: usize, noise: usize, n: i32, q: f32): void {
  const grid = f32x4.splat(q);
  const whole = n & ~3;
  const end = out + ((<usize>whole) << 2);
  for (let p = out; p < end; p += 16) {
    placeFour(p, latent, grid, v128.load(noise), v128.load(noise, 16));
    latent += 32;
    noise += 32;
  }
  if (whole == n) return;
  placeFour(scratch, latent, grid, v128.load(noise), v128.load(noise, 16));
  memory.copy(end, scratch, (<usize>(n - whole)) << 2);
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
