/**
 * The radius of a Lipschitz score under noise, in closed form (docs/certificates.md, section 10).
 *
 * Let h be a score in [0,1], L-Lipschitz in l2, h~(u) = E h(u + σG). Among all such h with h~(u) = p none falls faster along a
 * direction than the ramp that rises from 0 to 1 over a length of 1 / L (Neyman-Pearson for Lipschitz functions: two profiles cross once).
 * The smoothed ramp whose middle is at distance r has the value
 *
 *   W(r) = L times the integral of Φ(t / σ) over [r - 1/2L, r + 1/2L],
 *
 * the mean of Φ over a window around r: W(0) = 1/2, and W rises. So h~(u + d) >= W(W⁻¹(p) - ||d||), which exceeds 1/2 for
 * ||d|| < W⁻¹(p): with scores of sum 1 no other class overtakes. For scores p_A and p_B of two classes the radius is
 * (W⁻¹(p_A) + W⁻¹(1 - p_B)) / 2. Without a Lipschitz constant (L infinite) W = Φ(r / σ), and these are the radii of plain smoothing.
 *
 * In the notation of certificates with V(s) = 1 - L ∫_s^{s+1/L} Φ(t / σ) dt: V(s) = W(-s - 1/2L).
 *
 * Everything below is for σ = 1: w(p; λ), λ = L σ; radii scale with σ. With J(t) = φ(t) - t (1 - Φ(t)), the integral of 1 - Φ over
 * [t, ∞), 1 - W(r) = λ (J(r - a) - J(r + a)), a = 1/2λ. In narrow windows, where the two J cancel, Gauss's rule of seven points takes the
 * mean: its error is w^14 (7!)^4 / (15 (14!)^3) times a 14th derivative, at most 2e-24 for a width w = 2a <= 1/4.
 */
import { lowerEdge } from '../../smoothing/votes/lower-edge.ts';
import { normalCdf, normalQuantileLower } from '../../smoothing/votes/normal-quantile.ts';

/** Relative error of Φ and φ, a multiple of what normal-quantile.ts states. */
const MARGIN = 2e-13;
/** From here on windows are narrow. */
const NARROW = 4;
/** Positive nodes of Gauss's rule on [-1, 1] with half their weights; and the weight of the middle. */
const NODES = [
  [0.4058451513773972, 0.19091502525255935],
  [0.7415311855993945, 0.13985269574463843],
  [0.9491079123427586, 0.06474248308443487],
] as const;
const MIDDLE = 0.20897959183673465;
/** Beyond, plain smoothing is less than 1e-6 of the radius away. */
const LARGEST = 1000;
/** A smaller constant may be raised to it. */
const SMALLEST = 1e-6;

const density = (t: number): number => Math.exp(-0.5 * t * t) / Math.sqrt(2 * Math.PI);

interface Term {
  readonly value: number;
  readonly error: number;
}

/** J(t), and what it may be off by. */
function tailIntegral(t: number): Term {
  const s = Math.abs(t);
  const [first, second] = [density(s), s * normalCdf(-s)];
  // J(-s) = s + J(s).
  return {
    value: first - second + (t < 0 ? s : 0),
    error: MARGIN * (first + second) + 2 ** -50 * s,
  };
}

/** The mean of a function over [r - a, r + a]. */
const meanNear = (f: (t: number) => number, r: number, a: number): number =>
  NODES.reduce((sum, [x, weight]) => sum + weight * (f(r - a * x) + f(r + a * x)), MIDDLE * f(r));

/** 1 - W(r) for σ = 1. */
function beyond(r: number, lambda: number): Term {
  const a = 1 / (2 * lambda);
  if (lambda >= NARROW) {
    const value = meanNear((t) => normalCdf(-t), r, a);
    return { value, error: MARGIN * value + 1e-22 };
  }
  const [near, far] = [tailIntegral(r - a), tailIntegral(r + a)];
  const value = lambda * (near.value - far.value);
  // The ends of the window are rounded by 2^-53 of their size, and 1 - Φ is at most 1.
  const ends = 2 ** -51 * (Math.abs(r) + a);
  return { value, error: lambda * (near.error + far.error + ends) + 2 ** -50 * Math.abs(value) };
}

