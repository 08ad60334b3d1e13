/** Losses of the smoothed right half: against PyTorch in float64 (tools/golden/losses.py), and at the edges of float32. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { detach } from '../../src/training/detach.ts';
import {
  createLoss,
  describeLoss,
  type LossSettings,
  lossNames,
  parseLoss,
} from '../../src/training/losses/index.ts';
import type { LossInputs } from '../../src/training/losses/loss.ts';
import { normalQuantile } from '../../src/training/losses/normal-quantile.ts';
import type { NamedTensors } from '../../src/training/program.ts';
import file from '../fixtures/training-losses.json' with { type: 'json' };

interface LossCase {
  readonly settings: LossSettings;
  readonly strength: number;
  readonly latentRange: readonly [number, number] | null;
  readonly sigma: number;
  readonly latent: readonly number[];
  readonly noise: readonly number[];
  readonly weights: readonly number[];
  readonly bias: readonly number[];
  readonly uniforms: readonly number[];
  readonly labels: readonly number[];
  readonly loss: number;
  readonly gradients: { readonly [K in Leaf]: readonly number[] };
  readonly logits: readonly number[];
}
type Leaf = 'latent' | 'weights' | 'bias';

interface Golden {
  readonly dims: { readonly batch: number; readonly latent: readonly number[]; readonly classes: number };
  readonly losses: readonly LossCase[];
  readonly quantiles: readonly { readonly p: number; readonly value: number; readonly derivative: number }[];
}

const golden = file as unknown as Golden;
const { batch, latent: latentDims, classes } = golden.dims;
const size = latentDims.reduce((a, b) => a * b, 1);

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** ‖found - expected‖ / ‖expected‖. */
function relativeError(found: ArrayLike<number>, expected: readonly number[]): number {
  expect(found.length).toBe(expected.length);
  const difference = Math.hypot(...expected.map((e, i) => (found[i] as number) - e));
  return difference / Math.hypot(...expected);
}

/** Loss, logits and gradients of a loss for the linear right half of a case, each part replaceable. */
function evaluate(
  settings: LossSettings,
  given: Omit<LossCase, 'settings' | 'loss' | 'gradients' | 'logits'>,
  change: (inputs: LossInputs) => Partial<LossInputs> = () => ({}),
): { loss: number; logits: Float32Array; gradients: Record<Leaf, Float32Array> } {
  const loss = createLoss(settings);
  const rows = loss.draws * batch;
  const leaves = [
    tf.tensor(given.latent as number[], [batch, ...latentDims]),
    tf.tensor(given.weights as number[], [size, classes]),
    tf.tensor(given.bias as number[], [classes]),
  ];
  const uniforms: NamedTensors = Object.fromEntries(
    [...loss.uniforms(batch)].map(([name, dims]) => [name, tf.tensor(given.uniforms as number[], [...dims])]),
  );
  let logits: Float32Array = new Float32Array();
  const { value, grads } = tf.valueAndGrads((latent: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor) => {
    const inputs: LossInputs = {
      logitsOf: (rows) =>
        tf.add(tf.matMul(tf.reshape(rows, [-1, size]) as tf.Tensor2D, weights as tf.Tensor2D), bias),
      latent,
      noise: tf.tensor(given.noise.slice(0, rows * size), [rows, ...latentDims]),
      labels: tf.cast(tf.oneHot(tf.tensor1d([...given.labels], 'int32'), classes), 'float32'),
      sigma: tf.scalar(given.sigma),
      strength: tf.scalar(given.strength),
      latentRange: given.latentRange,
      uniforms,
    };
    const found = loss.compute(tf, { ...inputs, ...change(inputs) });
    expect(found.logits.shape).toEqual([rows, classes]);
    logits = found.logits.dataSync<'float32'>();
    return found.loss;
  })(leaves);
  const [latent, weights, bias] = grads.map((g) => g.dataSync<'float32'>()) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  return { loss: value.dataSync()[0] as number, logits, gradients: { latent, weights, bias } };
}

