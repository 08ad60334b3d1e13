/**
 * Activations that exporters write as a product of a tensor x and a gate of x, recognised as one operator: their secants
 * through the centre are far smaller than what a product of two dependent tensors allows.
 *
 *   x sigmoid(a x)                    Swish, SiLU
 *   x (1 + erf(a x))                  Gelu; a = 1/sqrt 2, as stored
 *   x (1 + tanh(c (x + k x³)))        Gelu by tanh; c and k equal to sqrt(2/π) and 0.044715 in float32
 *   x tanh(softplus(a x))             Mish
 *   x clip(s x + b, 0, m)             HardSwish, also as x HardSigmoid(s x)
 *
 * The recognised node is the product; factors around it (1/2, 1/6) are affine and stay nodes of their own, so every
 * exporter's order is the same expression, and no cut lies inside it: x bypasses the whole of it. Constants are taken as the
 * file stores them, not as they were meant: the activation is the one that the file computes. Whatever differs (another
 * x in the gate, a constant per channel, 0.9 + erf) is not a match, and the rule for products of dependent tensors applies.
 */
import { exactProduct, exactSum } from '../../ground/exact.ts';
import { floatAttribute, type Node, sizeOf, type Value } from '../../onnx/model/graph.ts';
import { required } from '../compile/compile-errors.ts';
import { activated } from '../compile/nonlinear-action.ts';
import { CUBIC, gelu, mish, ROOT_2_OVER_PI, rescaled, swish, tanhGeluOf } from '../gelus.ts';
import { hardSwishOf } from '../hard-sigmoids.ts';
import type { Expression } from '../operator.ts';
import type { Activation } from './activation.ts';

/** No exporter uses more nodes for a factor or a gate. */
const MOST_NODES = 12;

/** The expression that ends in this node, if it is the product of a tensor and its gate. */
export function gatedActivation(node: Node): Expression | null {
  const [a, b] = node.inputs;
  if (node.opType !== 'Mul' || node.domain !== '' || !a || !b) return null;
  const found = gated(a, b) ?? gated(b, a);
  if (found === null) return null;
  const { x, activation, rank } = found;
  return {
    inputs: [x],
    compile(operands) {
      const { dims } = required(node, operands, 0);
      // Constants like [[[0.5]]] add axes in front.
      const ones = new Array<number>(Math.max(0, rank - dims.length)).fill(1);
      return activated([...ones, ...dims], activation);
    },
  };
}

interface Gated {
  readonly x: Value;
  readonly activation: Activation;
  /** Largest rank of the constants. */
  readonly rank: number;
}

/** `factor` is a multiple of some x, and `gate` a gate of the same x. */
function gated(factor: Value, gate: Value): Gated | null {
  const constants: number[] = [0];
  const core = affineIn(gate, constants);
  if (core === null) return null;
  for (const { x, times } of multiples(factor, constants)) {
    const activation = activationOf(core, x, times, constants);
    if (activation !== null) return { x, activation, rank: Math.max(...constants) };
  }
  return null;
}

/**
 * Constants beyond this and its inverse are not a gate's: products of a dozen of them could leave float64, or make a
 * movement vanish.
 */
const LEAST_CONSTANT = 2 ** -40;

/** A number that is the same for all cells, if gates have such numbers; its rank is noted. */
export function scalar(value: Value | null | undefined, ranks: number[]): number | null {
  const constant = value?.constant;
  if (!constant || sizeOf(constant.dims) !== 1) return null;
  ranks.push(constant.dims.length);
  const number = constant.float64()[0] ?? 0;
  return number === 0 || (Math.abs(number) >= LEAST_CONSTANT && Math.abs(number) <= 1 / LEAST_CONSTANT)
    ? number
    : null;
}

const standard = (value: Value): Node | null =>
  value.producer !== null && value.producer.domain === '' && value.producer.outputs[0] === value
    ? value.producer
    : null;

/**
 * The value and everything it is a multiple of, through products with numbers.
 * @param ranks to which those of the numbers are added
 */
export function multiples(value: Value, ranks: number[]): { x: Value; times: number }[] {
  const found = [{ x: value, times: 1 }];
  for (let last = found[0]; last !== undefined && found.length < MOST_NODES; ) {
    const next = scaledFrom(last.x, ranks);
    if (next !== null) found.push({ x: next.x, times: last.times * next.times });
    last = next === null ? undefined : found.at(-1);
  }
  return found;
}

