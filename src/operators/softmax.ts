/**
 * Softmax and LogSoftmax. With p = softmax(z), the Jacobian of softmax is diag(p) - p p': symmetric, and its rows have the
 * absolute sums 2 p_i (1 - p_i), the largest of which bounds its norm; it is at most 1/2. That of LogSoftmax is I - 1 p', a
 * projection along 1 (p'1 = 1), whose norm is that of its complement 1 p': sqrt(n) ||p||, at most sqrt(n). On a ball each
 * p_i lies between what it is when its own z_i moves one way and all others the other way.
 *
 * The linear part is the Jacobian at the computed centre. Along z + τd, with m = p'd and V = p'(d - m)² taken there,
 * d²p_i/dτ² = p_i ((d_i - m)² - V) and d² log p_i/dτ² = -V. The vectors p (d - m)² and p V have no negative entry, so that their
 * difference is at most max(p_i (d_i - m)², p_i V) in each, and at most sqrt(2) V in l2: either is at most V there. Half of it
 * remains (∫ (1 - τ) dτ). And V <= sum p_i d_i².
 */

import { gamma, inflate, normUp, productUp, TINY } from '../ground/rounding-error.ts';
import { intAttribute, type Node, sizeOf } from '../onnx/model/graph.ts';
import { identityMatrix } from './algebra/sparse-matrix.ts';
import { normalizeAxis, required } from './compile/compile-errors.ts';
import { composed } from './compile/nonlinear-action.ts';
import { groupedMatrix, storable } from './nonlinear/linear-entries.ts';
import { boundedOnBalls, type LocalBound, type LocalMap, UP } from './nonlinear/local-map.ts';
import { boxed, type LinearParts, type Movement, type MovingInput } from './nonlinear/nonlinearity.ts';
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

  const lowered = (z: Float64Array, g: number): Float64Array => loweredGroup(cells, length, z, g);

  return {
    size: cells.length,
    lipschitz: steepestOfAll,
    norms: 1,
    ...(length === 1 ? {} : { linear: jacobians(cells, length, logarithm) }),
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

/** Cells of a group, less the largest of them. */
function loweredGroup(cells: Int32Array, length: number, z: Float64Array, g: number): Float64Array {
  const group = Float64Array.from({ length }, (_, k) => z[cells[g * length + k]!]!);
  const largest = group.reduce((most, v) => Math.max(most, v), Number.NEGATIVE_INFINITY);
  return group.map((v) => v - largest);
}

/** Errors of the centre beyond this leave no linear part. */
const LARGEST_ERROR = 2 ** -10;

function jacobians(cells: Int32Array, length: number, logarithm: boolean): LinearParts {
  const size = cells.length;
  return {
    entries: size * length,
    pattern: () => groupedMatrix(size, cells, length, () => 1),
    norms: 1,
    at({ centre, error }) {
      if (!(error <= LARGEST_ERROR)) return null;
      const p = Float64Array.from({ length: size });
      for (let g = 0; g * length < size; g++) {
        const powers = loweredGroup(cells, length, centre, g).map(Math.exp);
        const sum = powers.reduce((total, power) => total + power, 0);
        p.set(
          powers.map((power) => power / sum),
          g * length,
        );
      }
      if (!p.every(Number.isFinite)) return null;
      return {
        matrix: groupedMatrix(size, cells, length, (g, i, k) => {
          const [own, other] = [p[g * length + i]!, p[g * length + k]!];
          const one = i === k ? 1 : 0;
          return storable(logarithm ? one - other : own * (one - other));
        }),
        remainder: (input) => remainderOf(cells, length, logarithm, input),
      };
    },
  };
}

/**
 * Beside the second-order part, what J as stored may be off: its entries are those of p known up to a relative error, and what
 * was left out is below 2^-100.
 */
function remainderOf(
  cells: Int32Array,
  length: number,
  logarithm: boolean,
  { centre, error, T, weighted }: MovingInput,
): Movement {
  const size = cells.length;
  const box = new Float64Array(size);
  const weights = new Float64Array(size);
  const off = new Float64Array(size);
  // p of any centre within the error, relative to the computed one, and the roundings of an entry.
  const relative = 4 * error + 4 * (EXPONENTIAL + 2 * gamma(length + 8));
  for (let g = 0; g * length < size; g++) {
    const at = (k: number): number => cells[g * length + k]!;
    const moves = Float64Array.from({ length }, (_, k) => T[at(k)]!);
    const { high } = ranges(
      loweredGroup(cells, length, centre, g),
      moves.map((t) => t + error),
    );
    const order = Array.from(moves).sort((a, b) => b - a);
    const largest = order[0]!;
    if (largest === 0) continue;
    let variance = 0;
    for (let k = 0; k < length; k++) variance += high[k]! * moves[k]! * moves[k]!;
    for (let k = 0; k < length; k++) {
      const own = moves[k]!;
      const apart = own + ((own === largest ? order[1] : largest) ?? 0);
      const p = high[k]!;
      const second = logarithm ? variance / 2 : (p / 2) * Math.max(apart * apart, variance);
      // Row k of J d is p_k (d_k - p'd), or d_k - p'd: no entry is off by more than its relative error allows.
      off[at(k)] = (relative * (logarithm ? 1 : p) + 2 ** -90) * (own + largest) * length;
      box[at(k)] = inflate(second + off[at(k)]!, length + 8) + TINY;
      weights[at(k)] = own === 0 ? 0 : Math.sqrt(p) * UP + TINY;
    }
  }
  if (box.every((b) => b === 0)) return { rho: 0, box };
  const spread = weighted(weights);
  const factor = logarithm ? Math.sqrt(length) / 2 : Math.SQRT1_2;
  return boxed(inflate(factor * productUp(spread, spread) + normUp(off) + TINY, 8), box, 'secant');
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
