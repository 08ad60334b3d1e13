// Samples per second of one provider on the right halves of tools/bench, with independent noise (the product's own
// sampler) and of the network alone: one JSON document on stdout.
//   node tools/gpu/throughput.mjs cpu|cuda|webgpu [SECONDS]
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { createSampler } from '../../dist/smoothing/sampler-pool.js';
import { lenet, resnet20 } from '../bench/right-halves.mjs';

const [provider = 'cpu', seconds = '5'] = process.argv.slice(2);
const BATCHES = provider === 'cpu' ? [16, 64] : [64, 256, 1024];
/** Draws whose votes are compared between providers; a random network has no verdict, but it has votes. */
const COMPARED = 10_000;

const rows = [];
for (const network of [lenet(), resnet20()])
  for (const batch of BATCHES) {
    const row = { network: network.name, batch };
    try {
      Object.assign(row, await withNoise(network, batch));
      // On the CPU the sampler has one session per core; `npm run bench` measures the network alone like that.
      if (provider !== 'cpu') row.networkAlone = await networkAlone(network, batch);
    } catch (error) {
      row.failed = error.message;
    }
    rows.push(row);
  }
console.log(JSON.stringify({ runtime: `onnxruntime-node, ${provider}`, provider, rows }, null, 2));

async function withNoise({ model, latentDims, classes }, batch) {
  const workers = availableParallelism();
  const settings = { model, latentDims, classes, workers, batch, provider, batchable: true };
  const sampler = await createSampler(settings);
  try {
    const draw = { latent: latentOf(latentDims), sigma: 0.5, seed: 1n, stage: 1, image: 0 };
    const { counts } = await sampler.count({ ...draw, from: 0, to: COMPARED });
    let next = COMPARED;
    const step = COMPARED;
    const started = performance.now();
    let elapsed = 0;
    while (elapsed < Number(seconds)) {
      await sampler.count({ ...draw, from: next, to: next + step });
      next += step;
      elapsed = (performance.now() - started) / 1e3;
    }
    const { workers: used, providerDifference } = sampler;
    return { workers: used, withNoise: (next - COMPARED) / elapsed, providerDifference, votes: counts };
  } finally {
    await sampler.close();
  }
}

/** One session on one fixed batch over and over, copies to and from the device included. */
async function networkAlone({ model, latentDims, classes }, batch) {
  const session = await InferenceSession.create(model, {
    executionProviders: [provider],
    logSeverityLevel: 3,
  });
  const latent = latentOf(latentDims);
  const values = new Float32Array(batch * latent.length);
  for (let row = 0; row < batch; row++) values.set(latent, row * latent.length);
  const feeds = { [session.inputNames[0]]: new Tensor('float32', values, [batch, ...latentDims]) };
  for (let warmUp = 0; warmUp < 5; warmUp++) await session.run(feeds);
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
