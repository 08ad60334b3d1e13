// The network alone: a session set up as in src/smoothing/sampling-worker.ts, run on one batch over and over.
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { model, latentDims, batch } = workerData;
const session = await InferenceSession.create(model, {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
});
const size = latentDims.reduce((product, dim) => product * dim, 1);
const values = Float32Array.from({ length: batch * size }, (_, i) => Math.max(0, Math.sin(i)));
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
    await session.run(feeds);
    done += batch;
  }
  parentPort.postMessage(done);
});
parentPort.postMessage('ready');
