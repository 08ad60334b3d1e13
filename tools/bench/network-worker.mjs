// The network alone: a session set up as in src/smoothing/sampling-worker.ts, run on one batch over and over; with `normals`
// the batch is filled with fresh single-precision normals before each run, the cheapest noise there is.
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { createNoiseKernel } from '../../dist/smoothing/noise/noise-kernel.js';

const { model, latentDims, batch, normals } = workerData;
const session = await InferenceSession.create(model, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
});
const size = latentDims.reduce((product, dim) => product * dim, 1);
const kernel = createNoiseKernel(batch * size);
const values = kernel.floats;
for (let i = 0; i < values.length; i++) values[i] = Math.max(0, Math.sin(i));
let sample = 0;
const feeds = { [session.inputNames[0]]: new Tensor('float32', values, [batch, ...latentDims]) };

parentPort.on('message', async (seconds) => {
  if (seconds === 0) {
    await session.release();
    parentPort.close();
    return;
  }
  let done = 0;
  const end = performance.now() + seconds * 1e3;
  while (performance.now() < end) {
    if (normals)
      for (let row = 0; row < batch; row++)
        kernel.exports.fill(kernel.base + 4 * row * size, size, 1, 0, sample++, 1, 2);
    await session.run(feeds);
    done += batch;
  }
  parentPort.postMessage(done);
});
parentPort.postMessage('ready');