const moderate = golden.losses[2] as LossCase;
/** The settings of every loss, defaults and golden ones. */
const everyLoss = lossNames
  .map((name) => parseLoss(name))
  .map((s) => ({ ...s, draws: Math.min(s.draws, 4) }));
const except = (kind: string): LossSettings[] => everyLoss.filter((settings) => settings.kind !== kind);

describe('each loss of a smoothed right half', () => {
  it.each(golden.losses.map((c, i) => [i, describeLoss(c.settings), c] as const))(
    'agrees with PyTorch in float64, value and gradients (case %i, %s)',
    (_, __, c) => {
      const found = evaluate(c.settings, c);
      expect(Math.abs(found.loss - c.loss)).toBeLessThan(1e-5 * Math.abs(c.loss));
      expect(relativeError(found.logits, c.logits)).toBeLessThan(1e-5);
      for (const leaf of ['latent', 'weights', 'bias'] as const) {
        expect(relativeError(found.gradients[leaf], c.gradients[leaf]), leaf).toBeLessThan(1e-5);
      }
    },
  );

  it.each(everyLoss)(
    'stays finite, gradients too, when the logits are in the thousands ($kind)',
    (settings) => {
      const saturated = { ...moderate, weights: moderate.weights.map((w) => 5000 * w) };
      const found = evaluate(settings, saturated);
      expect(Number.isFinite(found.loss)).toBe(true);
      for (const gradient of Object.values(found.gradients))
        expect([...gradient].every(Number.isFinite)).toBe(true);
    },
  );

  it.each(except('macer'))('is the plain cross-entropy at strength 0 ($kind)', (settings) => {
    const plain = evaluate({ kind: 'gaussian', draws: settings.draws }, moderate);
    const found = evaluate(settings, { ...moderate, strength: 0 });
    expect(found.loss).toBeCloseTo(plain.loss, 6);
    expect(relativeError(found.gradients.weights, [...plain.gradients.weights])).toBeLessThan(1e-5);
  });

  it('MACER with one draw and no radius is the plain cross-entropy', () => {
    const found = evaluate({ kind: 'macer', draws: 1, lambda: 0, gamma: 8, beta: 16 }, moderate);
    const plain = evaluate({ kind: 'gaussian', draws: 1 }, moderate);
    expect(found.loss).toBeCloseTo(plain.loss, 6);
  });

  it.each(everyLoss)('leaves no tensor behind ($kind)', (settings) => {
    const held = (): number => {
      tf.tidy(() => {
        evaluate(settings, moderate);
      });
      return tf.memory().numTensors;
    };
    expect(held()).toBe(held());
  });

  it.each(everyLoss)('takes a latent of any rank ($kind)', (settings) => {
    const found = evaluate(settings, moderate);
    const flat = evaluate(settings, moderate, ({ latent, noise }) => ({
      latent: tf.reshape(latent, [batch, 1, ...latentDims, 1]),
      noise: tf.reshape(noise, [noise.shape[0]!, 1, ...latentDims, 1]),
    }));
    expect(flat.loss).toBe(found.loss);
    expect(flat.gradients.latent).toEqual(found.gradients.latent);
  });

  // SmoothMix: the adversary moves with the bias, and that is left out of the gradient on purpose.
  it.each(except('smoothmix'))('has a gradient that finite differences confirm ($kind)', (settings) => {
    const direction = [0.6, -0.2, 0.3, -0.5, 0.1];
    const step = 1e-3;
    const at = (t: number): number =>
      evaluate(settings, { ...moderate, bias: moderate.bias.map((b, i) => b + t * direction[i]!) }).loss;
    const slope = evaluate(settings, moderate).gradients.bias.reduce(
      (sum, g, i) => sum + g * direction[i]!,
      0,
    );
    expect(Math.abs((at(step) - at(-step)) / (2 * step) - slope)).toBeLessThan(0.01 * Math.abs(slope) + 1e-3);
  });
});

