// Images per second of one training step of a denoiser (unet-small in front of a frozen ResNet-20, loss stability, Adam): every
// engine that is present and, with --python, the same step in PyTorch. Contestants take turns in one run; medians are compared.
//
//   node tools/bench/training/denoiser.mjs [--python PATH] [--batch 32] [--device cpu] [--threads 2]
//                                          [--rounds 5] [--seconds 6]                          (after `npm run build`)
import { parseArgs } from 'node:util';
import { prepareClassifier } from '../../../dist/onnx/intake/prepare-classifier.js';
import { encodeModel } from '../../../dist/onnx/model/codec.js';
import { modelFromBytes } from '../../../dist/onnx/model/load.js';
import { buildDenoiser } from '../../../dist/training/architectures/denoisers.js';
import { buildArchitecture } from '../../../dist/training/architectures/index.js';
import { DenoisingFeed, denoisingProgram } from '../../../dist/training/denoising-step.js';
import { trainableNetwork } from '../../../dist/training/network.js';
import { createTrainingNoise } from '../../../dist/training/noise.js';
import { ADAM, createOptimizer } from '../../../dist/training/optimizers.js';
import { compare, oneHot, sizeOf } from './contestants.mjs';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string' },
    batch: { type: 'string', default: '32' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '6' },
  },
});
const batch = Number(options.batch);

// As in torch_denoiser.py.
const IMAGE = [3, 32, 32];
const SIGMA = 0.25;
const TEMPERATURE = 4;
const LEARNING_RATE = 1e-4;

/** The program and a function that makes the feeds of step k. */
async function stabilityStep() {
  const bytes = encodeModel(buildArchitecture('resnet20'));
  const classifier = await prepareClassifier(modelFromBytes(bytes, 'resnet20'), undefined, null);
  const network = trainableNetwork(classifier.model, classifier.input, { frozen: true });
  const model = modelFromBytes(encodeModel(buildDenoiser('unet-small', IMAGE)), 'unet-small');
  const denoiser = trainableNetwork(model, model.graph.inputs[0]);
  const optimizer = createOptimizer({ ...ADAM, clipNorm: 1 }, () => false);
  const { classes } = classifier;
  const program = denoisingProgram({
    ...{ denoiser, network, batch, imageDims: IMAGE, latentDims: IMAGE, classes, optimizer },
  });
  const count = batch * sizeOf(IMAGE);
  const noise = createTrainingNoise(0, { training: count, validation: count });
  const images = noise.uniforms(0, 0, 0, count);
  const labels = oneHot(batch, classes);
  const feeds = (k) => {
    const fed = new Map([
      [DenoisingFeed.images, images],
      [DenoisingFeed.labels, labels],
      [DenoisingFeed.noise, noise.training(0, k)],
      [DenoisingFeed.sigma, new Float32Array(batch).fill(SIGMA)],
      [DenoisingFeed.strength, Float32Array.of(1)],
      [DenoisingFeed.temperature, Float32Array.of(TEMPERATURE)],
    ]);
    for (const [name, value] of optimizer.scalars(k + 1, LEARNING_RATE))
      fed.set(name, Float32Array.of(value));
    return fed;
  };
  return { program, feeds, step: 'stability' };
}

await compare(
  `Step of the denoiser unet-small for resnet20, loss stability, batches of ${batch}`,
  await stabilityStep(),
  {
    python: options.python,
    script: 'torch_denoiser.py',
    flags: ['--batch', options.batch, '--device', options.device, '--threads', options.threads],
  },
  {
    ...{ batch, device: options.device, threads: Number(options.threads) },
    ...{ rounds: Number(options.rounds), seconds: Number(options.seconds) },
  },
);
