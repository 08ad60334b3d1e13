/**
 * What the bounds need to know about an elementwise nonlinearity phi: its value, and how steep a chord through the
 * centre can get. For z the exact pre-activation at the centre of the ball, known up to `e`:
 *
 *   secant(z, T) >= sup over 0 < |t| <= T of |phi(z + t) - phi(z)| / |t|      (docs/certificates.md, section 3)
 *
 * so that ||phi(z + W d) - phi(z)|| <= ||diag(m) W d||. A neuron that must first cross a dead zone of width s before it
 * moves costs (T - s)/T, not 1. `i` is the coordinate, for activations with parameters per channel (PRelu).
 *
 * T is 0 or at least `TINY` (rounding-error.ts), so that slopes times T do not vanish; `displacement.ts` ensures it.
 */
import { gamma, UNIT_ROUNDOFF } from '../../ground/rounding-error.ts';

export interface Activation {
  /** phi(z) in float64, within `relativeError * |phi(z)| + absoluteError` of the exact value. */
  value(z: number, i: number): number;
  readonly relativeError: number;
  readonly absoluteError: number;
  /**
   * Upper bound on |phi'|: the global Lipschitz constant of coordinate i. Infinity where phi has none (Exp, a jump):
   * then only `secant` and `displacement` bound it, on balls where they are finite.
   */
  lipschitz(i: number): number;
  /**
   * Upper bound on the secant slopes through z' for every z' in [z - e, z + e], over 0 < |t| <= T. Infinity without
   * such a bound, e.g. when the reach leaves the domain of phi.
   */
  secant(z: number, T: number, e: number, i: number): number;
  /**
   * Bounds with sign on the slopes of the same chords: every (phi(z' + t) - phi(z'))/t with |z' - z| <= e and 0 < |t| <= T lies
   * between `low` and `high`. Omitted by an activation that knows no more than their size.
   */
  chords?(z: number, T: number, e: number, i: number): Range;
  /** Upper bound on |phi(z' + t) - phi(z')| for |t| <= T and |z' - z| <= e. */
  displacement(z: number, T: number, e: number, i: number): number;
  /** Whether phi is certainly constant on [z - T - e, z + T + e]: the SPLITZ mask is 0 there (eq. 18). */
  isConstant(z: number, T: number, e: number, i: number): boolean;
}

/** All numbers from `low` to `high`. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** How far a computed value, or a computed end of a piece, is from the exact one. */
export interface Accuracy {
  readonly relativeError?: number;
  readonly absoluteError?: number;
  /** Absolute error of the kinks: 0 when they are numbers of the file. */
  readonly kinkError?: number;
}

/**
 * The exact bounds of a float64 interval [a, b] computed in a few operations from numbers of magnitude at most `size`:
 * widened outward, so that what is monotone in its ends stays a bound.
 */
export function outward(a: number, b: number, size: number): [low: number, high: number] {
  const rounding = size * 2 ** -50;
  return [a - rounding, b + rounding];
}

/** A continuous piecewise linear function: slopes[0] left of kinks[0], slopes[k + 1] right of kinks[k]. */
export interface Pieces {
  readonly kinks: readonly number[];
  readonly slopes: readonly number[];
}

/** How a function moves along a walk: its chord slopes, and the largest |displacement|. */
interface Walked extends Range {
  readonly moved: number;
}

/**
 * Displacement of a piecewise linear phi from z to z + sign*T, summed piece by piece (not as a difference of values,
 * which cancels): the smallest and the largest displacement/t, both with sign, and the largest |displacement|, met at the
 * kinks on the way and at the end. On each piece the chord slope is monotone in t, so kinks, end and the slope at z are the
 * only candidates.
 */
function walk({ kinks, slopes }: Pieces, z: number, T: number, sign: 1 | -1): Walked {
  let piece = 0;
  if (sign > 0) while (piece < kinks.length && kinks[piece]! <= z) piece++;
  else while (piece < kinks.length && kinks[piece]! < z) piece++;
  let low = slopes[piece]!;
  let high = low;
  let travelled = 0;
  let displacement = 0;
  let moved = 0;
  while (travelled < T) {
    const kink = sign > 0 ? kinks[piece] : kinks[piece - 1];
    const reach = kink === undefined ? T : Math.min(T, Math.abs(kink - z));
    displacement += slopes[piece]! * (reach - travelled);
    travelled = reach;
    piece += sign;
    moved = Math.max(moved, Math.abs(displacement));
    if (travelled > 0) {
      low = Math.min(low, displacement / travelled);
      high = Math.max(high, displacement / travelled);
    }
  }
  return { low, high, moved };
}