describe('consistency', () => {
  const settings = parseLoss('consistency:draws=3,lambda=7,eta=0');

  it('adds nothing when all draws of an image agree', () => {
    const silent = { ...moderate, noise: moderate.noise.map(() => 0) };
    const plain = evaluate({ kind: 'gaussian', draws: 3 }, silent);
    expect(Math.abs(evaluate(settings, silent).loss - plain.loss)).toBeLessThan(1e-5);
  });

  it('does not multiply the entropy by lambda', () => {
    const silent = { ...moderate, noise: moderate.noise.map(() => 0) };
    const one = evaluate(parseLoss('consistency:draws=2,lambda=1,eta=0.5'), silent).loss;
    const ten = evaluate(parseLoss('consistency:draws=2,lambda=10,eta=0.5'), silent).loss;
    const none = evaluate(parseLoss('consistency:draws=2,lambda=10,eta=0'), silent).loss;
    expect(ten).toBeCloseTo(one, 4);
    expect(one - none).toBeGreaterThan(0.1);
  });

  it('adds η log K for the entropy of a network that knows nothing', () => {
    const ignorant = {
      ...moderate,
      weights: moderate.weights.map(() => 0),
      bias: moderate.bias.map(() => 0),
    };
    const found = evaluate(parseLoss('consistency:draws=2,lambda=10,eta=0.5'), ignorant);
    expect(found.loss).toBeCloseTo(1.5 * Math.log(classes), 5);
  });
});

describe('SmoothMix', () => {
  const settings = parseLoss('smoothmix:draws=2,steps=3,alpha=0.5,eta=1');

  /** What the right half is asked during one loss. */
  function calls(latentRange: LossCase['latentRange'], uniforms = moderate.uniforms) {
    const asked: { purpose: string; latents: Float32Array }[] = [];
    evaluate(settings, { ...moderate, latentRange, uniforms }, ({ logitsOf, noise }) => ({
      logitsOf: (latents, purpose) => {
        const clean = tf.slice(tf.sub(latents, noise), [0, 0, 0, 0], [batch, ...latentDims]);
        asked.push({ purpose, latents: clean.dataSync<'float32'>() });
        return logitsOf(latents, purpose);
      },
    }));
    return asked;
  }

  it('asks for the noisy copies first, and attacks only in attack mode', () => {
    expect(calls(null).map((c) => c.purpose)).toEqual(['train', 'attack', 'attack', 'attack', 'train']);
  });

  it('moves the latent of every image by α per step', () => {
    const [clean, first, second] = calls(null).map((c) => c.latents) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    expect(relativeError(first, [...clean])).toBeLessThan(1e-6);
    for (let i = 0; i < batch; i++) {
      const moved = Array.from({ length: size }, (_, j) => second[i * size + j]! - first[i * size + j]!);
      expect(Math.hypot(...moved)).toBeCloseTo(0.5, 4);
    }
  });

  it('keeps the adversary within the range of the latent', () => {
    for (const { purpose, latents } of calls([0, 1])) {
      if (purpose === 'attack')
        expect(Math.max(...latents.map((z) => Math.abs(z - 0.5)))).toBeLessThan(0.5 + 1e-6);
    }
  });

  it('trains at the clean latent when the mixing number is 0', () => {
    const asked = calls(null, [0, 0, 0, 0]);
    expect(relativeError(asked[4]!.latents, [...asked[0]!.latents])).toBeLessThan(1e-6);
  });
});

describe('a detached value', () => {
  it('is the same number and has no gradient', () => {
    const gradient = tf.grad((x) => tf.sum(tf.mul(x, detach(tf, tf.square(x)))))(tf.tensor1d([1, 2, 3]));
    expect([...gradient.dataSync()]).toEqual([1, 4, 9]);
  });

  it('hides operations that have no gradient', () => {
    const positive = (x: tf.Tensor): tf.Tensor => tf.cast(tf.greater(x, 0), 'float32');
    expect(() => tf.grad((x) => tf.sum(tf.mul(x, positive(x))))(tf.tensor1d([1, -2]))).toThrow();
    const gradient = tf.grad((x) => tf.sum(tf.mul(x, detach(tf, positive(x)))))(tf.tensor1d([1, -2]));
    expect([...gradient.dataSync()]).toEqual([1, 0]);
  });
});

