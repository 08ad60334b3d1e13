/**
 * Groups of cells brought to unit scale: f(z) = gain v / sqrt(||v||² + floor²) with v = z, or z minus its mean. That is
 * gain u/||u|| for u = (v, floor), without its last entry; u moves by no more than z does (subtracting the mean is a
 * projection). For unit vectors of u, u' with a = ||u||, b = ||u'|| and ||u - u'|| <= d:
 *
 *   ||u/a - u'/b||² = (||u - u'||² - (a - b)²)/(ab)   gives   ||u/a - u'/b|| <= 2 ||u - u'||/(a + b)   (Dunkl & Williams),
 *
 * since with D = ||u/a - u'/b|| <= 2 it is equivalent to D² (a - b)² <= 4 (a - b)². And for d < a the left side is largest,
 * per unit of ||u - u'||, where u' touches the ball's tangent: 1/(a cos(t/2)) with sin t = d/a. For larger d, b >= floor.
 */

import { gamma, inflate, normUp, TINY } from '../../ground/rounding-error.ts';
import { type LocalBound, type LocalMap, UP } from './local-map.ts';

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
