// Samples per second of the sampler, with noise of its own for every draw and with noise that several images share, beside the
// network alone in as many workers.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createSampler } from '../../dist/smoothing/sampler-pool.js';
import { inTurns, median, ratio, table } from './measure.mjs';
import { lenet, resnet20 } from './right-halves.mjs';

const WORKERS = 2;
const BATCH = 16;
const ROUNDS = 5;
const SECONDS = 2;
/** Of shared noise, at least so many a turn. */
const BATCHES = 60;
/** Images that share each draw: few, and so many that drawing costs next to nothing. */
const SHARED = [8, 32];
/** Of own noise, and of shared noise at its best. */
const TARGET = { LeNet: [0.55, 0.9], 'ResNet-20': [0.85, 0.95] };

export async function sampling() {
  const rows = [
    [
      'right half',
      'own noise /s',
      ...SHARED.map((images) => `shared by ${images} /s`),
      'network alone /s',
      'own',
      'target',
      ...SHARED.map((images) => `by ${images}`),
      'target',
      'own, by CPU time',
    ],
  ];
  for (const network of [lenet(), resnet20()]) {
    const { wall, cpu } = await compare(network);
    rows.push([
      `${network.name} ${network.latentDims.join('x')}`,
      Math.round(median(wall[0])),
      ...SHARED.map((_, k) => Math.round(median(wall[2 + k]))),
      Math.round(median(wall[1])),
      ratio(wall[0], wall[1]).toFixed(3),
      `>= ${TARGET[network.name][0]}`,
      ...SHARED.map((_, k) => ratio(wall[2 + k], wall[1]).toFixed(3)),
      `>= ${TARGET[network.name][1]}`,
      ratio(cpu[0], cpu[1]).toFixed(3),
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
  const sharing = (images) => async (seconds) => {
    // Workers take a batch for all images at a time: enough of them, or one worker waits for the other's last.
    const batches = Math.max(BATCHES, Math.ceil((perSecond * seconds) / images / BATCH));
    const draws = batches * BATCH;
    const requests = Array.from({ length: images }, (_, k) => ({
      ...{ ...draw, latent: latent.map((x) => x + 0.1 * k), image: 1 },
      // The rows of an image's first batch that are run alone as well are not counted here.
      ...{ from: next, to: next + draws, continued: true },
    }));
    await sampler.countTogether(requests);
    next += draws;
    return draws * images;
  };
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
  const contestants = [withNoise, networkAlone, ...SHARED.map(sharing)];
  const results = await inTurns(contestants, { rounds: ROUNDS, seconds: SECONDS });
  await sampler.close();
  for (const worker of alone) worker.postMessage(0);
  await Promise.all(alone.map((worker) => once(worker, 'exit')));
  return { wall: results.map((one) => one.wall), cpu: results.map((one) => one.cpu) };
}
