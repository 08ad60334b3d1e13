/**
 * Products and quotients of two tensors that both depend on the input, cell by cell, z = [a; b]. Neither has a Lipschitz
 * constant on all of space.
 *
 *   (a + s)(b + t) - ab = (b + t/2) s + (a + s/2) t,
 *   (a + s)/(b + t) - a/b = (s - (a/b) t)/(b + t),
 *
 * so with |s| <= S and |t| <= T on the ball the slopes are |b| + T/2 and |a| + S/2 for a product, 1/(|b| - T) and
 * |a/b|/(|b| - T) for a quotient whose divisor stays away from zero; the movement of each cell is their sum.
 *
 * Linear parts: b s + a t, and s/b - (a/b) t/b. What remains is s t, and -(s - (a/b) t) t/(b (b + t)).
 */

import { inflate, normUp, productUp, TINY, UNIT_ROUNDOFF } from '../../ground/rounding-error.ts';
import { buildMatrix } from '../algebra/sparse-matrix.ts';
import { storable } from './linear-entries.ts';
import { type LocalBound, type LocalMap, UNBOUNDED, UP } from './local-map.ts';
import { boxed, type LinearParts, type Movement, type MovingInput } from './nonlinearity.ts';

type Slopes = (a: number, b: number, S: number, T: number, e: number) => readonly [number, number] | null;

const ofProduct: Slopes = (a, b, S, T, e) => [Math.abs(b) + e + T / 2, Math.abs(a) + e + S / 2];

const ofQuotient: Slopes = (a, b, _, T, e) => {
  const nearest = (Math.abs(b) - e) / UP;
  const left = nearest - T * UP - Math.abs(b) * 2 ** -48;
  return left > 0 ? [1 / left + TINY, (Math.abs(a) + e) / nearest / left + TINY] : null;
};

/** The rule of one pair: its entries of J at the computed centre, and the slopes of what remains; null for no bound. */
interface PairRule {
  readonly slopesOf: Slopes;
  entries(a: number, b: number): readonly [number, number];
  /**
   * |f(a + s, b + t) - f(a, b) - J (s, t)| <= first |s| + second |t|, for |s| <= S, |t| <= T and an exact centre within e.
   *
   * @param J the entries as stored
   */
  readonly remaining: (
    [a, b]: readonly [number, number],
    [S, T]: readonly [number, number],
    e: number,
    J: readonly [number, number],
  ) => readonly [number, number] | null;
}

const productRule: PairRule = {
  slopesOf: ofProduct,
  entries: (a, b) => [b, a],
  // s t, half of it on either side; J as stored differs from the exact factors by what they are off.
  remaining: ([a, b], [S, T], e, J) => [T / 2 + e + Math.abs(b - J[0]), S / 2 + e + Math.abs(a - J[1])],
};

const quotientRule: PairRule = {
  slopesOf: ofQuotient,
  entries: (a, b) => [1 / b, -a / b / b],
  remaining([a, b], [, T], e, J) {
    const nearest = (Math.abs(b) - e) / UP;
    const left = nearest - T * UP - Math.abs(b) * 2 ** -48;
    if (!(left > 0)) return null;
    const ratio = (Math.abs(a) + e) / nearest;
    const beyond = T / nearest / left;
    // The entries as stored, those of the computed centre, and those of any centre within e.
    const offFirst = Math.abs(1 / b - J[0]) + (e / nearest / nearest + 2 ** -50 / nearest);
    const offSecond =
      Math.abs(a / b / b + J[1]) + ((e + 2 * ratio * e) / nearest / nearest + (2 ** -49 * ratio) / nearest);
    return [beyond + offFirst + TINY, ratio * beyond + offSecond + TINY];
  },
};

function pairParts(count: number, { entries, remaining }: PairRule): LinearParts {
  return {
    entries: 2 * count,
    pattern: () =>
      buildMatrix(count, 2 * count, 2 * count, (i, add) => {
        add(i, 1);
        add(count + i, 1);
      }),
    norms: 1,
    at({ centre }) {
      const J = Array.from({ length: count }, (_, i): readonly [number, number] => {
        const [first, second] = entries(centre[i]!, centre[count + i]!);
        return [storable(first), storable(second)];
      });
      return {
        matrix: buildMatrix(count, 2 * count, 2 * count, (i, add) => {
          add(i, J[i]![0]);
          add(count + i, J[i]![1]);
        }),
        remainder: (input) => pairRemainder(J, remaining, input),
      };
    },
  };
}

function pairRemainder(
  J: readonly (readonly [number, number])[],
  remaining: PairRule['remaining'],
  { centre, error, T, weighted }: MovingInput,
): Movement {
  const count = J.length;
  const slopes = new Float64Array(2 * count);
  const box = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const [S, t] = [T[i]!, T[count + i]!];
    if (S === 0 && t === 0) continue;
    const rest = remaining([centre[i]!, centre[count + i]!], [S, t], error, J[i]!);
    if (rest === null) return UNBOUNDED;
    box[i] = (productUp(rest[0], S) + productUp(rest[1], t)) * UP + TINY;
    // (x + y)² <= 2 (x² + y²).
    slopes[i] = S === 0 ? 0 : rest[0] * Math.SQRT2 * UP + TINY;
    slopes[count + i] = t === 0 ? 0 : rest[1] * Math.SQRT2 * UP + TINY;
  }
  if (box.every((b) => b === 0)) return { rho: 0, box };
  return boxed(slopes.every(Number.isFinite) ? weighted(slopes) : Number.POSITIVE_INFINITY, box, 'secant');
}

/** @param count cells of a, and of b */
function ofPairs(count: number, value: (a: number, b: number) => number, rule: PairRule): LocalMap {
  const { slopesOf } = rule;
  return {
    size: count,
    value: (z) => Float64Array.from({ length: count }, (_, i) => value(z[i]!, z[count + i]!)),
    rounding: (_, result, _moved, resultMoved) =>
      inflate(2 * UNIT_ROUNDOFF * (normUp(result) + resultMoved) + TINY * Math.sqrt(count), 6),
    lipschitz: Number.POSITIVE_INFINITY,
    norms: 2,
    linear: pairParts(count, rule),
    on({ centre, error, T }): LocalBound | null {
      const first = new Float64Array(2 * count);
      const second = new Float64Array(2 * count);
      const box = new Float64Array(count);
      for (let i = 0; i < count; i++) {
        const [S, t] = [T[i]!, T[count + i]!];
        const slopes = slopesOf(centre[i]!, centre[count + i]!, S, t, error);
        if (slopes === null) return null;
        // A slope is 0 only if the other factor is, and stays so.
        first[i] = slopes[0] === 0 ? 0 : slopes[0] * UP + TINY;
        second[count + i] = slopes[1] === 0 ? 0 : slopes[1] * UP + TINY;
        box[i] = (productUp(first[i]!, S) + productUp(second[count + i]!, t)) * UP;
      }
      return { slopes: [first, second], box };
    },
  };
}

/** z = [a; b] -> a b. */
export const products = (count: number): LocalMap => ofPairs(count, (a, b) => a * b, productRule);

/** z = [a; b] -> a / b. */
export const quotients = (count: number): LocalMap => ofPairs(count, (a, b) => a / b, quotientRule);
