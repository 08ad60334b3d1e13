/** Training for a margin: the losses by their formulas, the estimate of the norms, and a step that is the same in ONNX Runtime. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { recipeOf, trainingSettings } from '../../src/runs/training-settings.ts';
import { networkBuilder } from '../../src/training/architectures/builder.ts';
import { initialKernel } from '../../src/training/architectures/initial-weights.ts';
import { liresnet } from '../../src/training/architectures/liresnet.ts';
import { constraintsOf } from '../../src/training/constraints.ts';
import { type MarginInputs, marginLoss, verifiedShare } from '../../src/training/losses/margin.ts';
import { marginLayers } from '../../src/training/margin-layers.ts';
import { marginProgram } from '../../src/training/margin-step.ts';
import { trainableNetwork } from '../../src/training/network.ts';
import { ADAM, createOptimizer } from '../../src/training/optimizers.ts';
import { cpuEngine, difference, normals, ortEngine } from './programs.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Scores of two images, three classes, and rows of two features. */
const scores = [
  [2, 1, -3],
  [0.5, 1, 0],
];
const labels = [
  [1, 0, 0],
  [1, 0, 0],
];
const rows = [
  [1, 0],
  [0, 1],
  [-1, 0],
];
const [K, epsilon] = [1.5, 0.4];
const inputs = (): MarginInputs => ({
  scores: tf.tensor2d(scores),
  labels: tf.tensor2d(labels),
  rows: tf.tensor2d(rows),
  lipschitz: tf.scalar(K),
  epsilon: tf.scalar(epsilon),
});
const distance = (i: number, j: number): number =>
  Math.hypot(...(rows[i] ?? []).map((v, k) => v - (rows[j]?.[k] ?? 0)));
const entropy = (values: readonly number[], label: number): number =>
  Math.log(values.reduce((sum, v) => sum + Math.exp(v), 0)) - (values[label] ?? 0);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('the margin losses', () => {
  it('emma pushes every class by the share of epsilon at which it would overtake, and no further than epsilon', () => {
    const expected = scores.map((y) =>
      entropy(
        y.map((score, i) => {
          const reach = epsilon * K * distance(0, i);
          const share = Math.min(1, Math.max(0.01, ((y[0] ?? 0) - score) / reach));
          return i === 0 ? 0 : score - (y[0] ?? 0) + share * reach;
        }),
        0,
      ),
    );
    expect(marginLoss(tf, 'emma', inputs()).dataSync()[0]).toBeCloseTo(mean(expected), 5);
  });

  it('gloro adds one score: the largest that a class can reach against the one that is answered', () => {
    const expected = scores.map((y) => {
      const answered = y.indexOf(Math.max(...y));
      const reached = y.filter((_, i) => i !== answered);
      const others = [0, 1, 2].filter((i) => i !== answered);
      const worst = Math.max(
        ...reached.map((score, k) => score + epsilon * K * distance(answered, others[k] ?? 0)),
      );
      return entropy([...y, worst], 0);
    });
    expect(marginLoss(tf, 'gloro', inputs()).dataSync()[0]).toBeCloseTo(mean(expected), 5);
  });

  it('count an image as verified when its label leads by more than any class can gain', () => {
    // 2 leads 1 by 1 > 0.4 · 1.5 · √2 = 0.85; the second image is wrong.
    expect(verifiedShare(tf, inputs()).dataSync()[0]).toBe(0.5);
    expect(verifiedShare(tf, { ...inputs(), epsilon: tf.scalar(0.5) }).dataSync()[0]).toBe(0);
  });
});

function smallLiresnet() {
  const image = [1, 8, 8] as const;
  const net = networkBuilder('small', image, (dims, fanIn, index) => initialKernel(2n, dims, fanIn, index));
  const size = { channels: 4, blocks: 1, window: 2, filters: 8, width: 8, denseBlocks: 1 };
  const model = modelFromBytes(encodeModel(net.finish(liresnet(size)(net), new Map())), 'small');
  const network = trainableNetwork(model, model.graph.inputs[0] as never);
  const constraints = constraintsOf(model.metadata, network.parameters);
  const dims: { readonly [value: string]: readonly number[] } = {
    image,
    '/stem/Concat': [4, 4, 4],
    '/dense/Concat': [8],
  };
  const layers = marginLayers(model, network, constraints, (value) => dims[value] ?? []);
  return { image, network, constraints, layers };
}

