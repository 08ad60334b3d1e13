// A matrix written out, in compressed rows, times eight vectors at once. In float64, in WebAssembly SIMD, which has no fused
// multiply-add: every entry of a result is summed in the order of its row's entries, so each vector's result is, to the bit, what it
// would be alone, and the same on every machine.
//
// AssemblyScript, compiled by tools/build.mjs with --importMemory: the host owns the memory. All addresses are byte offsets;
// `heapBase` is the first one the host may use. Nothing here allocates.

/** First byte of memory this module does not use. */
export function heapBase(): usize {
  return __heap_base;
}

/**
 * y = A x. Row i of A has the entries from `starts[i]` to `starts[i + 1]`: `values`, float64, and `places`, the byte offset of their
 * row in x. Rows of x and y are eight float64, one for each vector; all addresses are 16-byte aligned.
 */
export function apply(starts: usize, places: usize, values: usize, rows: i32, x: usize, y: usize): void {
  let k = load<u32>(starts);
  for (let i = 0; i < rows; i++) {
    starts += 4;
    const end = load<u32>(starts);
    let a = f64x2.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (; k < end; k++) {
      const from = x + load<u32>(places + ((<usize>k) << 2));
      const value = v128.load64_splat(values + ((<usize>k) << 3));
      a = f64x2.add(a, f64x2.mul(value, v128.load(from)));
      b = f64x2.add(b, f64x2.mul(value, v128.load(from, 16)));
      c = f64x2.add(c, f64x2.mul(value, v128.load(from, 32)));
      d = f64x2.add(d, f64x2.mul(value, v128.load(from, 48)));
    }
    v128.store(y, a);
    v128.store(y, b, 16);
    v128.store(y, c, 32);
    v128.store(y, d, 48);
    y += 64;
  }
}
