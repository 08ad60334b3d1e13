// Images per second of one SPLITZ training step (regulariser mask, one noise draw, Adam): every engine that is present and,
// with --python, the same step in PyTorch. Contestants take turns in one run; medians are compared.
//
//   node tools/bench/training/main.mjs [--python PATH] [--network lenet] [--batch 256] [--device cpu] [--threads 2]
//                                      [--rounds 5] [--seconds 6]                          (after `npm run build`)
import { parseArgs } from 'node:util';
import { findCut } from '../../../dist/onnx/cuts.js';
import { prepareClassifier } from '../../../dist/onnx/intake/prepare-classifier.js';
import { encodeModel } from '../../../dist/onnx/model/codec.js';
import { modelFromBytes } from '../../../dist/onnx/model/load.js';
import { buildArchitecture } from '../../../dist/training/architectures/index.js';
import { createLoss, parseLoss } from '../../../dist/training/losses/index.js';
import { trainableNetwork } from '../../../dist/training/network.js';
import { createTrainingNoise } from '../../../dist/training/noise.js';
import { ADAM, createOptimizer } from '../../../dist/training/optimizers.js';
import { Feed, splitzProgram } from '../../../dist/training/step.js';
import { compare, oneHot, sizeOf } from './contestants.mjs';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    network: { type: 'string', default: 'lenet' },
    batch: { type: 'string', default: '256' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '6' },
  },
});
const batch = Number(options.batch);

// As in torch_step.py.
const SIGMA = 0.75;
const RADIUS = 0.1;
const LAMBDA = 0.8;
const THRESHOLD = 0.5;
const POWER_STEPS = 5;
const LEARNING_RATE = 1e-4;

/** The program of the untrained NETWORK and a function that makes the feeds of step k. */
async function splitzStep() {
  const bytes = encodeModel(buildArchitecture(options.network));
  const classifier = await prepareClassifier(modelFromBytes(bytes, options.network), undefined, null);
  const cut = findCut(classifier.cuts, 'conv1');
  const network = trainableNetwork(classifier.model, cut.value, { trainLimits: false });
  const segments = network.segments();
  const imageDims = classifier.inputDims.slice(1);
  const latentDims = cut.dims.slice(1);
  const loss = createLoss(parseLoss('gaussian'));
  const optimizer = createOptimizer(ADAM, () => false);
  const program = splitzProgram({
    network,
    segments,
    segmentDims: segments.map(({ input }) => classifier.shapes.get(input.name).dims.slice(1)),
    ...{ batch, classes: classifier.classes, imageDims, latentDims, latentRange: null, loss, optimizer },
    ...{ regularizer: 'mask', powerSteps: POWER_STEPS, boundImages: batch },
    ...{ noise: 'fixed', learnedThreshold: null },
  });
  const count = batch * sizeOf(latentDims);
  const noise = createTrainingNoise(0, { training: count, validation: count });
  const images = noise.uniforms(0, 0, 0, batch * sizeOf(imageDims));
  const labels = oneHot(batch, classifier.classes);
  const feeds = (k) => {
    const fed = new Map([
      [Feed.images, images],
      [Feed.labels, labels],
      [Feed.noise, noise.training(0, k)],
      [Feed.sigma, Float32Array.of(SIGMA)],
      [Feed.lambda, Float32Array.of(LAMBDA)],
      [Feed.strength, Float32Array.of(1)],
      [Feed.radius, Float32Array.of(RADIUS)],
      [Feed.threshold, Float32Array.of(THRESHOLD)],
    ]);
    for (const [name, value] of optimizer.scalars(k + 1, LEARNING_RATE))
      fed.set(name, Float32Array.of(value));
    return fed;
  };
  return { program, feeds, step: 'train' };
}

await compare(
  `SPLITZ step of ${options.network}, batches of ${batch}, ${POWER_STEPS} power steps`,
  await splitzStep(),
  {
    python: options.python,
    script: 'torch_step.py',
    flags: [
      ...['--network', options.network, '--batch', options.batch],
      ...['--device', options.device, '--threads', options.threads],
    ],
  },
  {
    ...{ batch, device: options.device, threads: Number(options.threads) },
    ...{ rounds: Number(options.rounds), seconds: Number(options.seconds) },
  },
);
