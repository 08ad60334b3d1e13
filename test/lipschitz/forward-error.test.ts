/** The forward-error bound of the left half against the same network in 320-bit fixed point, computed independently. */
import { describe, expect, it } from 'vitest';
import { evaluateLeftHalf } from '../../src/lipschitz/evaluate-left-half.ts';
import { floatTensor, intsAttr, node } from '../onnx/tiny-model.ts';
import { compiled } from '../operators/compiled.ts';
import { floatAttr, type OneOperator } from '../operators/one-operator.ts';
import { randomSource } from '../operators/random.ts';
import { distance, exponential, fixed, ONE, over, PI, squareRoot, times } from './fixed-point.ts';

const INNER = 12;
const OUTER = 5;
const alpha = Math.fround(0.3);

const clamped = (a: bigint): bigint => (a < 0n ? 0n : a > ONE ? ONE : a);

/** 2/sqrt(pi) Σ (-1)^n a^(2n+1) / (n! (2n+1)); past 9 it is 1 within 2^-118. */
function errorFunction(a: bigint): bigint {
  if (a > 9n * ONE) return ONE;
  if (a < -9n * ONE) return -ONE;
  let [sum, power] = [0n, a];
  for (let n = 1n; n < 500n && power !== 0n; n++) {
    sum += power / (2n * n - 1n);
    power = -times(times(power, a), a) / n;
  }
  return over(2n * sum, squareRoot(PI));
}

const activations: Readonly<Record<string, (z: bigint) => bigint>> = {
  Relu: (z) => (z > 0n ? z : 0n),
  LeakyRelu: (z) => (z > 0n ? z : times(fixed(alpha), z)),
  Elu: (z) => (z > 0n ? z : times(fixed(alpha), exponential(z) - ONE)),
  Sigmoid: (z) => over(ONE, ONE + exponential(-z)),
  HardSigmoid: (z) => clamped(times(fixed(Math.fround(0.2)), z) + ONE / 2n),
  HardSwish: (z) => times(z, clamped(z / 6n + ONE / 2n)),
  Gelu: (z) => times(z, ONE + errorFunction(times(z, squareRoot(ONE / 2n)))) / 2n,
  Mish: (z) => {
    const square = times(ONE + exponential(z), ONE + exponential(z));
    return over(times(z, square - ONE), square + ONE);
  },
  Softsign: (z) => over(z, ONE + (z < 0n ? -z : z)),
  Erf: (z) => errorFunction(z),
  // Without a Lipschitz constant: the error is that of chords near the centre.
  Exp: (z) => exponential(z),
  Tanh: (z) => over(exponential(2n * z) - ONE, exponential(2n * z) + ONE),
};

/** Sub, Div, Gemm, BatchNormalization, activation, MatMul, Mul, ReduceMean added back. */
function network(seed: number, activation: string, spread: number) {
  const random = randomSource(seed);
  const c = (size: number, s = 1): number[] => random.float32s(size, s);
  const positive = (size: number): number[] => c(size).map((v) => Math.fround(v * v + 0.05));
  const w = {
    mean: c(8),
    std: positive(8),
    w1: c(8 * INNER, spread),
    b1: c(INNER),
    scale: c(INNER),
    shift: c(INNER),
    centre: c(INNER),
    variance: positive(INNER),
    w2: c(INNER * OUTER, spread),
    gain: c(OUTER),
  };
  const dims: Record<keyof typeof w, number[]> = {
    mean: [8],
    std: [8],
    w1: [8, INNER],
    b1: [INNER],
    scale: [INNER],
    shift: [INNER],
    centre: [INNER],
    variance: [INNER],
    w2: [INNER, OUTER],
    gain: [OUTER],
  };
  const attribute = ['LeakyRelu', 'Elu'].includes(activation) ? [floatAttr('alpha', alpha)] : [];
  const model: OneOperator = {
    nodes: [
      node('Sub', ['x', 'mean'], 'n0'),
      node('Div', ['n0', 'std'], 'n1'),
      node('Gemm', ['n1', 'w1', 'b1'], 'h0', { attribute: [floatAttr('alpha', alpha)] }),
      node('BatchNormalization', ['h0', 'scale', 'shift', 'centre', 'variance'], 'h1'),
      node(activation, ['h1'], 'a', { attribute }),
      node('MatMul', ['a', 'w2'], 'o'),
      node('Mul', ['o', 'gain'], 'g'),
      node('ReduceMean', ['a'], 'm', { attribute: [intsAttr('axes', [1])] }),
      node('Add', ['g', 'm'], 'y'),
    ],
    initializers: (Object.keys(w) as (keyof typeof w)[]).map((name) =>
      floatTensor(name, dims[name], w[name]),
    ),
    dims: [1, 8],
    opset: 17,
  };
  const x = Float64Array.from(c(8));

  const at = (values: readonly number[], i: number): bigint => fixed(values[i] as number);
  const normalised = Array.from(x, (v, i) => over(fixed(v) - at(w.mean, i), at(w.std, i)));
  const hidden = Array.from({ length: INNER }, (_, j) => {
    const product = normalised.reduce((sum, v, i) => sum + times(v, at(w.w1, i * INNER + j)), 0n);
    const z = times(fixed(alpha), product) + at(w.b1, j);
    const deviation = squareRoot(at(w.variance, j) + fixed(Math.fround(1e-5)));
    const scaled = over(times(z - at(w.centre, j), at(w.scale, j)), deviation) + at(w.shift, j);
    return (activations[activation] as (z: bigint) => bigint)(scaled);
  });
  const average = hidden.reduce((sum, v) => sum + v, 0n) / BigInt(INNER);
  const exact = Array.from({ length: OUTER }, (_, k) => {
    const product = hidden.reduce((sum, v, j) => sum + times(v, at(w.w2, j * OUTER + k)), 0n);
    return times(product, at(w.gain, k)) + average;
  });
  return { model, x, exact };
}

