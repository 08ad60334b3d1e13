// Samples per second of the sampler (independent rounded noise for every draw) beside the network alone in as many workers,
// and beside the network on single-precision normals, which certificates no longer use.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createSampler } from '../../dist/smoothing/sampler-pool.js';
import { inTurns, median, ratio, table } from './measure.mjs';
import { lenet, resnet20 } from './right-halves.mjs';

const WORKERS = 2;
const BATCH = 16;
const ROUNDS = 5;
const SECONDS = 2;
const TARGET = { LeNet: 0.55, 'ResNet-20': 0.85 };

export async function sampling() {
  const rows = [
    [
      'right half',
      'noise /s',
      'float32 noise /s',
      'network alone /s',
      'ratio',
      'float32',
      'by CPU time',
      'target',
    ],
  ];
  for (const network of [lenet(), resnet20()]) {
    const { wall, cpu } = await compare(network);
    rows.push([
      `${network.name} ${network.latentDims.join('x')}`,
      Math.round(median(wall[0])),
      Math.round(median(wall[2])),
      Math.round(median(wall[1])),
      ratio(wall[0], wall[1]).toFixed(3),
      ratio(wall[2], wall[1]).toFixed(3),
      ratio(cpu[0], cpu[1]).toFixed(3),
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
  const bench = async (normals) => {
    const workers = Array.from(
      { length: WORKERS },
      () =>
        new Worker(new URL('network-worker.mjs', import.meta.url), {
          workerData: { model, latentDims, batch: BATCH, normals },
        }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return workers;
  };
  const alone = await bench(false);
  const withNormals = await bench(true);

  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const latent = Float64Array.from({ length: size }, (_, i) => Math.max(0, Math.sin(i)));
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
  const runBy = (workers) => async (seconds) => {
    const done = await Promise.all(
      workers.map(async (worker) => {
        worker.postMessage(seconds);
        const [rows] = await once(worker, 'message');
        return rows;
      }),
    );
    return done.reduce((sum, rows) => sum + rows, 0);
  };
  const contestants = [withNoise, runBy(alone), runBy(withNormals)];
  const results = await inTurns(contestants, { rounds: ROUNDS, seconds: SECONDS });
  await sampler.close();
  const all = [...alone, ...withNormals];
  for (const worker of all) worker.postMessage(0);
  await Promise.all(all.map((worker) => once(worker, 'exit')));
  return { wall: results.map((one) => one.wall), cpu: results.map((one) => one.cpu) };
}