/** The steepest chord, whatever its sign. */
const steepestOf = ({ low, high }: Range): number => Math.max(Math.abs(low), Math.abs(high));

/**
 * The activation of a piecewise linear function, exact up to rounding. An uncertainty e of the centre, or of the kinks,
 * moves a chord's ends by at most 2 e L, which matters only for chords reaching past a kink, of length at least
 * (distance - e).
 */
export function piecewiseLinear(
  piecesOf: (i: number) => Pieces,
  value: (z: number, i: number) => number,
  { relativeError = 2 * UNIT_ROUNDOFF, absoluteError = 0, kinkError = 0 }: Accuracy = {},
): Activation {
  // Asked several times for each of a million coordinates: without lists in between.
  const steepest = (i: number): number => {
    let most = 0;
    for (const slope of piecesOf(i).slopes) most = Math.max(most, Math.abs(slope));
    return most;
  };
  const nearestKink = (z: number, i: number): number =>
    piecesOf(i).kinks.reduce(
      (nearest, kink) => Math.min(nearest, Math.abs(z - kink)),
      Number.POSITIVE_INFINITY,
    );
  // Slopes, products and sums of at most a handful of pieces.
  const slack = gamma(16);

  return {
    value,
    relativeError,
    absoluteError,
    lipschitz: steepest,
    secant(z, T, centreError, i) {
      const e = centreError + kinkError;
      const limit = steepest(i);
      const distance = nearestKink(z, i);
      if (distance <= 2 * e) return limit;
      if (T <= 0) return Math.abs(slopeAt(piecesOf(i), z));
      const up = steepestOf(walk(piecesOf(i), z, T, 1));
      const down = steepestOf(walk(piecesOf(i), z, T, -1));
      const uncertainty = distance > T + e ? 0 : 2 * limit * (e / (distance - e));
      return Math.min(limit, Math.max(up, down) + uncertainty + limit * slack);
    },
    chords(z, T, centreError, i) {
      const pieces = piecesOf(i);
      const e = centreError + kinkError;
      const [least, most] = [Math.min(...pieces.slopes), Math.max(...pieces.slopes)];
      const distance = nearestKink(z, i);
      if (distance <= 2 * e) return { low: least, high: most };
      // Within one piece every chord is exactly as steep as the piece.
      if (distance > (T + e) * (1 + 2 ** -50)) {
        const own = slopeAt(pieces, z);
        return { low: own, high: own };
      }
      const [up, down] = [walk(pieces, z, T, 1), walk(pieces, z, T, -1)];
      const limit = steepest(i);
      const margin = 2 * limit * (e / (distance - e)) + limit * slack;
      return {
        low: Math.max(least, Math.min(up.low, down.low) - margin),
        high: Math.min(most, Math.max(up.high, down.high) + margin),
      };
    },
    displacement(z, T, e, i) {
      const up = walk(piecesOf(i), z, T, 1).moved;
      const down = walk(piecesOf(i), z, T, -1).moved;
      const uncertainty = 2 * steepest(i) * (e + kinkError);
      return Math.min(steepest(i) * T, Math.max(up, down) + uncertainty) * (1 + slack);
    },
    isConstant(z, T, e, i) {
      const { kinks, slopes } = piecesOf(i);
      const rounding = (Math.abs(z) + T + e) * UNIT_ROUNDOFF * 4 + kinkError;
      const low = z - T - e - rounding;
      const high = z + T + e + rounding;
      return slopes.every((slope, p) => {
        const from = p === 0 ? Number.NEGATIVE_INFINITY : kinks[p - 1]!;
        const to = p === kinks.length ? Number.POSITIVE_INFINITY : kinks[p]!;
        return slope === 0 || high < from || low > to;
      });
    },
  };
}