describe('the forward error of the left half', () => {
  it.each(Object.keys(activations))('covers the distance to a 320-bit evaluation, with %s', (activation) => {
    for (let seed = 0; seed < 60; seed++) {
      const { model, x, exact } = network(
        seed,
        activation,
        seed % 3 === 0 && activation !== 'Exp' ? 10 : 0.5,
      );
      const { latent } = evaluateLeftHalf(compiled(model), x);
      const error = distance(latent.value, exact);
      expect(error).toBeLessThanOrEqual(latent.error);
      // A bound that only holds by being enormous would eat the radius.
      const size = Math.sqrt(latent.value.reduce((sum, v) => sum + v * v, 0));
      expect(latent.error).toBeLessThan(1e-8 * (1 + size));
    }
  });

  it('carries what a cancelling first layer loses through the activation', () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = randomSource(300 + seed);
      const x = Float64Array.from(random.float32s(9));
      const w1 = random.float32s(9 * 6, 1e4);
      const exactProduct = (j: number): bigint =>
        x.reduce((sum, v, i) => sum + times(fixed(v), fixed(w1[i * 6 + j] as number)), 0n);
      // The bias takes nearly everything away again, and with it every correct digit but the first few.
      const b1 = Array.from({ length: 6 }, (_, j) => -Math.fround(Number(exactProduct(j)) / Number(ONE)));
      const w2 = random.float32s(6 * 2);
      const half = compiled({
        nodes: [
          node('Gemm', ['x', 'w1', 'b1'], 'z'),
          node('LeakyRelu', ['z'], 'a', { attribute: [floatAttr('alpha', 0.5)] }),
          node('MatMul', ['a', 'w2'], 'y'),
        ],
        initializers: [
          floatTensor('w1', [9, 6], w1),
          floatTensor('b1', [6], b1),
          floatTensor('w2', [6, 2], w2),
        ],
        dims: [1, 9],
        opset: 17,
      });
      const hidden = b1.map((b, j) => {
        const z = exactProduct(j) + fixed(b);
        return z > 0n ? z : z / 2n;
      });
      const exact = [0, 1].map((k) =>
        hidden.reduce((sum, v, j) => sum + times(v, fixed(w2[j * 2 + k] as number)), 0n),
      );
      const { latent } = evaluateLeftHalf(half, x);
      expect(distance(latent.value, exact)).toBeLessThanOrEqual(latent.error);
      expect(latent.error).toBeLessThan(1e-7);
    }
  });

  it('is 0 for a network that only moves cells', () => {
    const model: OneOperator = {
      nodes: [node('Transpose', ['x'], 't'), node('Relu', ['t'], 'y')],
      initializers: [],
      dims: [1, 3, 4],
      opset: 17,
    };
    const half = compiled(model);
    const { latent, inputs } = evaluateLeftHalf(half, randomSource(1).normals(12));
    expect(inputs[0]?.error).toBe(0);
    expect(latent.error).toBeLessThan(1e-14);
  });
});