describe('a step on a small LiResNet', () => {
  it('takes the norms of the layers that are free, not of those that are kept orthonormal', () => {
    const { layers, constraints } = smallLiresnet();
    expect([...constraints.keys()]).toEqual(['neck.weight', 'dense.weight', 'head.weight']);
    expect(layers.layers.map(({ name }) => name)).toEqual([
      expect.stringContaining('/stem/Conv'),
      expect.stringContaining('/block1/Conv'),
      expect.stringContaining('/dense1/Gemm'),
    ]);
  });

  it.each(['emma', 'gloro'] as const)(
    'is the same on ONNX Runtime and in TensorFlow.js, by %s',
    async (loss) => {
      const { image, network, constraints, layers } = smallLiresnet();
      const batch = 4;
      const program = marginProgram({
        ...{ network, constraints, layers, loss, batch },
        optimizer: createOptimizer(ADAM, () => false),
        classes: 10,
        imageDims: image,
        powerSteps: 2,
      });
      const feeds = new Map<string, Float32Array>([
        ['images', normals(1, batch * 64).map((v) => 1 / (1 + Math.exp(-v)))],
        ['labels', Float32Array.from({ length: batch * 10 }, (_, k) => (k % 11 === 0 ? 1 : 0))],
        ['epsilon', Float32Array.of(0.3)],
        ...[...createOptimizer(ADAM, () => false).scalars(1, 1e-3)].map(
          ([name, value]) => [name, Float32Array.of(value)] as const,
        ),
      ]);
      const seen: ReadonlyMap<string, Float32Array>[] = [];
      for (const engine of [await cpuEngine(program), ortEngine(program)]) {
        const trained = await engine.run('train', feeds);
        const validated = await engine.run(
          'validate',
          new Map([...feeds].filter(([name]) => ['images', 'labels', 'epsilon'].includes(name))),
        );
        seen.push(
          new Map([
            ...(await engine.read()),
            ...[...trained].map(([name, v]) => [`train ${name}`, v] as const),
            ...[...validated].map(([name, v]) => [`validate ${name}`, v] as const),
          ]),
        );
        await engine.close();
      }
      const [first, second] = seen;
      for (const [name, values] of first ?? [])
        expect(difference(values, second?.get(name) ?? []), name).toBeLessThan(1e-3);
      const dense = first?.get('dense.weight') ?? new Float32Array();
      for (let i = 0; i < 8; i++)
        expect(Math.hypot(...dense.subarray(i * 32, (i + 1) * 32))).toBeCloseTo(1, 3);
      expect(first?.get('validate lipschitz')?.[0]).toBeGreaterThan(1);
    },
  );
});

describe('the recipe', () => {
  it('follows from the loss, then from the model, and refuses what does not go together', () => {
    expect(recipeOf({ loss: 'emma' }, undefined, false)).toBe('margin');
    expect(recipeOf({}, 'orthogonal', false)).toBe('orthogonal');
    expect(recipeOf({}, undefined, true)).toBe('smoothing');
    expect(() => recipeOf({ loss: 'gloro', recipe: 'paper' }, undefined, false)).toThrow('--loss gloro');
    expect(() => recipeOf({ loss: 'macer' }, 'margin', false)).toThrow('--loss macer');
  });

  it('refuses flags that it does not look at', () => {
    expect(() => trainingSettings({ sigma: 0.5 }, 'margin', true, 'mnist')).toThrow('--sigma does nothing');
    expect(() => trainingSettings({ epsilon: 1 }, 'paper', false, 'mnist')).toThrow('--epsilon does nothing');
    const { values, shown } = trainingSettings({}, 'margin', true, 'mnist');
    expect(values.epsilon).toBe(1.58);
    expect(shown.map(({ name }) => name)).not.toContain('sigma');
  });
});
