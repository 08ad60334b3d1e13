/**
 * Lanczos *estimate* of the largest eigenvalue of a symmetric positive semidefinite operator. A Ritz value never exceeds
 * the true eigenvalue, so this is a LOWER bound up to rounding: it steers searches and picks shifts, and is never
 * reported as a norm. `banded-gram.ts` and `chebyshev-bound.ts` turn such an estimate into an upper bound.
 */

/** y = G x. */
export type SymmetricProduct = (x: Float64Array, y: Float64Array) => void;

/** A fixed start vector without symmetries (golden-ratio rotation): the same estimate for the same matrix, always. */
export function fixedStart(size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => 0.5 + ((i * 0.6180339887498949) % 1));
}

/** Largest eigenvalue of the symmetric tridiagonal matrix (alpha, beta), by bisection on Sturm counts. */
function largestTridiagonal(alpha: readonly number[], beta: readonly number[]): number {
  let high = 0;
  for (let i = 0; i < alpha.length; i++)
    high = Math.max(high, alpha[i]! + Math.abs(beta[i - 1] ?? 0) + Math.abs(beta[i] ?? 0));
  let low = 0;
  const below = (shift: number): boolean => {
    // All eigenvalues are < shift iff every pivot of (T - shift I) is negative.
    let pivot = alpha[0]! - shift;
    for (let i = 1; i < alpha.length && pivot < 0; i++)
      pivot = alpha[i]! - shift - (beta[i - 1]! * beta[i - 1]!) / pivot;
    return pivot < 0;
  };
  for (let i = 0; i < 60 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (below(middle)) high = middle;
    else low = middle;
  }
  return low;
}

/** Takes out of the vector what it has in common with each of the unit vectors, the newest first. Returns what is left of its length. */
function orthogonalise(vector: Float64Array, basis: readonly Float64Array[]): number {
  for (const unit of basis.toReversed()) {
    const overlap = dot(unit, vector);
    for (let i = 0; i < vector.length; i++) vector[i] = vector[i]! - overlap * unit[i]!;
  }
  return Math.sqrt(dot(vector, vector));
}

/** Where a search begins its estimates of one norm: with what the last of them came close to. */
export interface WarmStart {
  vector: Float64Array | null;
}

/** Where the estimates of one search begin, by what they are of. */
export type SearchStarts = WeakMap<object, WarmStart>;

/** The start that a search has for an estimate; none yet the first time. */
export function startOf(starts: SearchStarts, of: object): WarmStart {
  const start = starts.get(of) ?? { vector: null };
  starts.set(of, start);
  return start;
}

/** Products that an estimate takes from a warm start: its vector is close already. */
const WARM_STEPS = 3;

/**
 * @param steps number of products; full reorthogonalisation, so memory is steps * size
 * @param warm begins with its vector, in few steps, where it has one, and leaves the new one there
 * @returns an estimate of lambda_max(G) from below; 0 for G = 0
 */
export function lanczosEstimate(
  product: SymmetricProduct,
  size: number,
  steps: number,
  warm: WarmStart | null = null,
): number {
  const known = warm?.vector ?? null;
  const most = Math.min(known === null ? steps : WARM_STEPS, steps, size);
  const basis: Float64Array[] = [];
  const alpha: number[] = [];
  const beta: number[] = [];
  let vector: Float64Array = known ?? fixedStart(size);
  let norm = Math.sqrt(dot(vector, vector));
  for (let step = 0; step < most; step++) {
    const unit = vector.map((value) => value / norm);
    basis.push(unit);
    const next = new Float64Array(size);
    product(unit, next);
    alpha.push(dot(unit, next));
    // Of the exact vectors the two newest are all there is to take out. Against the others, rounding is; once more
    // where that took much.
    const before = orthogonalise(next, basis.slice(-2));
    norm = orthogonalise(next, basis);
    if (norm < before / 2) norm = orthogonalise(next, basis);
    if (!(norm > 1e-12 * Math.abs(alpha[0]!))) break;
    beta.push(norm);
    vector = next;
  }
  if (alpha.length === 0) return 0;
  const largest = largestTridiagonal(alpha, beta.slice(0, alpha.length - 1));
  if (warm !== null) warm.vector = ritzVector(basis, alpha, beta, largest);
  return largest;
}

/** The vector that the estimate belongs to, or null where rounding leaves none: a start for the next, so only roughly. */
function ritzVector(
  basis: readonly Float64Array[],
  alpha: readonly number[],
  beta: readonly number[],
  value: number,
): Float64Array | null {
  const vector = basis[0]!.slice();
  let [before, now] = [0, 1];
  for (let i = 1; i < basis.length; i++) {
    const next = ((value - alpha[i - 1]!) * now - (beta[i - 2] ?? 0) * before) / beta[i - 1]!;
    [before, now] = [now, next];
    const unit = basis[i]!;
    for (let k = 0; k < vector.length; k++) vector[k] = vector[k]! + now * unit[k]!;
  }
  const length = Math.sqrt(dot(vector, vector));
  return length > 0 && Number.isFinite(length) ? vector : null;
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
