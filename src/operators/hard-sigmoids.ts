/** HardSigmoid (piecewise linear) and HardSwish, z times a HardSigmoid (piecewise quadratic). */

import { UNIT_ROUNDOFF } from '../ground/rounding-error.ts';
import { floatAttribute, type Node } from '../onnx/model/graph.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { activated } from './compile/nonlinear-action.ts';
import { type Activation, piecewiseLinear, smooth } from './nonlinear/activation.ts';
import type { Operator } from './operator.ts';

/** max(0, min(1, alpha z + beta)). */
function hardSigmoid(node: Node): Activation {
  const alpha = floatAttribute(node, 'alpha', Math.fround(0.2));
  const beta = floatAttribute(node, 'beta', 0.5);
  const kinks = [-beta / alpha, (1 - beta) / alpha].sort((a, b) => a - b);
  if (!kinks.every(Number.isFinite))
    refuse(node, `alpha = ${alpha} makes it a constant`, 'Remove the node before export.');
  const pieces = { kinks, slopes: [0, alpha, 0] };
  return piecewiseLinear(
    () => pieces,
    (z) => Math.max(0, Math.min(1, alpha * z + beta)),
    {
      // Where it is not clamped, |alpha z| <= 1 + |beta|; both operations round, and one more to be safe.
      absoluteError: 4 * UNIT_ROUNDOFF * (1 + Math.abs(beta)),
      kinkError: 4 * UNIT_ROUNDOFF * Math.max(...kinks.map(Math.abs)),
    },
  );
}

/** (2z + 3)/6 between -3 and 3. */
const quadraticSlope = (z: number): number => (2 * z + 3) / 6;

/**
 * z max(0, min(1, z/6 + 1/2)): 0 up to -3, z from 3 on, z(z + 3)/6 between. Its derivative is linear between the kinks,
 * steepest at their ends: 3/2 at 3.
 */
const bend = smooth(
  (z) => (z <= -3 ? 0 : z >= 3 ? z : (z * (z + 3)) / 6),
  1.5,
  (low, high) => {
    const outer = high >= 3 ? 1 : 0;
    if (high < -3 || low > 3) return outer;
    const ends = [Math.max(low, -3), Math.min(high, 3)].map((z) => Math.abs(quadraticSlope(z)));
    return Math.max(outer, ...ends);
  },
  {},
  2 ** -60,
  (low, high) => {
    const slopes = [
      ...(low <= -3 ? [0] : []),
      ...(high >= 3 ? [1] : []),
      ...(high >= -3 && low <= 3 ? [Math.max(low, -3), Math.min(high, 3)].map(quadraticSlope) : []),
    ];
    return { low: Math.min(...slopes), high: Math.max(...slopes) };
  },
);
export const hardSwish: Activation = {
  ...bend,
  isConstant: (z, T, e) => z + T + e < -3 - 2 ** -50 * (Math.abs(z) + T + e),
};

/**
 * z max(0, min(1, alpha z + beta)), alpha > 0, as files write it out: 0 below the lower kink, z above the upper one, and
 * between them z (alpha z + beta), whose slope 2 alpha z + beta rises from -beta to 2 - beta.
 */
export function hardSwishOf(alpha: number, beta: number): Activation {
  const [lower, upper] = [-beta / alpha, (1 - beta) / alpha];
  const size = (1 + Math.abs(beta)) / alpha;
  const kinkError = 8 * UNIT_ROUNDOFF * size;
  const phi = smooth(
    (z) => z * Math.max(0, Math.min(1, alpha * z + beta)),
    Math.max(1, Math.abs(beta), Math.abs(2 - beta)),
    (low, high) => {
      if (high < lower - kinkError) return 0;
      if (low > upper + kinkError) return 1;
      const ends = [Math.max(low, lower), Math.min(high, upper)].map((z) => Math.abs(2 * alpha * z + beta));
      return Math.max(high > upper - kinkError ? 1 : 0, ...ends);
    },
    { absoluteError: 8 * UNIT_ROUNDOFF * size * (1 + Math.abs(beta)) },
    2 ** -40 * (1 + Math.abs(beta)),
    (low, high) => {
      const slopes = [
        ...(low <= lower + kinkError ? [0] : []),
        ...(high >= upper - kinkError ? [1] : []),
        ...(high >= lower - kinkError && low <= upper + kinkError
          ? [Math.max(low, lower), Math.min(high, upper)].map((z) => 2 * alpha * z + beta)
          : []),
      ];
      return { low: Math.min(...slopes), high: Math.max(...slopes) };
    },
  );
  return {
    ...phi,
    isConstant: (z, T, e) => z + T + e < lower - kinkError - 2 ** -50 * (Math.abs(z) + T + e),
  };
}

export const hardSigmoids: Operator = {
  types: ['HardSigmoid', 'HardSwish'],
  roles: { HardSigmoid: 'activation', HardSwish: 'activation' },
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const activation = node.opType === 'HardSwish' ? hardSwish : hardSigmoid(node);
    return activated(dims, activation);
  },
};
