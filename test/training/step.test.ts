/**
 * One training step, LeNet and a residual network with BatchNormalization, every loss and every regulariser: traced to ONNX
 * and run by ONNX Runtime, it is the step that TensorFlow.js takes. With TFJS_NODE_TESTS=1 also on tfjs-node, which has to
 * be installed (tools/tfjs-node).
 */
import { afterAll, describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import { networkBuilder } from '../../src/training/architectures/builder.ts';
import { initialKernel } from '../../src/training/architectures/initial-weights.ts';
import { lenet } from '../../src/training/architectures/lenet.ts';
import { resnet } from '../../src/training/architectures/resnet.ts';
import type { Engine } from '../../src/training/engines/engine.ts';
import { openEngine } from '../../src/training/engines/select-engine.ts';
import { createLoss, parseLoss } from '../../src/training/losses/index.ts';
import { trainableNetwork } from '../../src/training/network.ts';
import { createOptimizer, SGD } from '../../src/training/optimizers.ts';
import type { Program } from '../../src/training/program.ts';
import type { Regularizer } from '../../src/training/regularizers.ts';
import { Feed, splitzProgram } from '../../src/training/step.ts';
import { cpuEngine, difference, normals, ortEngine } from './programs.ts';

interface Subject {
  readonly model: Model;
  readonly image: readonly number[];
  readonly latent: readonly number[];
  readonly batch: number;
}

const modelOf = (proto: Parameters<typeof encodeModel>[0]): Model =>
  modelFromBytes(encodeModel(proto), 'test.onnx');

/** Six weighted layers and a projection: a ResNet-8 on small images. */
function resnet8(): Subject {
  const image = [3, 8, 8] as const;
  const net = networkBuilder('resnet8', image, (dims, fanIn, index) => initialKernel(1n, dims, fanIn, index));
  return { model: modelOf(net.finish(resnet(net, 1), new Map())), image, latent: [16, 8, 8], batch: 5 };
}

/** Every layer of LeNet, on images so small that its convolutions do not cost minutes in pure JavaScript. */
function smallLenet(): Subject {
  const image = [1, 16, 16] as const;
  const net = networkBuilder('lenet', image, (dims, fanIn, index) => initialKernel(0n, dims, fanIn, index));
  return { model: modelOf(net.finish(lenet(net), new Map())), image, latent: [20, 12, 12], batch: 2 };
}

const subjects: { readonly [name: string]: Subject } = {
  LeNet: smallLenet(),
  'ResNet-8': resnet8(),
};

const CUT = '/conv1/Clip';

interface Case {
  readonly loss: string;
  readonly regularizer: Regularizer;
  readonly noise: 'fixed' | 'matched';
}

function programOf({ model, image, latent, batch }: Subject, { loss, regularizer, noise }: Case): Program {
  const network = trainableNetwork(model, model.graph.values.get(CUT)!, { trainLimits: true });
  return splitzProgram({
    network,
    segments: regularizer === 'none' ? [] : network.segments(),
    segmentDims: regularizer === 'none' ? [] : [image],
    batch,
    classes: 10,
    imageDims: image,
    latentDims: latent,
    latentRange: null,
    loss: createLoss(parseLoss(loss)),
    optimizer: createOptimizer({ ...SGD, clipNorm: 1 }, (name) => !name.endsWith('.bias')),
    regularizer,
    powerSteps: 2,
    boundImages: batch,
    noise,
    learnedThreshold: regularizer === 'none' ? null : 0.1,
  });
}

/** Feeds of a function: images in [0,1], labels 0, 1, …, noise, and a value for every scalar. */
function feedsOf(program: Program, name: 'train' | 'validate'): Map<string, Float32Array> {
  const scalars: { readonly [name: string]: number } = {
    [Feed.sigma]: 0.4,
    [Feed.lambda]: 0.3,
    [Feed.strength]: 0.7,
    [Feed.radius]: 0.5,
    'optimizer.rate': 0.05,
  };
  const feeds = new Map<string, Float32Array>();
  for (const [feed, dims] of program.functions[name]!.feeds) {
    const size = dims.reduce((product, d) => product * d, 1);
    const random = normals(feed.length, size);
    feeds.set(
      feed,
      feed === Feed.labels
        ? Float32Array.from({ length: size }, (_, k) => (k % 11 === 0 ? 1 : 0))
        : feed === Feed.noise
          ? random
          : dims.length === 0
            ? Float32Array.of(scalars[feed] ?? 1)
            : random.map((v) => 1 / (1 + Math.exp(-v))),
    );
  }
  return feeds;
}

/** Largest relative difference of results and state after a step and a validation. */
async function disagreement(program: Program, engines: readonly Engine[]): Promise<number> {
  const seen: Map<string, Float32Array>[] = [];
  for (const engine of engines) {
    const trained = await engine.run('train', feedsOf(program, 'train'));
    const validated = await engine.run('validate', feedsOf(program, 'validate'));
    const state = await engine.read();
    seen.push(
      new Map([
        ...state,
        ...[...trained].map(([name, v]) => [`train ${name}`, v] as const),
        ...[...validated].map(([name, v]) => [`validate ${name}`, v] as const),
      ]),
    );
    await engine.close();
  }
  const [expected, actual] = seen as [Map<string, Float32Array>, Map<string, Float32Array>];
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  return Math.max(...[...expected].map(([name, values]) => difference(values, actual.get(name)!)));
}

const CASES: readonly Case[] = [
  { loss: 'gaussian', regularizer: 'none', noise: 'fixed' },
  { loss: 'gaussian', regularizer: 'mask', noise: 'fixed' },
  { loss: 'gaussian', regularizer: 'secant', noise: 'matched' },
  { loss: 'gaussian', regularizer: 'linear', noise: 'fixed' },
  { loss: 'consistency', regularizer: 'secant', noise: 'fixed' },
  { loss: 'smoothmix:draws=2,steps=2', regularizer: 'mask', noise: 'fixed' },
  { loss: 'macer:draws=3', regularizer: 'secant', noise: 'matched' },
];

describe.each(Object.keys(subjects))('one step of %s in ONNX Runtime and in TensorFlow.js', (name) => {
  const subject = subjects[name] as Subject;
  // Losses of several passes take long through many layers, and add no operator to those of the others.
  const cases = CASES.filter(({ loss }) => name === 'LeNet' || !loss.includes('draws'));
  it.each(cases)('$loss loss, $regularizer bound, $noise noise: equal within 1e-5', async (which) => {
    const program = programOf(subject, which);
    const found = await disagreement(program, [await cpuEngine(program), ortEngine(program, 2)]);
    expect(found).toBeLessThan(1e-5);
    expect(found).toBeGreaterThan(0);
  });
});

const asked = process.env['TFJS_NODE_TESTS'] === '1';
const figures: string[] = [];
afterAll(() => {
  if (figures.length > 0) console.log(figures.join('\n'));
});
describe.skipIf(!asked)('the same step on tfjs-node (skipped: TFJS_NODE_TESTS is not 1)', () => {
  it.each(Object.keys(subjects).flatMap((name) => CASES.map((which) => ({ name, which }))))(
    '$name, $which.loss, $which.regularizer: equal within 1e-5',
    async ({ name, which }) => {
      const program = programOf(subjects[name] as Subject, which);
      const tfjs = await openEngine(program, 'tfjs-node', 'auto', 2);
      const found = await disagreement(program, [tfjs, ortEngine(program, 2)]);
      figures.push(`${name} ${which.loss} ${which.regularizer}: ${found.toExponential(1)}`);
      expect(found).toBeLessThan(1e-5);
    },
  );
});
