// What a convolution does to one patch of an image, and back: W patch and W^T z, W the kernel as a matrix with a row per output channel. In float64, in WebAssembly SIMD, which has no fused multiply-add: the roundings are those of a sum in some order,
// which is all that the error bounds assume, and the same on every machine.
//
// AssemblyScript, compiled by tools/build.mjs with --importMemory: the host owns the memory. All addresses are byte offsets;
// `heapBase` is the first one the host may use. Nothing here allocates.

/** First byte of memory this module does not use. */
export function heapBase(): usize {
  return __heap_base;
}

/**
 * z[j] = scales[j] (W_j . patch) for the rows j named by `live`.
 *
 * `weights` holds the rows of W, each `n` float64, n a multiple of 4; `live` the byte offsets of `count` of them, count a multiple of
 * 4; `scales` and `z` a float64 for each of these; `patch` n float64. All are 16-byte aligned.
 */
export function respond(
  weights: usize, live: usize, scales: usize, count: i32,
  patch: usize, n: i32, z: usize,
): void {
  const end = patch + ((<usize>n) << 3);
  for (let j = 0; j < count; j += 4) {
    let a = weights + load<u32>(live);
    let b = weights + load<u32>(live, 4);
    let c = weights + load<u32>(live, 8);
    let d = weights + load<u32>(live, 12);
    let a0 = f64x2.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    for (let p = patch; p < end; p += 32) {
      const first = v128.load(p);
      const second = v128.load(p, 16);
      a0 = f64x2.add(a0, f64x2.mul(v128.load(a), first));
      a1 = f64x2.add(a1, f64x2.mul(v128.load(a, 16), second));
      b0 = f64x2.add(b0, f64x2.mul(v128.load(b), first));
      b1 = f64x2.add(b1, f64x2.mul(v128.load(b, 16), second));
      c0 = f64x2.add(c0, f64x2.mul(v128.load(c), first));
      c1 = f64x2.add(c1, f64x2.mul(v128.load(c, 16), second));
      d0 = f64x2.add(d0, f64x2.mul(v128.load(d), first));
      d1 = f64x2.add(d1, f64x2.mul(v128.load(d, 16), second));
      a += 32;
      b += 32;
      c += 32;
      d += 32;
    }
    store<f64>(z, load<f64>(scales) * sumOf(f64x2.add(a0, a1)));
    store<f64>(z, load<f64>(scales, 8) * sumOf(f64x2.add(b0, b1)), 8);
    store<f64>(z, load<f64>(scales, 16) * sumOf(f64x2.add(c0, c1)), 16);
    store<f64>(z, load<f64>(scales, 24) * sumOf(f64x2.add(d0, d1)), 24);
    live += 16;
    scales += 32;
    z += 32;
  }
}

/** patch = sum over the live rows j of z[j] W_j. */
export function spread(
  weights: usize, live: usize, count: i32,
  patch: usize, n: i32, z: usize,
): void {
  const end = patch + ((<usize>n) << 3);
  const none = f64x2.splat(0);
  for (let p = patch; p < end; p += 16) v128.store(p, none);
  for (let j = 0; j < count; j += 4) {
    let a = weights + load<u32>(live);
    let b = weights + load<u32>(live, 4);
    let c = weights + load<u32>(live, 8);
    let d = weights + load<u32>(live, 12);
    const za = v128.load64_splat(z);
    const zb = v128.load64_splat(z, 8);
    const zc = v128.load64_splat(z, 16);
    const zd = v128.load64_splat(z, 24);
    for (let p = patch; p < end; p += 16) {
      const ab = f64x2.add(f64x2.mul(v128.load(a), za), f64x2.mul(v128.load(b), zb));
      const cd = f64x2.add(f64x2.mul(v128.load(c), zc), f64x2.mul(v128.load(d), zd));
      v128.store(p, f64x2.add(v128.load(p), f64x2.add(ab, cd)));
      a += 16;
      b += 16;
      c += 16;
      d += 16;
    }
    live += 16;
    z += 32;
  }
}

// @ts-ignore: decorator
@inline
function sumOf(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}