function slopeAt({ kinks, slopes }: Pieces, z: number): number {
  let piece = 0;
  while (piece < kinks.length && kinks[piece]! <= z) piece++;
  return slopes[piece]!;
}

/** exp, expm1, log1p and tanh of V8 (fdlibm) are within one unit in the last place; a few of them are combined. */
const ELEMENTARY = 2 ** -48;

/** Distances from the centre at which the bound on the slope is renewed; fixed, so that bounds grow with the reach. */
const STRETCHES = [0.125, 0.25, 0.375, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, Number.POSITIVE_INFINITY];

/** Pieces of a reach over which `chordsAlong` renews its bounds on the slope: with 8 a chord's slope is known nearly to second order. */
const PIECES = 8;

/**
 * The slopes of chords from z towards `sign`: (phi(z + t) - phi(z))/t is the mean of phi' along the chord, which lies between the
 * means of bounds on phi' piece by piece. Within a piece either mean is monotone in t, so the ends of the pieces are the candidates.
 */
function chordsAlong(
  slopes: (low: number, high: number) => Range,
  z: number,
  T: number,
  e: number,
  sign: 1 | -1,
): Range {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [least, most] = [0, 0];
  for (let piece = 1; piece <= PIECES; piece++) {
    const [from, to] = [(T * (piece - 1)) / PIECES, (T * piece) / PIECES];
    const [a, b] = outward(
      sign > 0 ? z + from - e : z - to - e,
      sign > 0 ? z + to + e : z - from + e,
      Math.abs(z) + T + e,
    );
    const slope = slopes(a, b);
    least += slope.low;
    most += slope.high;
    low = Math.min(low, least / piece);
    high = Math.max(high, most / piece);
  }
  return { low, high };
}

/**
 * An activation with |phi'| bounded by `steepest(low, high)` on [low, high], up to kinks; monotone or not. A chord is as
 * steep as |phi'| is on average along it: |phi(z + t) - phi(z)| <= ∫_0^t |phi'(z + s)| ds, bounded stretch by stretch.
 * Within a stretch that bound, divided by t, is monotone in t, so its largest value is at the end of one.
 *
 * @param slopeError absolute error of `steepest` and of `slopes`, beyond a few units in the last place
 * @param slopes bounds with sign on phi' on [low, high]; omitted where only its size is known
 */
export function smooth(
  value: (z: number) => number,
  lipschitz: number,
  steepest: (low: number, high: number) => number,
  { relativeError = ELEMENTARY, absoluteError = 0 }: Accuracy = {},
  slopeError = 2 ** -60,
  slopes?: (low: number, high: number) => Range,
): Activation {
  const along = (z: number, T: number, e: number, sign: 1 | -1): { secant: number; moved: number } => {
    let travelled = 0;
    let moved = 0;
    let secant = 0;
    for (const stretch of STRETCHES) {
      const end = Math.min(T, stretch);
      const [low, high] = outward(
        sign > 0 ? z + travelled - e : z - end - e,
        sign > 0 ? z + end + e : z - travelled + e,
        Math.abs(z) + T + e,
      );
      const slope = Math.min(lipschitz, steepest(low, high) * (1 + 2 ** -40) + slopeError);
      moved += slope * (end - travelled);
      secant = travelled > 0 ? Math.max(secant, moved / end) : slope;
      travelled = end;
      if (end === T) break;
    }
    return { secant, moved };
  };
  // Secant and displacement of a coordinate are requested one after the other.
  let last = { z: Number.NaN, T: 0, e: 0, secant: 0, moved: 0 };
  const both = (z: number, T: number, e: number): { secant: number; moved: number } => {
    if (last.z === z && last.T === T && last.e === e) return last;
    const [up, down] = [along(z, T, e, 1), along(z, T, e, -1)];
    last = { z, T, e, secant: Math.max(up.secant, down.secant), moved: Math.max(up.moved, down.moved) };
    return last;
  };
  return {
    value,
    relativeError,
    absoluteError,
    lipschitz: () => lipschitz,
    secant: (z, T, e) => Math.min(lipschitz, both(z, T, e).secant * (1 + 2 ** -40)),
    ...(slopes === undefined ? {} : { chords: chordsOf(slopes, lipschitz, slopeError) }),
    displacement: (z, T, e) => both(z, T, e).moved * (1 + 2 ** -40),
    isConstant: () => false,
  };
}

