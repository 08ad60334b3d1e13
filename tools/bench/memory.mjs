// Does memory stay flat over 1,000 images? Runs the sampler as `certify` does (n0 draws, then n, another latent every
// time) and prints the resident set on the way. `npm run build && node tools/bench/memory.mjs [images] [n]`
import { createSampler } from '../../dist/smoothing/sampler-pool.js';
import { lenet } from './right-halves.mjs';

const images = Number(process.argv[2] ?? 1000);
const n = Number(process.argv[3] ?? 500);
const { model, latentDims, classes } = lenet();
const size = latentDims.reduce((product, dim) => product * dim, 1);
const sampler = await createSampler({
  model,
  latentDims,
  classes,
  workers: 2,
  batch: 16,
  provider: 'cpu',
  batchable: true,
});
const megabytes = () => Math.round(process.memoryUsage().rss / 2 ** 20);
const started = performance.now();
for (let image = 0; image < images; image++) {
  const latent = Float64Array.from({ length: size }, (_, i) => Math.max(0, Math.sin(i + image)));
  const draw = { latent, sigma: 0.5, seed: 1n, image, from: 0 };
  await sampler.count({ ...draw, stage: 0, to: 100 });
  await sampler.count({ ...draw, stage: 1, to: n });
  const done = image + 1;
  if ([1, Math.ceil(images / 4), Math.ceil(images / 2), images].includes(done))
    console.log(
      `after ${done} of ${images} images: ${megabytes()} MB resident, ${((performance.now() - started) / 1e3).toFixed(0)} s`,
    );
}
await sampler.close();
console.log(`closed: ${megabytes()} MB`);
