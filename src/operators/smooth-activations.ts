/** Bounded or exponential-tailed smooth activations: Selu, Celu, Softsign, Erf, Atan, and Sin, Cos; Abs, which folds. */
import { floatAttribute, type Node } from '../onnx/model/graph.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { activated } from './compile/nonlinear-action.ts';
import {
  type Activation,
  fallingFromZero,
  piecewiseLinear,
  type Range,
  smooth,
} from './nonlinear/activation.ts';
import { ERF_ERROR, erf } from './nonlinear/error-function.ts';
import type { Operator } from './operator.ts';

/** The distance of [low, high] to zero: where the derivatives of the sigmoids are steepest. */
const toZero = (low: number, high: number): number => Math.max(0, low, -high);

/** A computed constant, a little larger than the exact one. */
const up = (value: number): number => value * (1 + 2 ** -48);

const softsign = smooth(
  (z) => z / (1 + Math.abs(z)),
  1,
  (low, high) => 1 / (1 + toZero(low, high)) ** 2,
  {},
  2 ** -60,
  fallingFromZero((z) => 1 / (1 + z) ** 2),
);

const arctangent = smooth(
  Math.atan,
  1,
  (low, high) => 1 / (1 + toZero(low, high) ** 2),
  {},
  2 ** -60,
  fallingFromZero((z) => 1 / (1 + z ** 2)),
);

const ERF_STEEPEST = 2 / Math.sqrt(Math.PI);

const errorFunction = smooth(
  erf,
  up(ERF_STEEPEST),
  (low, high) => ERF_STEEPEST * Math.exp(-(toZero(low, high) ** 2)),
  { relativeError: ERF_ERROR },
  2 ** -60,
  fallingFromZero((z) => ERF_STEEPEST * Math.exp(-(z ** 2))),
);

/** Largest |cos| on [low, high]: 1 where the interval holds a multiple of pi (or its ends round too far off). */
function cosineSlope(low: number, high: number): number {
  if (Math.max(Math.abs(low), Math.abs(high)) > 1e6) return 1;
  if (Math.ceil(low / Math.PI) <= Math.floor(high / Math.PI)) return 1;
  return Math.max(Math.abs(Math.cos(low)), Math.abs(Math.cos(high)));
}

/** The smallest and the largest cos on [low, high]; -1 and 1 where its ends round too far off. */
function cosineRange(low: number, high: number): Range {
  if (Math.max(Math.abs(low), Math.abs(high)) > 1e6) return { low: -1, high: 1 };
  const holds = (offset: number): boolean =>
    Math.ceil((low - offset) / (2 * Math.PI) - 1e-9) <= Math.floor((high - offset) / (2 * Math.PI) + 1e-9);
  const ends = [Math.cos(low), Math.cos(high)];
  return {
    low: holds(Math.PI) ? -1 : Math.min(...ends),
    high: holds(0) ? 1 : Math.max(...ends),
  };
}

/** Near its zeros the cosine keeps the absolute error of its argument, not a relative one. */
const SLOPE_ERROR = 2 ** -48;

const sine = smooth(Math.sin, 1, cosineSlope, {}, SLOPE_ERROR, cosineRange);
const cosine = smooth(
  Math.cos,
  1,
  (low, high) => cosineSlope(low - Math.PI / 2, high - Math.PI / 2),
  {},
  SLOPE_ERROR,
  // cos' z = -sin z = cos(z + π/2).
  (low, high) => cosineRange(low + Math.PI / 2, high + Math.PI / 2),
);

const fold = { kinks: [0], slopes: [-1, 1] };
const absolute = piecewiseLinear(() => fold, Math.abs, { relativeError: 0 });

/** scale (z for z > 0, alpha (e^(z/width) - 1) below), with derivatives scale, and scale alpha/width e^(z/width). */
function exponentialTail(scale: number, alpha: number, width: number): Activation {
  const right = Math.abs(scale);
  const left = Math.abs((scale * alpha) / width);
  return smooth(
    (z) => (z > 0 ? scale * z : scale * alpha * Math.expm1(z / width)),
    up(Math.max(right, left)),
    (low, high) =>
      up(Math.max(high >= 0 ? right : 0, low <= 0 ? left * Math.exp(Math.min(high, 0) / width) : 0)),
    // The rounding of z/width in the exponent, where e^(z/width) still counts.
    { absoluteError: 2 ** -48 * Math.abs(scale * alpha) },
    2 ** -60,
    (low, high) => {
      const tail = (z: number): number => ((scale * alpha) / width) * Math.exp(Math.min(z, 0) / width);
      const slopes = [...(high >= 0 ? [scale] : []), ...(low <= 0 ? [tail(low), tail(high)] : [])];
      return { low: Math.min(...slopes), high: Math.max(...slopes) };
    },
  );
}

/** Klambauer et al. 2017; the standard's defaults are float32 numbers. */
const selu = (node: Node): Activation =>
  exponentialTail(
    floatAttribute(node, 'gamma', Math.fround(1.0507010221)),
    floatAttribute(node, 'alpha', Math.fround(1.6732631922)),
    1,
  );

/** Barron 2017: z for z > 0, alpha (e^(z/alpha) - 1) below. */
function celu(node: Node): Activation {
  const alpha = floatAttribute(node, 'alpha', 1);
  if (!(alpha > 0)) refuse(node, `alpha = ${alpha} makes it grow without limit or divide by zero`);
  return exponentialTail(1, alpha, alpha);
}

const plain: Readonly<Record<string, Activation>> = {
  Abs: absolute,
  Atan: arctangent,
  Cos: cosine,
  Erf: errorFunction,
  Sin: sine,
  Softsign: softsign,
};

export const saturating: Operator = {
  types: [...Object.keys(plain), 'Celu', 'Selu'],
  roles: { Celu: 'activation', Erf: 'activation', Selu: 'activation', Softsign: 'activation' },
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const activation = plain[node.opType] ?? (node.opType === 'Selu' ? selu(node) : celu(node));
    return activated(dims, activation);
  },
};
