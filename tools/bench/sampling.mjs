// Samples per second of the sampler (independent noise for every draw) beside the network alone in as many workers.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createSampler } from '../../dist/smoothing/sampler.js';
import { inTurns, median, ratio, table } from './measure.mjs';
import { lenet, resnet20 } from './right-halves.mjs';

const WORKERS = 2;
const BATCH = 16;
const ROUNDS = 5;
const SECONDS = 2;
const TARGET = { LeNet: 0.55, 'ResNet-20': 0.85 };

export async function sampling() {
  const rows = [['right half', 'with noise /s', 'network alone /s', 'ratio', 'by CPU time', 'target']];
  for (const network of [lenet(), resnet20()]) {
    const { wall, cpu } = await compare(network);
    rows.push([
      `${network.name} ${network.latentDims.join('x')}`,
      Math.round(median(wall[0])),
      Math.round(median(wall[1])),
      ratio(...wall).toFixed(3),
      ratio(...cpu).toFixed(3),
      `>= ${TARGET[network.name]}`,
    ]);
  }
  return `Sampling, ${WORKERS} workers, batches of ${BATCH}, medians of ${ROUNDS} turns of ${SECONDS} s\n${table(rows)}`;
}

async function compare({ model, latentDims, classes }) {
  const sampler = await createSampler({
    model,
    latentDims,
    classes,
    workers: WORKERS,
    batch: BATCH,
    provider: 'cpu',
    batchable: true,
  });
  const alone = Array.from(
    { length: WORKERS },
    () =>
      new Worker(new URL('network-worker.mjs', import.meta.url), {
        workerData: { model, latentDims, batch: BATCH },
      }),
  );
  await Promise.all(alone.map((worker) => once(worker, 'message')));

  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const latent = Float32Array.from({ length: size }, (_, i) => Math.max(0, Math.sin(i)));
  const draw = { latent, sigma: 0.5, seed: 1n, stage: 1, image: 0 };
  let next = 0;
  let perSecond = 2000;
  async function withNoise(seconds) {
    const draws = Math.ceil((perSecond * seconds) / BATCH) * BATCH;
    const before = performance.now();
    await sampler.count({ ...draw, from: next, to: next + draws });
    next += draws;
    perSecond = draws / ((performance.now() - before) / 1e3);
    return draws;
  }
  async function networkAlone(seconds) {
    const done = await Promise.all(
      alone.map(async (worker) => {
        worker.postMessage(seconds);
        const [rows] = await once(worker, 'message');
        return rows;
      }),
    );
    return done.reduce((sum, rows) => sum + rows, 0);
  }
  const [noisy, bare] = await inTurns([withNoise, networkAlone], { rounds: ROUNDS, seconds: SECONDS });
  await sampler.close();
  for (const worker of alone) worker.postMessage(0);
  await Promise.all(alone.map((worker) => once(worker, 'exit')));
  return { wall: [noisy.wall, bare.wall], cpu: [noisy.cpu, bare.cpu] };
}
