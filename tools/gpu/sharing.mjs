// Whether a provider's pipeline gives the votes of the CPU's sampler where images share their noise, on right halves of tools/bench: a
// line per network, batch, G and number of producers. Votes may differ where logits tie within float32 rounding; they are counted.
//   node tools/gpu/sharing.mjs cpu|cuda|webgpu [NETWORK ...]
import { pipelined } from '../../dist/onnx/compose/pipelined.js';
import { createSampler } from '../../dist/smoothing/sampler-pool.js';
import { lenet, resnet20 } from '../bench/right-halves.mjs';

const [provider = 'cpu', ...names] = process.argv.slice(2);
const networks = [lenet, resnet20].map((build) => build());
const DRAWS = 200;
const LAYOUTS = [
  { workers: 1, batch: 64, images: 2 },
  { workers: 2, batch: 32, images: 5 },
  { workers: 3, batch: 48, images: 8 },
];

let differing = 0;
for (const { name, model, latentDims, classes } of networks.filter(
  (one) => names.length === 0 || names.includes(one.name),
)) {
  const half = {
    ...{ model, latentDims, classes, batchable: true },
    pipelined: (parts) => pipelined(model, classes, parts),
  };
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const requests = Array.from({ length: 8 }, (_, k) => ({
    latent: Float64Array.from({ length: size }, (_, i) => Math.max(0, Math.sin(i + 0.1 * k))),
    ...{ sigma: 0.5, seed: 1n, stage: 1, image: 0, from: 0, to: DRAWS },
  }));
  const cpu = await createSampler({ ...half, provider: 'cpu', workers: 2, batch: 32 });
  const expected = await cpu.countTogether(requests);
  await cpu.close();
  for (const { workers, batch, images } of LAYOUTS) {
    const sampler = await createSampler({ ...half, provider, workers, batch, pipeline: true });
    const votes = await sampler.countTogether(requests.slice(0, images));
    const moved = votes.map(({ counts }, k) =>
      counts.reduce((sum, count, c) => sum + Math.max(0, count - (expected[k]?.counts[c] ?? 0)), 0),
    );
    const all = moved.reduce((sum, one) => sum + one, 0);
    differing += all;
    console.log(
      `${name}: ${images} images, ${workers} producers, batch ${batch}: ${all} of ${images * DRAWS} votes differ from the CPU's; ` +
        `counted in the ${sampler.votesCounted}, largest difference of a logit ${sampler.providerDifference?.toExponential(1) ?? 0}`,
    );
    await sampler.close();
  }
}
process.exitCode = differing === 0 ? 0 : 1;
