// The noise alone: what a producer of a pipeline does, without anything to hand it to.
import { parentPort, workerData } from 'node:worker_threads';
import { createKernelSource } from '../../dist/smoothing/noise/kernel-source.js';

const { latent, rows, sigma, grid } = workerData;
const source = createKernelSource([latent.length], rows);
let sample = 0;
parentPort.on('message', (seconds) => {
  if (seconds === 0) {
    parentPort.close();
    return;
  }
  let done = 0;
  const end = performance.now() + seconds * 1e3;
  while (performance.now() < end) {
    source.fill(latent, sigma, grid, { seed: 1n, stage: 1, image: 0, sample }, rows);
    sample += rows;
    done += rows;
  }
  parentPort.postMessage(done);
});
parentPort.postMessage('ready');
