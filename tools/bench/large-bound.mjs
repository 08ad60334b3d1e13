// Processor time of the bounds of one left half: the norms that all images share, and the radius of the first image of a folder, at
// the latent radius 0.375. Of docs/large-networks.md. Each network in a process of its own: the memory is the largest of the process.
//   node tools/bench/large-bound.mjs MODEL CUT IMAGES
import { openDataset } from '../../dist/datasets/open-dataset.js';
import { cutFor } from '../../dist/methods/splitz/cut-for.js';
import { leftHalfBoundAt } from '../../dist/methods/splitz/left-half.js';
import { proofsOf } from '../../dist/methods/splitz/proofs/proofs.js';
import { openModel, sourceOf } from '../../dist/runs/open-model.js';

const [model, split, images] = process.argv.slice(2);
if (images === undefined) throw new Error('give a model, a cut and a folder of images');
const LATENT_RADIUS = 0.375;
const SEED = 1n;

const data = await openDataset(`images:${images}`, { subset: 'test', greyAsRgb: false });
const { classifier } = await openModel(await sourceOf({ model }), { model }, data.shape);
const left = leftHalfBoundAt(classifier, cutFor(classifier, split), 'secant');
const proofs = proofsOf(left);

function timed(what) {
  const before = process.cpuUsage().user;
  return [what(), ((process.cpuUsage().user - before) / 1e6).toFixed(1)];
}

const image = Float64Array.from(await data.image(0));
const [everywhere, once] = timed(() => proofs.globalLipschitz(SEED));
const [{ radius, displacement }, each] = timed(() =>
  proofs.inputRadius(left.evaluate(image), LATENT_RADIUS, SEED, 0),
);
const memory = (process.resourceUsage().maxRSS / 1e6).toFixed(1);
console.log(
  `global ${once} s, radius ${each} s, ${everywhere.toFixed(3)} / ${(displacement / radius).toFixed(3)}-Lipschitz, ${memory} GB`,
);
process.exit(0);
