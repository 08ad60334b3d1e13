/**
 * z times a sigmoid: Gelu (exact and with tanh), Mish, Swish. None is monotone; the derivative of each falls to a valley
 * left of 0, rises to a peak right of it, and falls again. A comment at each shows that there are only these two extrema; their
 * places and the slopes there were computed with mpmath, the peaks rounded up.
 */
import { floatAttribute, type Node, stringAttribute } from '../onnx/model/graph.ts';
import { refuse, required } from './compile/compile-errors.ts';
import { activated } from './compile/nonlinear-action.ts';
import { type Activation, betweenExtrema, slopesBetweenExtrema, smooth } from './nonlinear/activation.ts';
import { normalCdf, normalDensity } from './nonlinear/error-function.ts';
import type { Operator } from './operator.ts';

/** 1/(1 + e^-y), and its derivative without cancellation. */
const logistic = (y: number): number => (y >= 0 ? 1 / (1 + Math.exp(-y)) : Math.exp(y) / (1 + Math.exp(y)));
const logisticSlope = (y: number): number => {
  const e = Math.exp(-Math.abs(y));
  return e / (1 + e) ** 2;
};

/**
 * Φ has an absolute error below 2^-46, and a relative one of a few units beyond |z| = 3.6; the other sigmoids have one
 * of a few units, up to the rounding of their exponent y, whose y e^-y stays small. Two such products make a derivative.
 */
const ACCURACY = { relativeError: 2 ** -44, absoluteError: 2 ** -43 };
const SLOPE_ERROR = 2 ** -40;

/** Products such as ∞ · 0 far out take their limits. */
const product = (z: number, factor: number): number => (factor === 0 ? 0 : z * factor);

/** Hendrycks & Gimpel 2016: z Φ(z). phi' = Φ + z φ_N, phi'' = φ_N(z) (2 - z²): extrema at ±sqrt 2 and nowhere else. */
const geluSlope = (z: number): number => normalCdf(z) + product(z, normalDensity(z));
export const gelu: Activation = smooth(
  (z) => product(z, normalCdf(z)),
  1.1289041451852,
  betweenExtrema(geluSlope, -Math.SQRT2, Math.SQRT2),
  ACCURACY,
  SLOPE_ERROR,
  slopesBetweenExtrema(geluSlope, -Math.SQRT2, Math.SQRT2),
);

/** Where phi'' of the Gelu by tanh is 0. */
const TANH_GELU_PEAK = 1.4185040087908285;
export const CUBIC = 0.044715;
export const ROOT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/**
 * z/2 (1 + tanh u) = z logistic(2u), u = c z (1 + k z²). phi'(z) + phi'(-z) = 1, so phi'' is even. With q = 3 k z²,
 * phi'' > 0 for z > 0 exactly if (1 + 2q)/(1 + q)² / (c z) > tanh u; the left side falls from ∞ to 0, since
 * (1 + 2q)/(1 + q)² = 1 - (q/(1 + q))², and the right side rises from 0: one root on either side of 0.
 *
 * `c` and `k` are sqrt(2/π) and 0.044715 as some file rounds them, within 2^-22 of them. The roots are those of the exact
 * constants: they move by less than 2^-20, where the slope changes by less than 2^-40, being level there. The largest
 * slope changes by less than 4 times the relative change of a constant.
 */
export function tanhGeluOf(c: number, k: number): Activation {
  const rounded = c !== ROOT_2_OVER_PI || k !== CUBIC;
  const doubled = (z: number): number => 2 * c * z * (1 + k * z * z);
  const slopeAt = (z: number): number => {
    const y = doubled(z);
    const slope = logisticSlope(y);
    return logistic(y) + (slope === 0 ? 0 : z * slope * 2 * c * (1 + 3 * k * z * z));
  };
  return smooth(
    (z) => product(z, logistic(doubled(z))),
    1.1289930686588 * (rounded ? 1 + 2 ** -18 : 1),
    betweenExtrema(slopeAt, -TANH_GELU_PEAK, TANH_GELU_PEAK),
    ACCURACY,
    SLOPE_ERROR,
    slopesBetweenExtrema(slopeAt, -TANH_GELU_PEAK, TANH_GELU_PEAK),
  );
}

export const tanhGelu: Activation = tanhGeluOf(ROOT_2_OVER_PI, CUBIC);

/** τ = tanh(log(1 + e^z)) and τ', by w = e^z or its inverse, whichever is at most 1. */
function mishFactor(z: number): { tau: number; slope: number } {
  const v = Math.exp(-Math.abs(z));
  const [n, d, s] =
    z > 0
      ? [1 + 2 * v, 1 + 2 * v + 2 * v * v, 4 * v * v * (1 + v)]
      : [v * (v + 2), v * (v + 2) + 2, 4 * v * (v + 1)];
  return { tau: n / d, slope: s / (d * d) };
}