function scaledFrom(value: Value, ranks: number[]): { x: Value; times: number } | null {
  const node = standard(value);
  const [a, b] = node?.inputs ?? [];
  if (!node || !a) return null;
  if (node.opType === 'Neg') return { x: a, times: -1 };
  const right = scalar(b, ranks);
  if (node.opType === 'Div' && right) return { x: a, times: 1 / right };
  if (node.opType !== 'Mul') return null;
  if (right) return { x: a, times: right };
  const left = scalar(a, ranks);
  return left && b ? { x: b, times: left } : null;
}

/**
 * factor (gain F + offset), F the output of `core`. Gain and offset are exact, since they are compared: a rounding must not make
 * them equal. The factor may be rounded.
 */
interface AffineInCore {
  readonly core: Node;
  readonly factor: number;
  readonly gain: number;
  readonly offset: number;
}

/** Strips sums and products with numbers from a value; null where a sum is not exact. */
function affineIn(value: Value, ranks: number[], left = MOST_NODES): AffineInCore | null {
  const node = standard(value);
  if (node === null || left === 0) return null;
  const multiple = scaledFrom(value, ranks);
  if (multiple !== null) {
    const inner = affineIn(multiple.x, ranks, left - 1);
    return inner && { ...inner, factor: multiple.times * inner.factor };
  }
  if (node.opType !== 'Add') return { core: node, factor: 1, gain: 1, offset: 0 };
  const [a, b] = node.inputs;
  const [before, after] = [scalar(a, ranks), scalar(b, ranks)];
  const [operand, number] = after === null ? [b, before] : [a, after];
  if (!operand || number === null) return null;
  const inner = affineIn(operand, ranks, left - 1);
  return inner && plusNumber(inner, number);
}

function plusNumber({ core, factor, gain, offset }: AffineInCore, number: number): AffineInCore | null {
  const [scaledGain, scaledOffset] = [exactProduct(factor, gain), exactProduct(factor, offset)];
  const sum = scaledOffset === null ? null : exactSum(scaledOffset, number);
  return scaledGain === null || sum === null ? null : { core, factor: 1, gain: scaledGain, offset: sum };
}

/** times x factor (gain F(u(x)) + offset) as an activation of x, or null. */
function activationOf(gate: AffineInCore, x: Value, times: number, ranks: number[]): Activation | null {
  const { core, gain, offset } = gate;
  const u = core.inputs[0];
  if (!u) return null;
  const factor = times * gate.factor * gain;
  const polynomial = polynomialIn(u, x, ranks);
  const slope = linear(polynomial);
  const onePlus = offset === gain;
  switch (core.opType) {
    case 'Sigmoid':
      return slope && offset === 0 ? rescaled(swish(slope), 1, factor) : null;
    case 'Erf': {
      if (!slope || !onePlus) return null;
      // x (1 + erf(a x)) = 2 x Φ(sqrt 2 a x).
      const inner = Math.SQRT2 * slope;
      return rescaled(gelu, inner, (2 * factor) / inner);
    }
    case 'Tanh': {
      const softplus = standard(u);
      if (softplus?.opType === 'Softplus' && softplus.inputs[0] && offset === 0) {
        const inner = linear(polynomialIn(softplus.inputs[0], x, ranks));
        return inner ? rescaled(mish, inner, factor / inner) : null;
      }
      const [constant, c, square, cube] = polynomial ?? [];
      if (!onePlus || constant !== 0 || square !== 0 || !c || !cube) return null;
      if (!sameInFloat32(c, ROOT_2_OVER_PI) || !sameInFloat32(cube / c, CUBIC)) return null;
      return rescaled(tanhGeluOf(c, cube / c), 1, 2 * factor);
    }
    case 'HardSigmoid': {
      const alpha = floatAttribute(core, 'alpha', Math.fround(0.2)) * (slope ?? 0);
      const beta = floatAttribute(core, 'beta', 0.5);
      return alpha > 0 && offset === 0 ? rescaled(hardSwishOf(alpha, beta), 1, factor) : null;
    }
    case 'Clip': {
      const [shift, steepness = 0, ...higher] = polynomial ?? [];
      const top = limitsFromZero(core, ranks);
      if (shift === undefined || !(steepness > 0) || higher.length > 0 || top === null || offset !== 0)
        return null;
      return rescaled(hardSwishOf(steepness / top, shift / top), 1, factor * top);
    }
    default:
      return null;
  }
}

/** The a of a x, if the polynomial has that form; never 0. */
function linear(polynomial: readonly number[] | null): number | null {
  const [constant, slope, ...higher] = polynomial ?? [];
  return constant === 0 && slope && higher.length === 0 ? slope : null;
}

