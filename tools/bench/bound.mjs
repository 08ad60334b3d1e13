// Time of the left half's bound (evaluation, search for the radius, proof of the norm) per image, as a share of the whole
// certificate at n = 10,000: on the shipped model, and on the CIFAR-10 network beside the project where it is there.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { openDataset } from '../../dist/datasets/open-dataset.js';
import { firstActivationCut } from '../../dist/inspection/first-activation.js';
import { leftHalfBoundAt, openSmoothedClassifier, probesOf } from '../../dist/methods/smoothed-classifier.js';
import { prepareClassifier } from '../../dist/onnx/intake/prepare-classifier.js';
import { loadModel } from '../../dist/onnx/model/load.js';

const place = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const IMAGES = 8;
const DRAWS = 10_000;
const CASES = [
  { name: 'glyphs-lenet', model: 'models/glyphs-lenet.onnx', data: 'glyphs', sigma: 0.5 },
  {
    name: 'noise_mnist_0.5',
    model: '../shared/models/noise-trained/noise_mnist_0.5_ts17.onnx',
    data: `mnist:${place('../shared/data/mnist')}`,
    sigma: 1.5,
  },
  {
    name: 'noise_cifar_0.25',
    model: '../shared/models/noise-trained/noise_cifar_0.25_ts17.onnx',
    data: `cifar10:${place('../shared/data/cifar-10')}`,
    sigma: 2,
  },
];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function measured({ name, model, data, sigma }) {
  const images = await openDataset(data, { subset: 'test' });
  const classifier = await prepareClassifier(await loadModel(place(model)), undefined, {
    layout: 'nchw',
    scale: 1,
    imageShape: images.shape,
  });
  const cut = firstActivationCut(classifier.cuts.cuts, classifier.model.graph);
  const left = leftHalfBoundAt(classifier, cut, 'secant', 1e-6);
  const probe = await images.image(0);
  const resources = { provider: 'cpu', workers: availableParallelism(), batch: 32 };
  const smoothed = await openSmoothedClassifier(classifier, cut, left, resources, [probe], 'certified');
  const settings = { sigma, n0: 100, n: DRAWS, alpha: 0.001, bound: 'clopper-pearson', seed: 0n };
  const totals = [];
  const bounds = [];
  for (let index = 0; index < IMAGES; index++) {
    const image = await images.image(index);
    const certificate = await smoothed.certify(image, index, null, settings);
    if (certificate.radius === 0) continue;
    totals.push(certificate.seconds);
    const started = performance.now();
    left.inputRadius(left.evaluate(Float64Array.from(image)), certificate.latentRadius, probesOf(0n, index));
    bounds.push((performance.now() - started) / 1000);
  }
  await smoothed.close();
  const total = median(totals);
  const bound = median(bounds);
  const at = (draws) => ((100 * bound) / (bound + (total - bound) * (draws / DRAWS))).toFixed(1);
  return `${name.padEnd(18)} ${(1000 * bound).toFixed(0).padStart(6)} ms of ${(1000 * total).toFixed(0).padStart(6)} ms: ${at(DRAWS).padStart(5)} % at n = ${DRAWS}, ${at(100_000).padStart(4)} % at n = 100000`;
}

export async function bound() {
  const lines = [
    'Bound of the left half per image, as a share of its certificate (median of certified images)',
  ];
  for (const one of CASES) {
    lines.push(
      existsSync(place(one.model)) ? await measured(one) : `${one.name}: skipped, ${one.model} is not here`,
    );
  }
  return lines.join('\n');
}
