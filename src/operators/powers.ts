/**
 * Exp, Log, Sqrt, Reciprocal and Pow with a constant exponent: steep without limit somewhere, so bounded only on
 * balls that stay away from there. For each, the steepest chord through z ends at the steeper end of the reach (they are
 * convex or concave on their domain), so its slope is known in closed form.
 */
import type { Node } from '../onnx/model/graph.ts';
import { constantOperand, required } from './compile/compile-errors.ts';
import { againstConstant } from './compile/constant-operand.ts';
import { activated } from './compile/nonlinear-action.ts';
import { type Activation, smooth, steepSomewhere } from './nonlinear/activation.ts';
import { writtenOutLpPool } from './nonlinear/written-out-lp-pool.ts';
import { writtenOutNorm } from './nonlinear/written-out-norm.ts';
import type { Action, Expression, Operands, Operator } from './operator.ts';

const NONE = Number.POSITIVE_INFINITY;

/** (e^T - 1)/T: the chord of exp from 0 to T. */
const exponentialChord = (T: number): number => (T > 0 ? Math.expm1(T) / T : 1);

const exponential = steepSomewhere(Math.exp, (_, high, T) => Math.exp(high) * exponentialChord(T));

/** -log(1 - s)/s, the chord of log from 1 to 1 - s; rounded numbers below 1 suffice for an upper bound at a larger s. */
const logarithmicChord = (s: number): number => (s > 2 ** -30 ? -Math.log1p(-s) / s : 1 + s);

const logarithm = steepSomewhere(Math.log, (low, _, T) =>
  low > T ? logarithmicChord((T / low) * (1 + 2 ** -50)) / low : NONE,
);

/** (√z - √(z - T))/T = 1/(√z + √(z - T)). */
const root = steepSomewhere(Math.sqrt, (low, _, T) =>
  low >= T && low > 0 ? 1 / (Math.sqrt(low) + Math.sqrt(low - T)) : NONE,
);

/** (1/(z - T) - 1/z)/T = 1/(z (z - T)), for either sign of z. */
function inverseChord(low: number, high: number, T: number): number {
  const distance = low > 0 ? low : -high;
  return distance > T ? 1 / (distance * (distance - T)) : NONE;
}

const inverse = steepSomewhere((z) => 1 / z, inverseChord);

/**
 * Secants of z^p, no steeper than the largest |p| |z|^(p - 1) on the reach. Even and odd integers are defined
 * everywhere, other exponents for z >= 0.
 */
function powerChord(p: number, low: number, high: number, T: number): number {
  const integer = Number.isInteger(p);
  if (p === 0) return 0;
  // The steepest end: the one farther from 0 where the slope grows, the nearer one where it falls.
  const farthest = Math.max(-low, high) + T;
  const nearest = integer ? Math.max(low, -high) - T : low - T;
  if (!integer && !(nearest >= 0)) return NONE;
  if (p === 2) return farthest + Math.max(-low, high);
  // A power may underflow where p times it does not.
  if (p >= 1) return p * (farthest ** (p - 1) + 2 ** -1070);
  return nearest > 0 ? Math.abs(p) * (nearest ** (p - 1) + 2 ** -1070) : NONE;
}

/** z², whose value is exact except for one rounding. */
export const squared: Activation = {
  ...steepSomewhere(
    (z) => z * z,
    (low, high, T) => powerChord(2, low, high, T),
  ),
  relativeError: 2 ** -52,
};

/** x · x as the square it is; null for other products. */
export function squareOf(node: Node): Expression | null {
  const [a, b] = node.inputs;
  if (!a || a !== b) return null;
  return {
    inputs: [a],
    compile: (operands) => activated(required(node, operands, 0).dims, squared),
  };
}

/** c / z with c_i per cell. */
export const dividing = (dividend: (i: number) => number): Activation =>
  steepSomewhere(
    (z, i) => dividend(i) / z,
    (low, high, T, i) => Math.abs(dividend(i)) * inverseChord(low, high, T),
  );

/** z^p with one exponent for every cell or for each. */
function power(node: Node, operands: Operands): Action {
  required(node, operands, 0);
  const exponent = constantOperand(node, operands, 1, 'exponent');
  const { dims, spread, index } = againstConstant(node, operands, 0, exponent);
  const p = (i: number): number => exponent.values[index[i]!]!;
  const general = steepSomewhere(
    (z, i) => z ** p(i),
    (low, high, T, i) => powerChord(p(i), low, high, T),
  );
  const linear = exponent.values.every((value) => value === 1);
  const activation: Activation = linear
    ? smooth(
        (z) => z,
        1,
        () => 1,
        { relativeError: 0 },
        2 ** -60,
        () => ({ low: 1, high: 1 }),
      )
    : exponent.values.every((value) => value === 2)
      ? squared
      : general;
  return activated(dims, activation, 0, spread);
}

const plain: Readonly<Record<string, Activation>> = {
  Exp: exponential,
  Log: logarithm,
  Reciprocal: inverse,
  Sqrt: root,
};

export const powers: Operator = {
  types: [...Object.keys(plain), 'Pow'],
  expression: (node) =>
    node.opType === 'Pow' || node.opType === 'Sqrt' ? (writtenOutLpPool(node) ?? writtenOutNorm(node)) : null,
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const activation = plain[node.opType];
    return activation === undefined ? power(node, operands) : activated(dims, activation);
  },
};
