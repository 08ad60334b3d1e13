// What a convolution does to the patches of an image, and back: W patch and W^T z, W the kernel as a matrix with a row per output
// channel. In float64, in WebAssembly SIMD, which has no fused multiply-add: the roundings are those of a sum in some order,
// which is all that the error bounds assume, and the same on every machine.
//
// AssemblyScript, compiled by tools/build.mjs with --importMemory: the host owns the memory. All addresses are byte offsets;
// `heapBase` is the first one the host may use. Nothing here allocates.

/** First byte of memory this module does not use. */
export function heapBase(): usize {
  return __heap_base;
}

/**
 * The patches of `positions` output positions, one after the other. A patch has `taps` values of each of `channels` planes of
 * `plane` float64, in `image` or `back`; `cells` has, for every position, the cell of each tap in a plane, -1 in the padding.
 *
 * `weights` are the rows of W of the `outs` output channels that see these planes, each `n` float64, n a multiple of 4 and at least
 * taps * channels, the rest 0; `zeros` is the byte offset from there of a row of zeros. `values` has `outs` float64 per position.
 * `live`, `scales` and `z` have room for `outs` entries, a multiple of 4; `patch` for n float64. All are 16-byte aligned.
 */

/** values = W patch. */
export function respond(
  weights: usize, zeros: u32, outs: i32, n: i32, cells: usize, taps: i32, image: usize, channels: i32, plane: usize,
  values: usize, positions: i32, patch: usize, live: usize, scales: usize, z: usize,
): void {
  let count = 0;
  for (; count < outs; count++) enter(live, scales, count, count * n * 8, 1);
  count = filledUp(live, scales, count, zeros);
  for (let p = 0; p < positions; p++) {
    gather(cells, taps, image, channels, plane, patch, n);
    responses(weights, live, scales, count, patch, n, z);
    memory.copy(values, z, outs << 3);
    cells += taps << 2;
    values += outs << 3;
  }
}

/** Adds W^T values, patch by patch, to `back`. Channels whose value is 0 cost nothing. */
export function spreadBack(
  weights: usize, zeros: u32, outs: i32, n: i32, cells: usize, taps: i32, back: usize, channels: i32, plane: usize,
  values: usize, positions: i32, patch: usize, live: usize, z: usize,
): void {
  for (let p = 0; p < positions; p++) {
    const count = nonzero(values, outs, n, live, z, zeros);
    if (count > 0) {
      spread(weights, live, count, patch, n, z);
      scatter(cells, taps, back, channels, plane, patch);
    }
    cells += taps << 2;
    values += outs << 3;
  }
}

/** Adds W^T diag(values) W patch to `back`. Channels whose value is 0 cost nothing. */
export function gram(
  weights: usize, zeros: u32, outs: i32, n: i32, cells: usize, taps: i32, image: usize, back: usize, channels: i32, plane: usize,
  values: usize, positions: i32, patch: usize, live: usize, scales: usize, z: usize,
): void {
  for (let p = 0; p < positions; p++) {
    const count = nonzero(values, outs, n, live, scales, zeros);
    if (count > 0) {
      gather(cells, taps, image, channels, plane, patch, n);
      responses(weights, live, scales, count, patch, n, z);
      spread(weights, live, count, patch, n, z);
      scatter(cells, taps, back, channels, plane, patch);
    }
    cells += taps << 2;
    values += outs << 3;
  }
}

/** The channels whose value is not 0, and their values, filled up to a multiple of 4. Returns how many. */
function nonzero(values: usize, outs: i32, n: i32, live: usize, scales: usize, zeros: u32): i32 {
  let count = 0;
  for (let o = 0; o < outs; o++) {
    const value = load<f64>(values + (o << 3));
    if (value != 0) enter(live, scales, count++, o * n * 8, value);
  }
  return filledUp(live, scales, count, zeros);
}

function filledUp(live: usize, scales: usize, count: i32, zeros: u32): i32 {
  for (; (count & 3) != 0; count++) enter(live, scales, count, zeros, 0);
  return count;
}

// @ts-ignore: decorator
@inline
function enter(live: usize, scales: usize, at: i32, row: u32, scale: f64): void {
  store<u32>(live + (at << 2), row);
  store<f64>(scales + (at << 3), scale);
}

/** The patch under one position: `taps` values of each plane, 0 in the padding and behind the last. */
function gather(cells: usize, taps: i32, image: usize, channels: i32, plane: usize, patch: usize, n: i32): void {
  const rest = patch + ((<usize>n) << 3);
  for (let c = 0; c < channels; c++) {
    for (let t = 0; t < taps; t++) {
      const cell = load<i32>(cells + (t << 2));
      store<f64>(patch, cell < 0 ? 0 : load<f64>(image + ((<usize>cell) << 3)));
      patch += 8;
    }
    image += plane << 3;
  }
  for (; patch < rest; patch += 8) store<f64>(patch, 0);
}

/** The adjoint of `gather`: adds the patch to the cells it came from. */
function scatter(cells: usize, taps: i32, back: usize, channels: i32, plane: usize, patch: usize): void {
  for (let c = 0; c < channels; c++) {
    for (let t = 0; t < taps; t++) {
      const cell = load<i32>(cells + (t << 2));
      if (cell >= 0) {
        const at = back + ((<usize>cell) << 3);
        store<f64>(at, load<f64>(at) + load<f64>(patch));
      }
      patch += 8;
    }
    back += plane << 3;
  }
}

/**
 * z[j] = scales[j] (W_j . patch) for the rows j named by `live`.
 *
 * `weights` holds the rows of W, each `n` float64, n a multiple of 4; `live` the byte offsets of `count` of them, count a multiple of
 * 4; `scales` and `z` a float64 for each of these; `patch` n float64. All are 16-byte aligned.
 */
function responses(
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
function spread(
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
    for (let p = patch; p < end; p += 32) {
      const ab = f64x2.add(f64x2.mul(v128.load(a), za), f64x2.mul(v128.load(b), zb));
      const cd = f64x2.add(f64x2.mul(v128.load(c), zc), f64x2.mul(v128.load(d), zd));
      v128.store(p, f64x2.add(v128.load(p), f64x2.add(ab, cd)));
      const nextAb = f64x2.add(f64x2.mul(v128.load(a, 16), za), f64x2.mul(v128.load(b, 16), zb));
      const nextCd = f64x2.add(f64x2.mul(v128.load(c, 16), zc), f64x2.mul(v128.load(d, 16), zd));
      v128.store(p, f64x2.add(v128.load(p, 16), f64x2.add(nextAb, nextCd)), 16);
      a += 32;
      b += 32;
      c += 32;
      d += 32;
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
