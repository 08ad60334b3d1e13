/**
 * Softmax and LogSoftmax. With p = softmax(z), the Jacobian of softmax is diag(p) - p p': symmetric, and its rows have the
 * absolute sums 2 p_i (1 - p_i), the largest of which bounds its norm; it is at most 1/2. That of LogSoftmax is I - 1 p', a
 * projection along 1 (p'1 = 1), whose norm is that of its complement 1 p': sqrt(n) ||p||, at most sqrt(n). On a ball each
 * p_i lies between what it is when its own z_i moves one way and all others the other way.
 */

import { gamma, inflate, normUp, TINY } from '../ground/rounding-error.ts';
import { intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { identityMatrix } from './algebra/sparse-matrix.ts';
import { normalizeAxis, required } from './compile/compile-errors.ts';
import { composed } from './compile/nonlinear-action.ts';
import { boundedOnBalls, type LocalBound, type LocalMap, UP } from './nonlinear/local-map.ts';
import type { Operator } from './operator.ts';
import { reducedCells } from './reduction.ts';

/** Relative error of exponentials of rounded arguments down to -745, where they vanish. */
const EXPONENTIAL = 2 ** -41;

/**
 * @param cells of group g: `cells[g * length]` and on
 * @param logarithm whether the result is log p
 */
export function softmaxOf(cells: Int32Array, length: number, logarithm: boolean): LocalMap {
  const groups = cells.length / length;
  const steepestOfAll = (logarithm ? Math.sqrt(length) : 0.5) * UP;

  /** Cells of the group, less the largest of them. */
  const lowered = (z: Float64Array, g: number): Float64Array => {
    const group = Float64Array.from({ length }, (_, k) => z[cells[g * length + k]!]!);
    const largest = group.reduce((most, v) => Math.max(most, v), Number.NEGATIVE_INFINITY);
    return group.map((v) => v - largest);
  };

  return {
    size: cells.length,
    lipschitz: steepestOfAll,
    norms: 1,
    value(z) {
      const out = new Float64Array(cells.length);
      for (let g = 0; g < groups; g++) {
        const group = lowered(z, g);
        const sum = group.reduce((total, v) => total + Math.exp(v), 0);
        const log = Math.log(sum);
        for (let k = 0; k < length; k++)
          out[cells[g * length + k]!] = logarithm ? group[k]! - log : Math.exp(group[k]!) / sum;
      }
      return out;
    },
    // The norm of a group is at least 1/sqrt(length) for p, and log 2 for log p (0, exactly, where it is one cell).
    rounding: (_, value, _moved, valueMoved) =>
      inflate((EXPONENTIAL + 4 * gamma(length + 8)) * Math.sqrt(length) * (normUp(value) + valueMoved), 6),
    on({ centre, error, T }): LocalBound {
      const slopes = new Float64Array(cells.length);
      const box = new Float64Array(cells.length);
      for (let g = 0; g < groups; g++) {
        const at = (k: number): number => cells[g * length + k]!;
        const moves = Float64Array.from({ length }, (_, k) => T[at(k)]!);
        const { low, high } = ranges(
          lowered(centre, g),
          moves.map((t) => t + error),
        );
        const { steepest, factors } =
          length === 1 ? UNMOVED : logarithm ? ofLogarithm(low, high) : ofSoftmax(low, high);
        // Largest and second largest movement: the largest among the others.
        const order = Array.from(moves).sort((a, b) => b - a);
        for (let k = 0; k < length; k++) {
          const own = moves[k]!;
          const other = (own === order[0] ? order[1] : order[0]) ?? 0;
          slopes[at(k)] = length === 1 ? 0 : Math.min(steepestOfAll, steepest + TINY);
          // A factor of 1e-300 times a small movement is not nothing; a single cell stays where it is.
          box[at(k)] = own + other === 0 || length === 1 ? 0 : factors[k]! * (own + other) * UP + TINY;
        }
      }
      return { slopes: [slopes], box };
    },
  };
}

/**
 * Bounds on every p_i of a group while its cells move by at most `moves`; 0 and 1 where exponentials overflow.
 *
 * @param z the cells, less the largest of them
 */
function ranges(
  z: Float64Array,
  moves: Float64Array,
): { readonly low: Float64Array; readonly high: Float64Array } {
  const slack = 1 + EXPONENTIAL + 2 * gamma(z.length + 8);
  const reach = moves.map((t, k) => t * UP + Math.abs(z[k]!) * 2 ** -50);
  const up = z.map((v, k) => Math.exp(v + reach[k]!));
  const down = z.map((v, k) => Math.exp(v - reach[k]!));
  const [most, fewest] = [up, down].map((e) => e.reduce((sum, v) => sum + v, 0)) as [number, number];
  // The differences cancel: what they lose of the whole sum is added back.
  const others = (sum: number, own: number, sign: 1 | -1): number =>
    Math.max(0, sum - own + sign * sum * gamma(z.length + 8));
  const high = up.map((own, k) => {
    const p = (own / (own + others(fewest, down[k]!, -1))) * slack + 2 ** -1000;
    return Number.isNaN(p) ? 1 : Math.min(p, 1);
  });
  const low = down.map((own, k) => {
    const p = own / (own + others(most, up[k]!, 1)) / slack - 2 ** -1000;
    return Number.isNaN(p) ? 0 : Math.max(p, 0);
  });
  return { low, high };
}

interface Steepness {
  /** Upper bound on the norm of the Jacobian. */
  readonly steepest: number;
  /** Entry i moves by at most factor_i (own movement + largest of the others). */
  readonly factors: Float64Array;
}

/** The one p of a single cell is 1. */
const UNMOVED: Steepness = { steepest: 0, factors: Float64Array.of(0) };

/** dp_i = p_i (1 - p_i) (dz_i - an average of the other dz_j). */
function ofSoftmax(low: Float64Array, high: Float64Array): Steepness {
  const factors = low.map((from, k) => {
    const p = Math.max(from, Math.min(high[k]!, 0.5));
    // 1 - p is at most 1, and rounds by half a unit of that.
    return Math.min(0.25, p * (1 - p + 2 ** -52)) * UP;
  });
  return { steepest: 2 * factors.reduce((most, f) => Math.max(most, f), 0) * UP, factors };
}

/** d log p_i = (1 - p_i) (dz_i - an average of the other dz_j). */
function ofLogarithm(low: Float64Array, high: Float64Array): Steepness {
  return {
    steepest: Math.sqrt(low.length) * Math.min(1, normUp(high)) * UP,
    factors: low.map((p) => (1 - p + 2 ** -52) * UP),
  };
}

/** Before opset 13 all axes from `axis` on are one. */
function axesOf(node: Node, rank: number): number[] {
  const grouped = node.opset < 13;
  const axis = normalizeAxis(node, intAttribute(node, 'axis', grouped ? 1 : -1), rank);
  return grouped ? Array.from({ length: rank - axis }, (_, k) => axis + k) : [axis];
}

export const softmax: Operator = {
  types: ['LogSoftmax', 'Softmax'],
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const cells = reducedCells(dims, axesOf(node, dims.length));
    const map = softmaxOf(Int32Array.from(cells.flat()), cells[0]?.length ?? 1, node.opType === 'LogSoftmax');
    return composed(dims, [{ operand: 0, matrix: identityMatrix(sizeOf(dims)) }], boundedOnBalls(map));
  },
};