/**
 * Misra 2019: z tanh(log(1 + e^z)) = z τ, phi'' = 2τ' + z τ'' = τ' (2 + z ψ) with ψ = τ''/τ'. In w = e^z,
 * ψ = (1 + 2w)/(1 + w) - 4w(w + 1)/(w² + 2w + 2) falls from 1 to -2 (ψ' < 0 comes to (s + 1)² < 4s(s + 1 + 2w) for
 * s = (1 + w)² >= 1), with its zero z0 < 0 as ψ(0) = -1/10. So z ψ falls for z > 0 (one root of 2 + z ψ), is
 * positive between z0 and 0 (none), and rises left of z0 (one).
 */
const mishSlope = (z: number): number => {
  const { tau, slope } = mishFactor(z);
  return tau + product(z, slope);
};
const [MISH_VALLEY, MISH_PEAK] = [-2.256376396360793, 1.4905711794854284];
export const mish: Activation = smooth(
  (z) => product(z, mishFactor(z).tau),
  1.0884981612518,
  betweenExtrema(mishSlope, MISH_VALLEY, MISH_PEAK),
  ACCURACY,
  SLOPE_ERROR,
  slopesBetweenExtrema(mishSlope, MISH_VALLEY, MISH_PEAK),
);

/** s(y) = y logistic(y): s'' = logistic'(y) (2 - y tanh(y/2)), and y tanh(y/2) is even and rises for y > 0. */
const siluSlopeAt = (y: number): number => logistic(y) + product(y, logisticSlope(y));
const SILU_PEAK = 2.3993572805154675;
const siluSlope = betweenExtrema(siluSlopeAt, -SILU_PEAK, SILU_PEAK);
const siluSlopes = slopesBetweenExtrema(siluSlopeAt, -SILU_PEAK, SILU_PEAK);
const SILU_STEEPEST = 1.0998393201289;

/** Ramachandran et al. 2017: z logistic(alpha z) = s(alpha z)/alpha, so phi'(z) = s'(alpha z). Alpha 1: SiLU. */
export function swish(alpha: number): Activation {
  const scaled = (low: number, high: number): [number, number] => {
    const [a, b] = [alpha * low, alpha * high];
    const rounding = 2 ** -50 * Math.max(Math.abs(a), Math.abs(b));
    return [Math.min(a, b) - rounding, Math.max(a, b) + rounding];
  };
  return smooth(
    (z) => product(z, logistic(alpha * z)),
    SILU_STEEPEST,
    (low, high) => siluSlope(...scaled(low, high)),
    ACCURACY,
    SLOPE_ERROR,
    (low, high) => siluSlopes(...scaled(low, high)),
  );
}

/**
 * outer phi(inner z) for one of the activations above. The rounding of inner z changes phi by what 2^-51 y phi'(y) is at
 * most, y = inner z, and |y phi'(y)| <= |phi(y)| + y² s'(y) <= |phi(y)| + 1 for phi = y s(y) with these sigmoids s.
 */
export function rescaled(phi: Activation, inner: number, outer: number): Activation {
  if (inner === 1 && outer === 1) return phi;
  const [stretch, gain] = [Math.abs(inner), Math.abs(outer)];
  const up = 1 + 2 ** -50;
  const slope = stretch * gain * up;
  const reach = (T: number): number => stretch * T * up;
  const within = (z: number, e: number): number =>
    (stretch * e + (inner === 1 ? 0 : Math.abs(inner * z) * 2 ** -51)) * up;
  const { chords } = phi;
  const factor = inner * outer;
  return {
    ...(chords === undefined
      ? {}
      : {
          chords(z, T, e, i) {
            const { low, high } = chords(inner * z, reach(T), within(z, e), i);
            const ends = [factor * low, factor * high];
            // inner and outer are as stored; their product and its own round.
            const rounding = slope * Math.max(Math.abs(low), Math.abs(high)) * 2 ** -50;
            return { low: Math.min(...ends) - rounding, high: Math.max(...ends) + rounding };
          },
        }),
    value: (z, i) => outer * phi.value(inner * z, i),
    relativeError: phi.relativeError + 2 ** -50,
    absoluteError: gain * (phi.absoluteError + (inner === 1 ? 0 : 2 ** -50)),
    lipschitz: (i) => slope * phi.lipschitz(i),
    secant: (z, T, e, i) => slope * phi.secant(inner * z, reach(T), within(z, e), i),
    displacement: (z, T, e, i) => gain * up * phi.displacement(inner * z, reach(T), within(z, e), i),
    isConstant: (z, T, e, i) => phi.isConstant(inner * z, reach(T), within(z, e), i),
  };
}

function geluOf(node: Node): Activation {
  const approximate = stringAttribute(node, 'approximate', 'none');
  if (approximate === 'none') return gelu;
  if (approximate === 'tanh') return tanhGelu;
  return refuse(node, `approximate = '${approximate}' is not in the ONNX standard`, 'Re-export the model.');
}

export const gelus: Operator = {
  types: ['Gelu', 'Mish', 'Swish'],
  roles: { Gelu: 'activation', Mish: 'activation', Swish: 'activation' },
  compile(node, operands) {
    const { dims } = required(node, operands, 0);
    const activation =
      node.opType === 'Gelu'
        ? geluOf(node)
        : node.opType === 'Mish'
          ? mish
          : swish(floatAttribute(node, 'alpha', 1));
    return activated(dims, activation);
  },
};
