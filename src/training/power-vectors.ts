/** Starts of power iterations: positive numbers without a simple pattern, so that no singular vector is orthogonal. */
export function startVectors(dims: readonly number[]): Float32Array {
  const size = dims.reduce((product, d) => product * d, 1);
  return Float32Array.from({ length: size }, (_, i) => 0.5 + (Math.imul(i + 1, 0x9e3779b1) >>> 0) / 2 ** 32);
}
