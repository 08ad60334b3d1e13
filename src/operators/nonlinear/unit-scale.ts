/**
 * Groups of cells brought to unit scale: f(z) = gain v / sqrt(||v||² + floor²) with v = z, or z minus its mean. That is
 * gain u/||u|| for u = (v, floor), without its last entry; u moves by no more than z does (subtracting the mean is a
 * projection). For unit vectors of u, u' with a = ||u||, b = ||u'|| and ||u - u'|| <= d:
 *
 *   ||u/a - u'/b||² = (||u - u'||² - (a - b)²)/(ab)   gives   ||u/a - u'/b|| <= 2 ||u - u'||/(a + b)   (Dunkl & Williams),
 *
 * since with D = ||u/a - u'/b|| <= 2 it is equivalent to D² (a - b)² <= 4 (a - b)². And for d < a the left side is largest,
 * per unit of ||u - u'||, where u' touches the ball's tangent: 1/(a cos(t/2)) with sin t = d/a. For larger d, b >= floor.
 *
 * The linear part is the Jacobian gain (I - û û')/a at the computed centre, û = u/a, behind the projection. With u' - u = α û + h,
 * h across û, x = ||h||, and b = ||u'||, what remains is
 *
 *   h (1/b - 1/a) + û ((α + a)/b - 1),     b - a - α = x²/(b + a + α),
 *
 * since b² = (a + α)² + x². So its parts are at most x |b - a|/(a b), |b - a| <= |α| + x²/q, and x²/(b q), where q <= b + a + α:
 * b >= a - d and α >= -d. With y = (x/d)², x² α² <= d⁴ y (1 - y).
 */

import { gamma, inflate, normUp, TINY } from '../../ground/rounding-error.ts';
import { groupedMatrix, storable } from './linear-entries.ts';
import { type LocalBound, type LocalMap, UNBOUNDED, UP } from './local-map.ts';
import { boxed, type LinearParts, type Movement, type MovingInput } from './nonlinearity.ts';

export interface Normalisation {
  /** Cells of group g: `cells[g * length]` and on. */
  readonly cells: Int32Array;
  readonly length: number;
  /** Whether the mean of the group is subtracted first. */
  readonly centred: boolean;
  /** sqrt(length) for a standard deviation or root mean square, 1 for a norm. */
  readonly gain: number;
  /** sqrt(length * epsilon), or 0; correctly rounded or nearly so. */
  readonly floor: number;
}

/** One group of z, as computed. */
interface Group {
  readonly v: Float64Array;
  /** sqrt(||v||² + floor²). */
  readonly scale: number;
  /** Upper bound on the l2 error of v. */
  readonly error: number;
  /** Lower bound on the exact scale. */
  readonly least: number;
}

const least = (floor: number): number => floor / UP;

/** Covers the sum of squares, its root, the mean and the products. */
const relativeError = (length: number): number => gamma(length + 16);

/** @param moved how far the group may move from z with its error still valid */
function groupOf(
  { cells, length, centred, floor }: Normalisation,
  z: Float64Array,
  g: number,
  moved = 0,
): Group {
  const relative = relativeError(length);
  const v = Float64Array.from({ length }, (_, k) => z[cells[g * length + k]!]!);
  let error = 0;
  if (centred) {
    const magnitude = normUp(v) + moved;
    const mean = v.reduce((sum, x) => sum + x, 0) / length;
    for (let k = 0; k < length; k++) v[k] = v[k]! - mean;
    // Each entry of the mean is within gamma(length) ||z||_1 / length <= gamma(length) ||z||/sqrt(length).
    error = magnitude === 0 ? 0 : inflate(2 * gamma(length + 2) * magnitude + TINY, 4);
  }
  const size = normUp(v);
  // normUp exceeds the norm of the stored v by less than 3 `relative`.
  const scale = rootOfSquares(size, floor);
  return { v, scale, error, least: Math.max(least(floor), scale * (1 - 4 * relative) - error) };
}