describe('the differentiable normal quantile', () => {
  const p = tf.tidy(() => golden.quantiles.map((q) => q.p));

  it('agrees with SciPy from 2e-11 to 1 - 2^-24', () => {
    const found = normalQuantile(tf, tf.tensor1d(p)).dataSync();
    for (const [i, q] of golden.quantiles.entries()) {
      expect(Math.abs(found[i]! - q.value), `p = ${q.p}`).toBeLessThan(3e-7 * Math.abs(q.value) + 1e-7);
    }
  });

  it('has the derivative 1/φ', () => {
    const found = tf
      .grad((x) => tf.sum(normalQuantile(tf, x)))(tf.tensor1d(p))
      .dataSync();
    for (const [i, q] of golden.quantiles.entries()) {
      expect(found[i]! / q.derivative, `p = ${q.p}`).toBeCloseTo(1, 4);
    }
  });

  it('is finite with a finite derivative at 0, at 1 and beyond', () => {
    const ends = tf.tensor1d([-1e-7, 0, 1e-30, 1, 1 + 1e-7]);
    const { value, grad } = tf.valueAndGrad((x) => tf.sum(normalQuantile(tf, x)))(ends);
    expect(value.dataSync()[0]).toBeCloseTo(-6.6, 1);
    expect([...grad.dataSync()].every(Number.isFinite)).toBe(true);
  });

  it('is odd about 1/2 and increases', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 20 - 1 }), (k) => {
        const [at, mirrored, next] = normalQuantile(
          tf,
          tf.tensor1d([k / 2 ** 20, 1 - k / 2 ** 20, Math.min(k + 64, 2 ** 20 - 0.5) / 2 ** 20]),
        ).dataSync() as unknown as [number, number, number];
        expect(at).toBe(-mirrored);
        expect(next).toBeGreaterThan(at);
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});

describe('a loss as text', () => {
  it.each(lossNames)('%s has defaults, and its description reads back as itself', (name) => {
    const settings = parseLoss(name);
    expect(settings.kind).toBe(name);
    expect(parseLoss(describeLoss(settings))).toEqual(settings);
  });

  it('takes the default for what is omitted', () => {
    expect(parseLoss('consistency:lambda=10')).toEqual({
      kind: 'consistency',
      draws: 2,
      lambda: 10,
      eta: 0.5,
    });
    expect(parseLoss(' macer : beta = 8 , draws = 4 ')).toMatchObject({ beta: 8, draws: 4, gamma: 8 });
  });

  it.each([
    ['huber', /no loss "huber"/],
    ['', /no loss ""/],
    ['toString', /no loss "toString"/],
    ['gaussian:lambda=1', /gaussian has no setting "lambda"/],
    ['gaussian:kind=1', /gaussian has no setting "kind"/],
    ['consistency:draws=1', /draws is "1"/],
    ['consistency:draws=2.5', /draws is "2.5"/],
    ['consistency:eta', /eta is ""/],
    ['consistency:eta=-1', /eta is "-1"/],
    ['consistency:eta=Infinity', /eta is "Infinity"/],
    ['consistency:eta=1,eta=2', /eta is given twice/],
    ['macer:gamma=14', /gamma is "14"/],
    ['smoothmix:steps=0', /steps is "0"/],
  ])('%s is refused', (text, why) => {
    const refusal = thrown(() => parseLoss(text));
    expect(refusal).toBeInstanceOf(UsageError);
    expect((refusal as UsageError).report.why).toMatch(why);
    expect((refusal as UsageError).report.remedy).toBeTruthy();
  });
});

function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
