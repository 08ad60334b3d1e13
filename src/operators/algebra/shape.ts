/** Index arithmetic on row-major shapes: strides, broadcasting (numpy rules), coordinate walks. */

/** Row-major strides in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!;
  return strides;
}

/** The shape two shapes broadcast to, or null when they do not. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] | null {
  const rank = Math.max(a.length, b.length);
  const dims: number[] = [];
  for (let i = 0; i < rank; i++) {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return null;
    dims.push(left === 1 ? right : left);
  }
  return dims;
}

/** For every element of `to`, the flat index of the element of `from` that it repeats. */
export function broadcastIndex(from: readonly number[], to: readonly number[]): Int32Array {
  const strides = stridesOf(from);
  const offset = to.length - from.length;
  return mapIndex(to, (axis) => (axis < offset || from[axis - offset] === 1 ? 0 : strides[axis - offset]!));
}

/** Flat source index of every element of `dims` when axis `a` advances the source by `strideOf(a)` from `start`. */
export function mapIndex(dims: readonly number[], strideOf: (axis: number) => number, start = 0): Int32Array {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const strides = dims.map((_, axis) => strideOf(axis));
  const index = new Int32Array(size);
  const at = new Array<number>(dims.length).fill(0);
  let source = start;
  for (let i = 0; i < size; i++) {
    index[i] = source;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      at[axis] = at[axis]! + 1;
      source += strides[axis]!;
      if (at[axis]! < dims[axis]!) break;
      source -= strides[axis]! * dims[axis]!;
      at[axis] = 0;
    }
  }
  return index;
}