export function normalized(normalisation: Normalisation): LocalMap {
  const { cells, length, centred, gain, floor } = normalisation;
  const groups = cells.length / length;
  const relative = relativeError(length);
  return {
    size: cells.length,
    lipschitz: floor > 0 ? (gain / floor) * UP : Number.POSITIVE_INFINITY,
    norms: 2,
    linear: jacobians(normalisation),
    value(z) {
      const out = new Float64Array(cells.length);
      for (let g = 0; g < groups; g++) {
        const { v, scale } = groupOf(normalisation, z, g);
        // ONNX Runtime returns a vector of norm 0 unchanged.
        for (let k = 0; k < length; k++)
          out[cells[g * length + k]!] = scale === 0 ? 0 : (gain * v[k]!) / scale;
      }
      return out;
    },
    rounding(z, value, moved, valueMoved) {
      const errors = Float64Array.from({ length: groups }, (_, g) => {
        const group = groupOf(normalisation, z, g, moved);
        if (group.error === 0) return 0;
        // Nearby the scale may be smaller by as much as the group moves.
        const nearest = Math.max(least(floor), group.least - moved);
        return nearest > 0 ? (gain * group.error) / nearest : Number.POSITIVE_INFINITY;
      });
      return inflate(normUp(errors) + 4 * relative * (normUp(value) + valueMoved) + TINY, 10);
    },
    on({ centre, error, T, rho }): LocalBound | null {
      const slopes = new Float64Array(cells.length);
      const box = new Float64Array(cells.length);
      const all = rho();
      for (let g = 0; g < groups; g++) {
        const group = groupOf(normalisation, centre, g);
        const a = Math.max(least(floor), (group.least - error) / UP);
        const moves = Float64Array.from({ length }, (_, k) => T[cells[g * length + k]!]!);
        const d = Math.min(normUp(moves), all);
        if (d === 0) continue;
        if (!(a > 0)) return null;
        const b = Math.max(least(floor), (a - d) / UP - a * 2 ** -48);
        const steepest = gain * Math.min(2 / (a + b), touching(a, d)) * UP + TINY;
        const shared = centred
          ? Math.min(
              moves.reduce((sum, t) => sum + t, 0),
              d * Math.sqrt(length),
            ) / length
          : 0;
        for (let k = 0; k < length; k++) {
          const cell = cells[g * length + k]!;
          slopes[cell] = steepest;
          const part = Math.min(1, (Math.abs(group.v[k]!) + group.error + error) / a);
          // gain (v'/b - v/a) = gain ((v' - v) - (v/a)(b - a))/b, and |b - a| <= d.
          const single = (gain * (Math.min(d, moves[k]! + shared * UP) + part * d)) / b;
          box[cell] = Math.min(steepest * d, b > 0 ? single : Number.POSITIVE_INFINITY) * UP + TINY;
        }
      }
      return { slopes: [slopes], box };
    },
  };
}

function jacobians(normalisation: Normalisation): LinearParts {
  const { cells, length, centred, gain } = normalisation;
  const size = cells.length;
  return {
    entries: size * length,
    pattern: () => groupedMatrix(size, cells, length, () => 1),
    norms: 2,
    at({ centre }) {
      const groups = Array.from({ length: size / length }, (_, g) => groupOf(normalisation, centre, g));
      if (!groups.every(({ scale }) => scale > 0 && Number.isFinite(scale))) return null;
      const mean = centred ? 1 / length : 0;
      return {
        matrix: groupedMatrix(size, cells, length, (g, i, k) => {
          const { v, scale } = groups[g]!;
          const along = (v[i]! / scale) * (v[k]! / scale);
          return storable((gain / scale) * ((i === k ? 1 : 0) - mean - along));
        }),
        remainder: (input) => remainderOf(normalisation, groups, input),
      };
    },
  };
}

