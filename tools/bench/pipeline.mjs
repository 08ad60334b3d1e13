// What the pipeline of a graphics card costs besides the noise: samples per second through a network of no cost (ten of the latent's
// values are the logits), run on the CPU, beside the noise alone in as many threads.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { pipelined } from '../../dist/onnx/compose/pipelined.js';
import { gridOf } from '../../dist/smoothing/noise/rounded-noise.js';
import { createSampler } from '../../dist/smoothing/sampler-pool.js';
import { inTurns, median, ratio, table } from './measure.mjs';
import { firstValues } from './right-halves.mjs';

const BATCH = 64;
const ROUNDS = 5;
const SECONDS = 1;
const SIGMA = 0.5;
const PRODUCERS = [1, 2];
const TARGET = 0.9;
const IMAGES = 8;

export async function pipeline() {
  const rows = [
    [
      'producers',
      'samples/s',
      'noise alone /s',
      'ratio',
      'by CPU time',
      'of one producer',
      'target',
      `shared by ${IMAGES} /s`,
    ],
  ];
  let one;
  for (const producers of PRODUCERS) {
    const { wall, cpu } = await compare(producers);
    one ??= median(wall[0]);
    rows.push([
      producers,
      Math.round(median(wall[0])),
      Math.round(median(wall[1])),
      ratio(wall[0], wall[1]).toFixed(3),
      ratio(cpu[0], cpu[1]).toFixed(3),
      (median(wall[0]) / one).toFixed(2),
      `>= ${TARGET}`,
      Math.round(median(wall[2])),
    ]);
  }
  const { latentDims } = firstValues();
  return `Pipeline, a network of no cost on ${latentDims.join('x')}, batches of ${BATCH}, medians of ${ROUNDS} turns of ${SECONDS} s\n${table(rows)}`;
}

async function compare(producers) {
  const { model, latentDims, classes } = firstValues();
  const sampler = await createSampler({
    ...{ model, latentDims, classes, batchable: true },
    ...{ provider: 'cpu', pipeline: true, workers: producers, batch: BATCH },
    pipelined: (parts) => pipelined(model, classes, parts),
  });
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const latent = Float64Array.from({ length: size }, (_, i) => Math.max(0, Math.sin(i)));
  const threads = Array.from(
    { length: producers },
    () =>
      new Worker(new URL('noise-worker.mjs', import.meta.url), {
        workerData: { latent, rows: 3, sigma: SIGMA, grid: gridOf(SIGMA) },
      }),
  );
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  let next = 0;
  let perSecond = 2000;
  async function piped(seconds) {
    const draws = Math.ceil((perSecond * seconds) / BATCH) * BATCH;
    const before = performance.now();
    const place = { latent, sigma: SIGMA, seed: 1n, stage: 1, image: 0, continued: true };
    await sampler.count({ ...place, from: next, to: next + draws });
    next += draws;
    perSecond = draws / ((performance.now() - before) / 1e3);
    return draws;
  }
  const latents = Array.from({ length: IMAGES }, (_, k) => latent.map((value) => value * (1 + k / IMAGES)));
  async function shared(seconds) {
    const draws = Math.ceil((perSecond * seconds) / BATCH / IMAGES) * BATCH;
    const place = {
      sigma: SIGMA,
      seed: 1n,
      stage: 2,
      image: 0,
      continued: true,
      from: next,
      to: next + draws,
    };
    await sampler.countTogether(latents.map((around) => ({ ...place, latent: around })));
    next += draws;
    return IMAGES * draws;
  }
  async function alone(seconds) {
    const done = await Promise.all(
      threads.map(async (thread) => {
        thread.postMessage(seconds);
        const [rows] = await once(thread, 'message');
        return rows;
      }),
    );
    return done.reduce((sum, rows) => sum + rows, 0);
  }
  const results = await inTurns([piped, alone, shared], { rounds: ROUNDS, seconds: SECONDS });
  await sampler.close();
  for (const thread of threads) thread.postMessage(0);
  await Promise.all(threads.map((thread) => once(thread, 'exit')));
  return { wall: results.map((one) => one.wall), cpu: results.map((one) => one.cpu) };
}
