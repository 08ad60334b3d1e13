// The bound that keeps the linear part beside the one by secants, behind the second and the third activation of real networks: the
// radius at the latent radius that `secant` needs for a radius of 0.05, and processor time. Nothing is sampled.
//   node tools/linear-bound/table.mjs networks [WORD IN THE FILE'S NAME] [secant | linear: that one alone, and the process's peak memory]
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openDataset } from '../../dist/datasets/open-dataset.js';
import { isActivation } from '../../dist/lipschitz/first-activation.js';
import { marginCertificate } from '../../dist/methods/deterministic/certificate.js';
import { boundedNetwork } from '../../dist/methods/deterministic/network.js';
import { leftHalfBoundAt, probesOf } from '../../dist/methods/splitz/left-half.js';
import { prepareClassifier } from '../../dist/onnx/intake/prepare-classifier.js';
import { loadModel } from '../../dist/onnx/model/load.js';

const BOTH = ['secant', 'linear'];
const RADIUS = 0.05;
const IMAGES = [0, 1, 2];
const PLACES = ['second', 'third'];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Seconds of processor time, garbage collection included. */
function timed(work) {
  const started = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(started);
  return { result, seconds: (user + system) / 1e6 };
}

/** Cuts right behind an activation. */
const behindActivations = ({ cuts }) =>
  cuts.cuts.filter(({ value }) => value.producer != null && isActivation(value.producer));

/** Medians over the images, of each bound: radius and seconds. */
async function measured(classifier, cut, set, kinds) {
  const lefts = kinds.map((kind) => leftHalfBoundAt(classifier, cut, kind));
  const images = await Promise.all(IMAGES.map((index) => set.image(index)));
  const evaluations = images.map((image) => lefts[0].evaluate(Float64Array.from(image)));
  const latent = leftHalfBoundAt(classifier, cut, 'secant').provedBallAt(
    evaluations[0],
    RADIUS,
    probesOf(1n, 0),
  ).total;
  return {
    latent,
    found: lefts.map((left) => {
      const runs = evaluations.map((evaluation, i) => {
        const { result, seconds } = timed(() => left.inputRadius(evaluation, latent, probesOf(1n, i)));
        return { radius: result.radius, seconds };
      });
      return {
        radius: median(runs.map(({ radius }) => radius)),
        seconds: median(runs.map(({ seconds }) => seconds)),
      };
    }),
  };
}

/** The classifiers for MNIST and CIFAR-10 of the catalogue, opened one after the other, with their test images. */
async function* opened(shared, only) {
  for (const { file, dataset, layout, scale, mean, std } of JSON.parse(
    readFileSync(join(shared, 'catalogue.json'), 'utf8'),
  )) {
    if (!/^models\/(real|noise-trained)\/.*(?<!dynamo18)\.onnx$/.test(file) || !dataset) continue;
    if (only !== undefined && !file.includes(only)) continue;
    const set = await openDataset(
      dataset === 'mnist'
        ? `mnist:${join(shared, 'data/mnist')}`
        : `cifar10:${join(shared, 'data/cifar-10')}`,
      { subset: 'test' },
    );
    const name = basename(file, '.onnx');
    try {
      const classifier = await prepareClassifier(await loadModel(join(shared, file)), undefined, {
        layout,
        scale: scale === '0..255' ? 255 : 1,
        ...(Array.isArray(mean) && { mean }),
        ...(Array.isArray(std) && { std }),
        imageShape: set.shape,
      });
      yield { name, classifier, set };
    } catch (error) {
      console.log(`${name.padEnd(34)} ${error.report?.what ?? error.message}`);
    }
  }
}

/** @param shared the folder with catalogue.json, models and data */
const isHere = (shared) => {
  const here = existsSync(join(shared, 'catalogue.json'));
  if (!here) console.log(`skipped: ${join(shared, 'catalogue.json')} is not here`);
  return here;
};

/** The radius without noise, of the whole network: medians over the images. */
export async function scores(shared) {
  if (!isHere(shared)) return;
  console.log(
    `images ${IMAGES.join(', ')}                         radius without noise: secant    linear   processor seconds: secant  linear`,
  );
  for await (const { name, classifier, set } of opened(shared, process.argv[3])) {
    try {
      const images = await Promise.all(IMAGES.map((index) => set.image(index)));
      const [secant, linear] = BOTH.map((kind) => {
        const network = boundedNetwork(classifier, kind);
        const runs = images.map((image) =>
          timed(() => marginCertificate(network, network.evaluate(image)).radius),
        );
        return {
          radius: median(runs.map(({ result }) => result)),
          seconds: median(runs.map(({ seconds }) => seconds)),
        };
      });
      const radii = [secant, linear].map(({ radius }) => radius.toPrecision(3).padStart(10)).join('');
      const seconds = [secant, linear].map((one) => one.seconds.toFixed(1).padStart(8)).join('');
      console.log(`${name.padEnd(34)} ${radii.padStart(44)} ${seconds.padStart(28)}`);
    } catch (error) {
      console.log(`${name.padEnd(34)} ${error.report?.what ?? error.message}`);
    }
  }
}

/** Radius and time behind the second and the third activation: medians over the images. */
export async function networks(shared) {
  if (!isHere(shared)) return;
  const [only, alone] = process.argv.slice(3);
  const kinds = alone === undefined ? BOTH : [alone];
  console.log(
    `images ${IMAGES.join(', ')}                                    R_u   radius: secant  linear   processor seconds: secant  linear`,
  );
  for await (const { name, classifier, set } of opened(shared, only)) {
    const cuts = behindActivations(classifier);
    for (const [i, place] of PLACES.entries()) {
      const cut = cuts[i + 1];
      if (cut === undefined) continue;
      try {
        const { latent, found } = await measured(classifier, cut, set, kinds);
        const radii = found.map(({ radius }) => radius.toFixed(4).padStart(8)).join('');
        const seconds = found.map((one) => one.seconds.toFixed(1).padStart(8)).join('');
        const times = found.length > 1 ? ` (${(found[1].seconds / found[0].seconds).toFixed(1)})` : '';
        console.log(
          `${name.padEnd(34)} ${place.padEnd(7)} ${latent.toPrecision(3).padStart(9)} ${radii.padStart(24)} ${seconds.padStart(34)}${times}`,
        );
      } catch (error) {
        console.log(`${name.padEnd(34)} ${place.padEnd(7)} ${error.report?.what ?? error.message}`);
      }
    }
  }
  if (alone !== undefined)
    console.log(`peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
}