/** The chords of a smooth activation in both directions, its bounds on phi' widened by their rounding. */
function chordsOf(
  slopes: (low: number, high: number) => Range,
  lipschitz: number,
  slopeError: number,
): NonNullable<Activation['chords']> {
  const widened = (low: number, high: number): Range => {
    const slope = slopes(low, high);
    return {
      low: Math.max(-lipschitz, slope.low - Math.abs(slope.low) * 2 ** -40 - slopeError),
      high: Math.min(lipschitz, slope.high + Math.abs(slope.high) * 2 ** -40 + slopeError),
    };
  };
  return (z, T, e) => {
    const [up, down] = [chordsAlong(widened, z, T, e, 1), chordsAlong(widened, z, T, e, -1)];
    const margin = lipschitz * 2 ** -48;
    return {
      low: Math.max(-lipschitz, Math.min(up.low, down.low) - margin),
      high: Math.min(lipschitz, Math.max(up.high, down.high) + margin),
    };
  };
}

/**
 * The steepest slope on [low, high] of a phi whose derivative falls, rises and falls again, with extrema at `valley` <
 * `peak` (z times a sigmoid). Between and outside them it is monotone: the ends and the extrema are the only
 * candidates. At an extremum phi'' = 0, so the rounding of its position does not count.
 */
export function betweenExtrema(
  slope: (z: number) => number,
  valley: number,
  peak: number,
): (low: number, high: number) => number {
  const extrema = [valley, peak].map((z) => ({ z, slope: Math.abs(slope(z)) }));
  return (low, high) => {
    let most = Math.max(Math.abs(slope(low)), Math.abs(slope(high)));
    for (const extremum of extrema)
      if (extremum.z > low && extremum.z < high) most = Math.max(most, extremum.slope);
    return most;
  };
}

/** The smallest and the largest slope of the same phi on [low, high]. */
export function slopesBetweenExtrema(
  slope: (z: number) => number,
  valley: number,
  peak: number,
): (low: number, high: number) => Range {
  const extrema = [valley, peak].map((z) => ({ z, slope: slope(z) }));
  return (low, high) => {
    const ends = [slope(low), slope(high)];
    let [least, most] = [Math.min(...ends), Math.max(...ends)];
    for (const extremum of extrema) {
      if (!(extremum.z > low && extremum.z < high)) continue;
      least = Math.min(least, extremum.slope);
      most = Math.max(most, extremum.slope);
    }
    return { low: least, high: most };
  };
}

/** Bounds on a derivative that falls on either side of 0 and is even: between its values farthest from 0 and nearest to it. */
export const fallingFromZero =
  (slope: (distance: number) => number) =>
  (low: number, high: number): Range => ({
    low: slope(Math.max(Math.abs(low), Math.abs(high))),
    high: slope(Math.max(0, low, -high)),
  });

/**
 * An activation that is steep without limit somewhere: `chord(low, high, T)` bounds the secants over 0 < |t| <= T through
 * every z' in [low, high], or is Infinity (also for NaN) when z' + t may leave the domain.
 */
export function steepSomewhere(
  value: (z: number, i: number) => number,
  chord: (low: number, high: number, T: number, i: number) => number,
): Activation {
  const secant = (z: number, T: number, e: number, i: number): number => {
    const [low, high] = outward(z - e, z + e, Math.abs(z) + T + e);
    const slope = chord(low, high, T, i) * (1 + 2 ** -40) + 2 ** -1000;
    return Number.isNaN(slope) ? Number.POSITIVE_INFINITY : slope;
  };
  return {
    value,
    relativeError: ELEMENTARY,
    // Results below the normal range.
    absoluteError: 2 ** -1000,
    lipschitz: () => Number.POSITIVE_INFINITY,
    secant,
    displacement: (z, T, e, i) => (T === 0 ? 0 : secant(z, T, e, i) * T * (1 + 2 ** -40)),
    // A coordinate that does not move leaves phi unchanged, even where phi is infinitely steep.
    isConstant: (_z, T) => T === 0,
  };
}