/** λ as it is used; null where the constant does not help. */
function usable(lambda: number | null): number | null {
  if (lambda === null || !(lambda <= LARGEST)) return null;
  return Math.max(lambda, SMALLEST);
}

function check(p: number): void {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`${p} is not a probability`);
}

/** The largest r >= 0 found with W(r) certainly at most 1 - rest; never below plain smoothing's. `rest` in [0, 1/2]. */
function fromBelow(rest: number, lambda: number | null): number {
  const plain = normalQuantileLower(1 - rest);
  const used = usable(lambda);
  if (used === null || !Number.isFinite(plain)) return plain;
  const holds = (r: number): boolean => {
    const { value, error } = beyond(r, used);
    return value - error >= rest;
  };
  return Math.max(plain, lowerEdge(0, plain + 1 / used + 40, plain, holds));
}

/** The smallest r >= 0 found with W(r) certainly at least 1 - rest. */
function fromAbove(rest: number, lambda: number | null): number {
  const used = usable(lambda);
  const plain = -normalQuantileLower(rest);
  if (used === null || !Number.isFinite(plain)) return plain;
  const certainly = (r: number): boolean => {
    const { value, error } = beyond(r, used);
    return value + error <= rest;
  };
  // At the end of it the whole window lies where Φ is at least 1 - rest.
  const end = plain + 1 / (2 * used);
  let r = lowerEdge(0, end, plain, (x) => !certainly(x));
  for (let step = r * 2 ** -46 + Number.MIN_VALUE; r < end && !certainly(r); step *= 2) r += step;
  return Math.min(r, end);
}

/**
 * W⁻¹(p) for σ = 1 from below; for p < 1/2 it is negative.
 * @param lambda upper bound on L σ; null or huge for none
 * @throws RangeError unless 0 <= p <= 1
 */
export function inverseLower(p: number, lambda: number | null): number {
  check(p);
  return p >= 0.5 ? fromBelow(1 - p, lambda) : -fromAbove(p, lambda);
}

/** What the scores of the class, and of all others, are known to be. */
export interface ScoreBounds {
  /** Lower bound on the smoothed score of the class. */
  readonly pA: number;
  /** Upper bound on that of every other class; null where 1 - pA stands for it. */
  readonly pB: number | null;
}

const DOWN = 1 - 2 ** -48;

/** The radius at which the class certainly keeps the largest score: rounded down, in units of σ; 0 or less where there is none. */
export function scoreRadius({ pA, pB }: ScoreBounds, lambda: number | null): number {
  const own = inverseLower(pA, lambda);
  if (pB === null) return own * DOWN;
  // The complement is rounded by 2^-54 at most.
  const others = inverseLower(Math.max(0, 1 - pB - 2 ** -53), lambda);
  return ((own + others) / 2) * DOWN;
}

/**
 * The radius as published (Delattre et al. 2025): Φ⁻¹(p) over the Lipschitz constant of Φ⁻¹ ∘ h~ at the centre instead of over the ball.
 * For comparison alone: it is no larger than the closed form, and is not reported as a certificate. In units of σ.
 */
export function publishedRadius({ pA, pB }: ScoreBounds, lambda: number | null): number {
  return pB === null
    ? publishedTerm(pA, lambda)
    : (publishedTerm(pA, lambda) + publishedTerm(1 - pB, lambda)) / 2;
}

function publishedTerm(p: number, lambda: number | null): number {
  const quantile = normalQuantileLower(p);
  const used = usable(lambda);
  if (used === null || !Number.isFinite(quantile)) return quantile;
  const r = inverseLower(p, used);
  const a = 1 / (2 * used);
  const slope =
    used >= NARROW ? meanNear(density, r, a) : used * Math.abs(normalCdf(a - r) - normalCdf(-a - r));
  return (quantile * density(quantile)) / slope;
}

/** The radius without the constant: plain smoothing on the same scores, in units of σ. */
export const plainRadius = (bounds: ScoreBounds): number => scoreRadius(bounds, null);