function remainderOf(
  normalisation: Normalisation,
  groups: readonly Group[],
  { error, T, weighted }: MovingInput,
): Movement {
  const { cells, length, centred, gain, floor } = normalisation;
  const slopes = new Float64Array(cells.length);
  const box = new Float64Array(cells.length);
  const reach = groups.map((_, g) =>
    normUp(Float64Array.from({ length }, (_, k) => T[cells[g * length + k]!]!)),
  );
  if (reach.every((d) => d === 0)) return { rho: 0, box };
  const all = weighted(null);
  for (const [g, group] of groups.entries()) {
    const d = Math.min(reach[g]!, all);
    if (d === 0) continue;
    const a = Math.max(least(floor), (group.least - error) / UP);
    const rest = a > 0 ? secondOrder(a, d, floor) : null;
    if (rest === null) return UNBOUNDED;
    const off = offCentre(normalisation, group, error);
    if (!Number.isFinite(off)) return UNBOUNDED;
    const slope = (rest.whole / d + off) * gain * UP + TINY;
    const shared = centred ? d / Math.sqrt(length) : 0;
    for (let k = 0; k < length; k++) {
      const cell = cells[g * length + k]!;
      slopes[cell] = slope;
      const part = Math.min(1, (Math.abs(group.v[k]!) + group.error + error) / a);
      const across = Math.min(d, T[cell]! + shared) + part * d;
      const single = (across * rest.perAcross + part * rest.along + off * d) * gain;
      box[cell] = Math.min(slope * d, single) * UP + TINY;
    }
  }
  return boxed(weighted(slopes), box, 'secant');
}

/**
 * Bounds on what remains of u/||u|| for ||u|| >= a and a movement up to d: of the whole, of a cell per unit of its h, and along û.
 * Null where the vector may come too close to 0.
 */
function secondOrder(
  a: number,
  d: number,
  floor: number,
): { readonly whole: number; readonly perAcross: number; readonly along: number } | null {
  const b = Math.max(least(floor), (a - d) / UP - a * 2 ** -48);
  const q = (b + (a - d)) / UP - a * 2 ** -48;
  if (!(b > 0 && q > 0)) return null;
  // The largest of y (1 - y)/a² + y²/q² for y in [0, 1].
  const curvature = 1 / (q * q) - 1 / (a * a);
  const inside = curvature < 0 && -2 * curvature * a * a > 1;
  const most = inside ? 1 / (-4 * curvature * a ** 4) : 1 / (q * q);
  const whole = (d * d * Math.sqrt(most) + d ** 3 / (a * q)) / b;
  return { whole: whole * UP * UP, perAcross: (d / (a * b)) * UP, along: ((d * d) / (b * q)) * UP };
}

/**
 * How far J, as stored, may be from the Jacobian at the exact centre, per unit of gain: the derivative of (I - û û')/||u|| has a norm
 * of at most 3/||u||², û is off the projection's range by its error once more, an entry rounds a few times, and what was left out is
 * below 2^-100.
 */
function offCentre({ length, gain, floor }: Normalisation, group: Group, error: number): number {
  const moved = group.error + error;
  const nearest = Math.max(least(floor), group.least - error);
  const rounding = (3 / nearest) * 16 * relativeError(length) * length + (length * 2 ** -99) / gain;
  return nearest > 0 ? ((4 * moved) / nearest / nearest + rounding) * UP : Number.POSITIVE_INFINITY;
}

/** sqrt(a² + b²) for a, b >= 0 within a few units in the last place, at any scale. */
function rootOfSquares(a: number, b: number): number {
  const largest = Math.max(a, b);
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  return largest * Math.sqrt((a / largest) ** 2 + (b / largest) ** 2);
}

/** 1/(a cos(t/2)) with sin t = d/a, rounded up; Infinity for d >= a. */
function touching(a: number, d: number): number {
  const square = 1 - (d / a) ** 2 - 2 ** -48;
  return square > 0 ? (1 / (a * Math.sqrt((1 + Math.sqrt(square)) / 2))) * UP : Number.POSITIVE_INFINITY;
}
