/**
 * Piecewise linear functions with jumps: ThresholdedRelu, Shrink. There is no Lipschitz constant across a jump, but the
 * chords *through the centre* that reach it are at least as long as the distance to it, and so have a steepest one. Only
 * a centre that may lie on the jump itself has none; the range of phi on the ball still bounds its displacement.
 */

import { gamma, UNIT_ROUNDOFF } from '../ground/rounding-error.ts';
import { floatAttribute, type Node } from '../onnx/model/graph.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { activated } from './compile/nonlinear-action.ts';
import { type Activation, outward, piecewiseLinear } from './nonlinear/activation.ts';
import type { Operator } from './operator.ts';

/** slope z + offset on [from, to]; at a jump the value is that of either side, and bounds hold for both. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly slope: number;
  readonly offset: number;
}

const slack = 1 + gamma(32);

/** The pieces that [low, high] meets. */
const met = (pieces: readonly Piece[], low: number, high: number): Piece[] =>
  pieces.filter(({ from, to }) => low <= to && high >= from);

/** Largest minus smallest value on [low, high]. */
function range(pieces: readonly Piece[], low: number, high: number): number {
  const values = met(pieces, low, high).flatMap(({ from, to, slope, offset }) =>
    [Math.max(low, from), Math.min(high, to)].map((z) => slope * z + offset),
  );
  const size = Math.max(...values.map(Math.abs));
  return (
    Math.max(...values) - Math.min(...values) + 4 * UNIT_ROUNDOFF * (size + Math.abs(low) + Math.abs(high))
  );
}

/**
 * For a centre z on piece c and an end z + t on piece j, phi(z + t) - phi(z) = slope_j t + d with
 * d = (slope_j - slope_c) z + offset_j - offset_c, known up to |slope_j - slope_c| e. |slope_j + d/t| is monotone in t on
 * either side of 0, so only the ends of the stretch of t in piece j are candidates; e lets the stretch begin earlier.
 */
export function jumping(pieces: readonly Piece[], value: (z: number) => number): Activation {
  const secant = (z: number, T: number, e: number): number => {
    const [low, high] = outward(z - e, z + e, Math.abs(z) + T + e);
    const [own, ...others] = met(pieces, low, high);
    if (own === undefined || others.length > 0) return Number.POSITIVE_INFINITY;
    let steepest = Math.abs(own.slope);
    for (const piece of met(pieces, low - T, high + T)) {
      if (piece === own) continue;
      const nearest = piece.from > z ? piece.from - high : low - piece.to;
      if (!(nearest > 0)) return Number.POSITIVE_INFINITY;
      const farthest = Math.min(T, piece.from > z ? piece.to - low : high - piece.from);
      const sign = piece.from > z ? 1 : -1;
      const d = (piece.slope - own.slope) * z + piece.offset - own.offset;
      const size =
        Math.abs(piece.slope * z) + Math.abs(own.slope * z) + Math.abs(piece.offset) + Math.abs(own.offset);
      const uncertainty = Math.abs(piece.slope - own.slope) * (high - low) + 8 * UNIT_ROUNDOFF * size;
      for (const t of [nearest, Math.max(nearest, farthest)])
        steepest = Math.max(steepest, Math.abs(piece.slope + (sign * d) / t));
      steepest += uncertainty / nearest;
    }
    return steepest * slack;
  };
  const reaches = (z: number, T: number, e: number): [number, number] =>
    outward(z - T - e, z + T + e, Math.abs(z) + T + e);
  return {
    value,
    relativeError: 2 * UNIT_ROUNDOFF,
    absoluteError: 0,
    lipschitz: () => Number.POSITIVE_INFINITY,
    secant,
    displacement(z, T, e) {
      if (T === 0) return 0;
      const chords = secant(z, T, e) * T * slack;
      return Math.min(chords, range(pieces, ...reaches(z, T, e)) * slack);
    },
    isConstant(z, T, e) {
      if (T === 0) return true;
      const [piece, ...others] = met(pieces, ...reaches(z, T, e));
      return others.length === 0 && piece?.slope === 0;
    },
  };
}

const INFINITE = Number.POSITIVE_INFINITY;

/** z where z > alpha, else 0. */
function thresholdedRelu(node: Node): Activation {
  const alpha = floatAttribute(node, 'alpha', 1);
  const value = (z: number): number => (z > alpha ? z : 0);
  if (alpha === 0) {
    const relu = { kinks: [0], slopes: [0, 1] };
    return piecewiseLinear(() => relu, value);
  }
  return jumping(
    [
      { from: -INFINITE, to: alpha, slope: 0, offset: 0 },
      { from: alpha, to: INFINITE, slope: 1, offset: 0 },
    ],
    value,
  );
}

/** z + bias where z < -lambd, z - bias where z > lambd, else 0. */
function shrink(node: Node): Activation {
  const lambda = floatAttribute(node, 'lambd', 0.5);
  const bias = floatAttribute(node, 'bias', 0);
  if (!(lambda >= 0)) refuse(node, `lambd = ${lambda} is negative: its pieces overlap`);
  const value = (z: number): number => (z < -lambda ? z + bias : z > lambda ? z - bias : 0);
  if (bias === lambda) {
    const soft = { kinks: [-lambda, lambda], slopes: [1, 0, 1] };
    return piecewiseLinear(() => soft, value);
  }
  return jumping(
    [
      { from: -INFINITE, to: -lambda, slope: 1, offset: bias },
      { from: -lambda, to: lambda, slope: 0, offset: 0 },
      { from: lambda, to: INFINITE, slope: 1, offset: -bias },
    ],
    value,
  );
}

export const jumps: Operator = {
  types: ['Shrink', 'ThresholdedRelu'],
  roles: { ThresholdedRelu: 'activation' },
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const activation = node.opType === 'Shrink' ? shrink(node) : thresholdedRelu(node);
    return activated(dims, activation);
  },
};
