// Samples per second of a provider on a right half of tools/bench, with independent noise (the product's own sampler), with noise
// that eight images share, and of the network alone, by batch: a line of JSON per measurement on stdout.
//   node tools/gpu/throughput.mjs cpu|cuda|webgpu SECONDS lenet|resnet20|resnet110|resnet50 [dry]
// "dry" has the CPU take the way of a graphics card, with batches of a few rows.
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { pipelined } from '../../dist/onnx/compose/pipelined.js';
import { createSampler } from '../../dist/smoothing/sampler-pool.js';
import { lenet, resnet20, resnet50, resnet110 } from '../bench/right-halves.mjs';

const [provider, seconds, name, dry] = process.argv.slice(2);
/** The best one first, in case the time runs out. */
const BATCHES = { lenet: [2048, 512], resnet20: [2048, 512], resnet110: [1024, 256], resnet50: [128, 64] };
const network = { lenet, resnet20, resnet50, resnet110 }[name]();
const batches = dry === undefined ? BATCHES[name] : [2];
/** Images that share their noise. */
const IMAGES = 8;

for (const batch of batches) {
  const row = { runtime: `splitz-onnx, ${provider}`, provider, network: network.name, batch };
  try {
    Object.assign(row, await withNoise(network, batch));
    row.networkAlone = await networkAlone(network, batch);
  } catch (error) {
    row.failed = error.message;
  }
  console.log(JSON.stringify(row));
}

async function withNoise({ model, latentDims, classes }, batch) {
  const sampler = await createSampler({
    ...{ model, latentDims, classes, workers: availableParallelism(), batch, provider, batchable: true },
    pipeline: true,
    pipelined: (parts) => pipelined(model, classes, parts),
  });
  try {
    const latent = latentOf(latentDims);
    const around = { sigma: 0.5, seed: 1n, image: 0 };
    const alone = [{ ...around, latent, stage: 1 }];
    const together = Array.from({ length: IMAGES }, (_, k) => ({
      ...around,
      ...{ stage: 2, latent: latent.map((value) => value * (1 + k / IMAGES)) },
    }));
    let next = 0;
    async function timed(images, draws, continued) {
      const started = performance.now();
      await sampler.countTogether(images.map((one) => ({ ...one, from: next, to: next + draws, continued })));
      next += draws;
      return (images.length * draws) / ((performance.now() - started) / 1e3);
    }
    async function filled(images, rate) {
      const draws = Math.max(1, Math.ceil((rate * seconds) / batch / images.length)) * batch;
      return await timed(images, draws, true);
    }
    // The first run looks for kernels; the second says how many draws fill the time.
    await timed(alone, batch, false);
    const rate = await timed(alone, 2 * batch, true);
    const withNoise = await filled(alone, rate);
    const withSharedNoise = await filled(together, rate);
    const { workers, providerDifference, votesCounted } = sampler;
    return { workers, withNoise, withSharedNoise, providerDifference, votesCounted };
  } finally {
    await sampler.close();
  }
}

/** One session on one fixed batch over and over, copies to and from the device included. */
async function networkAlone({ model, latentDims, classes }, batch) {
  const session = await InferenceSession.create(model, {
    ...{ executionProviders: [provider], logSeverityLevel: 3 },
    ...(provider === 'cpu' ? { intraOpNumThreads: 1 } : {}),
  });
  const latent = latentOf(latentDims);
  const values = new Float32Array(batch * latent.length);
  for (let row = 0; row < batch; row++) values.set(latent, row * latent.length);
  const feeds = { [session.inputNames[0]]: new Tensor('float32', values, [batch, ...latentDims]) };
  for (let warmUp = 0; warmUp < (dry === undefined ? 5 : 1); warmUp++) await session.run(feeds);
  let done = 0;
  let elapsed = 0;
  const started = performance.now();
  while (elapsed < Number(seconds)) {
    const output = await session.run(feeds);
    if (output[session.outputNames[0]].data.length !== batch * classes) throw new Error('rows are missing');
    done += batch;
    elapsed = (performance.now() - started) / 1e3;
  }
  await session.release();
  return done / elapsed;
}

function latentOf(dims) {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return Float64Array.from({ length: size }, (_, i) => Math.max(0, Math.sin(i)));
}
