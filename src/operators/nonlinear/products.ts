/**
 * Products and quotients of two tensors that both depend on the input, cell by cell, z = [a; b]. Neither has a Lipschitz
 * constant on all of space.
 *
 *   (a + s)(b + t) - ab = (b + t/2) s + (a + s/2) t,
 *   (a + s)/(b + t) - a/b = (s - (a/b) t)/(b + t),
 *
 * so with |s| <= S and |t| <= T on the ball the slopes are |b| + T/2 and |a| + S/2 for a product, 1/(|b| - T) and
 * |a/b|/(|b| - T) for a quotient whose divisor stays away from zero; the movement of each cell is their sum.
 */

import { inflate, normUp, productUp, TINY, UNIT_ROUNDOFF } from '../../ground/rounding-error.ts';
import { type LocalBound, type LocalMap, UP } from './local-map.ts';

type Slopes = (a: number, b: number, S: number, T: number, e: number) => readonly [number, number] | null;

const ofProduct: Slopes = (a, b, S, T, e) => [Math.abs(b) + e + T / 2, Math.abs(a) + e + S / 2];

const ofQuotient: Slopes = (a, b, _, T, e) => {
  const nearest = (Math.abs(b) - e) / UP;
  const left = nearest - T * UP - Math.abs(b) * 2 ** -48;
  return left > 0 ? [1 / left + TINY, (Math.abs(a) + e) / nearest / left + TINY] : null;
};

/** @param count cells of a, and of b */
function ofPairs(count: number, value: (a: number, b: number) => number, slopesOf: Slopes): LocalMap {
  return {
    size: count,
    value: (z) => Float64Array.from({ length: count }, (_, i) => value(z[i]!, z[count + i]!)),
    rounding: (_, result, _moved, resultMoved) =>
      inflate(2 * UNIT_ROUNDOFF * (normUp(result) + resultMoved) + TINY * Math.sqrt(count), 6),
    lipschitz: Number.POSITIVE_INFINITY,
    norms: 2,
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
export const products = (count: number): LocalMap => ofPairs(count, (a, b) => a * b, ofProduct);

/** z = [a; b] -> a / b. */
export const quotients = (count: number): LocalMap => ofPairs(count, (a, b) => a / b, ofQuotient);