/** The upper limit of a Clip from 0; null for other limits, and for limits that are not numbers of the file. */
function limitsFromZero(clip: Node, ranks: number[]): number | null {
  const inputs = clip.opset >= 11;
  const low = inputs ? scalar(clip.inputs[1], ranks) : floatAttribute(clip, 'min', Number.NaN);
  const high = inputs ? scalar(clip.inputs[2], ranks) : floatAttribute(clip, 'max', Number.NaN);
  return low === 0 && high !== null && high > 0 && Number.isFinite(high) ? high : null;
}

/** Equal up to the last bits: exporters multiply such constants out in different orders. */
const sameInFloat32 = (a: number, b: number): boolean => Math.abs(a - b) <= 2 ** -22 * Math.abs(b);

/** Coefficients (constant first, no zero at the end) of a value that is a polynomial of x, up to x³; else null. */
function polynomialIn(value: Value, x: Value, ranks: number[]): readonly number[] | null {
  let visited = 0;
  const of = (v: Value | null | undefined): Polynomial => {
    if (!v) return null;
    if (v === x) return [ZERO, given(1)];
    if (v.constant !== null) {
      const number = scalar(v, ranks);
      return number === null ? null : trimmed([given(number)]);
    }
    const node = standard(v);
    if (node === null || ++visited > MOST_NODES) return null;
    const [left, right] = node.inputs;
    switch (node.opType) {
      case 'Neg':
        return product(of(left), [given(-1)]);
      case 'Add':
        return sum(of(left), of(right));
      case 'Sub':
        return sum(of(left), product(of(right), [given(-1)]));
      case 'Mul':
        return product(of(left), of(right));
      case 'Div': {
        const divisor = scalar(right, ranks);
        return divisor ? (of(left)?.map((c) => over(c, divisor)) ?? null) : null;
      }
      case 'Pow': {
        const base = of(left);
        const exponent = scalar(right, ranks);
        if (exponent === 2) return product(base, base);
        return exponent === 3 ? product(base, product(base, base)) : null;
      }
      default:
        return null;
    }
  };
  return of(value)?.map((coefficient) => coefficient.value) ?? null;
}

/** A coefficient up to a few relative roundings; 0 only if it is. */
interface Coefficient {
  readonly value: number;
  readonly exact: boolean;
}

const given = (value: number): Coefficient => ({ value, exact: true });
const ZERO = given(0);

type Polynomial = readonly Coefficient[] | null;

const over = ({ value, exact }: Coefficient, divisor: number): Coefficient => {
  const quotient = value / divisor;
  return { value: quotient, exact: exact && exactProduct(quotient, divisor) === value };
};

/** Null where a sum would round: then one of the two could hide the other, and come back as the only one. */
function added(a: Coefficient, b: Coefficient): Coefficient | null {
  if (a.value === 0) return b;
  if (b.value === 0) return a;
  const sum = a.exact && b.exact ? exactSum(a.value, b.value) : null;
  return sum === null ? null : given(sum);
}

const multiplied = (a: Coefficient, b: Coefficient): Coefficient => ({
  value: a.value * b.value,
  exact: a.exact && b.exact && exactProduct(a.value, b.value) !== null,
});

function trimmed(coefficients: readonly Coefficient[]): readonly Coefficient[] {
  const last = coefficients.findLastIndex(({ value }) => value !== 0);
  return coefficients.slice(0, last + 1);
}

/** Null where a coefficient is. */
function allOf(coefficients: readonly (Coefficient | null)[]): Polynomial {
  const known = coefficients.filter((coefficient) => coefficient !== null);
  return known.length === coefficients.length ? trimmed(known) : null;
}

function sum(a: Polynomial, b: Polynomial): Polynomial {
  if (a === null || b === null) return null;
  const length = Math.max(a.length, b.length);
  return allOf(Array.from({ length }, (_, k) => added(a[k] ?? ZERO, b[k] ?? ZERO)));
}

/** Null beyond x³ as well. */
function product(a: Polynomial, b: Polynomial): Polynomial {
  if (a === null || b === null || a.length + b.length > 5) return null;
  const found = new Array<Coefficient | null>(Math.max(0, a.length + b.length - 1)).fill(ZERO);
  a.forEach((ca, i) => {
    b.forEach((cb, j) => {
      const before = found[i + j] ?? null;
      found[i + j] = before && added(before, multiplied(ca, cb));
    });
  });
  return allOf(found);
}
