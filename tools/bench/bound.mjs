// The left half's bound (evaluation, search for the radius, proof of the norm): its time per image, and what it costs a run. The
// bound of one image is computed on the main thread (above 5e8 multiplications in a thread of its own) while the workers draw for the next, so it costs draws only where it needs a
// core that a worker would use (and after the last image). Both runs draw the same noise around the same latents, in turns.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { openDataset } from '../../dist/datasets/open-dataset.js';
import { firstActivationCut } from '../../dist/lipschitz/first-activation.js';
import { certifierOf } from '../../dist/methods/smoothing/certifier.js';
import { openRightHalf } from '../../dist/methods/smoothing/right-half.js';
import { noisyHalf } from '../../dist/methods/smoothing/votes.js';
import { latentCentre, probesOf, runBound } from '../../dist/methods/splitz/left-half.js';
import { openSplit } from '../../dist/methods/splitz/open.js';
import { prepareClassifier } from '../../dist/onnx/intake/prepare-classifier.js';
import { loadModel } from '../../dist/onnx/model/load.js';
import { openContext } from '../../dist/runs/context.js';
import { drawGroup } from '../../dist/smoothing/draw-group.js';

const place = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const TURNS = 2;
const SETTINGS = { n0: 100, n: 10_000, alpha: 0.001, bound: 'clopper-pearson' };
const NOISE = { seed: 0n, series: 0 };
const CASES = [
  { name: 'glyphs-splitz', model: 'models/glyphs-splitz.onnx', data: 'glyphs', sigma: 0.5, count: 20 },
  {
    name: 'noise_cifar_0.25',
    model: '../shared/models/noise-trained/noise_cifar_0.25_ts17.onnx',
    data: `cifar10:${place('../shared/data/cifar-10')}`,
    sigma: 2,
    count: 5,
  },
];

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Seconds of a run over all images. */
async function seconds(certifier, images, context) {
  async function* stream() {
    yield* images;
  }
  const started = performance.now();
  for await (const _ of certifier.certify(stream(), context));
  return (performance.now() - started) / 1000;
}

async function measured({ model, data, sigma, count }, workers) {
  const set = await openDataset(data, { subset: 'test' });
  const classifier = await prepareClassifier(await loadModel(place(model)), undefined, {
    layout: 'nchw',
    scale: 1,
    imageShape: set.shape,
  });
  const cut = firstActivationCut(classifier.cuts.cuts, classifier.model.graph);
  const { left, globalBound } = runBound(classifier, cut.name, 'secant', NOISE.seed);
  const images = [];
  for (let index = 0; index < count; index++) images.push({ index, pixels: await set.image(index) });
  const probes = [images[0].pixels];
  const context = openContext({ workers });
  const settings = { ...SETTINGS, sigma };
  const subject = { classifier, data: set };
  const whole = (await openSplit(subject, cut, left, globalBound, probes, context)).at(settings, NOISE);
  const { sampler } = await openRightHalf(classifier, cut, context.resources, probes);
  const half = noisyHalf(sampler, classifier.classes);
  const latents = images.map(({ pixels }) => latentCentre(left, pixels).latent);
  const votesOnly = {
    ...whole,
    certifyOne: ({ index }, { signal }) =>
      half.certify(
        { latent: latents[index], noise: index, group: drawGroup(1), target: null },
        settings,
        NOISE,
        signal,
        () => {},
      ),
  };
  const bounds = [];
  for (const image of images.slice(0, 6)) {
    const { radius, evidence } = await whole.certifyOne(image, context, drawGroup(1));
    if (radius === 0) continue;
    const started = performance.now();
    left.inputRadius(
      left.evaluate(Float64Array.from(image.pixels)),
      evidence.latentRadius,
      probesOf(0n, image.index),
    );
    bounds.push(performance.now() - started);
  }
  const ratios = [];
  const rates = [];
  const draws = count * (SETTINGS.n0 + SETTINGS.n);
  for (let turn = 0; turn < TURNS; turn++) {
    const without = await seconds(certifierOf(votesOnly), images, context);
    const with_ = await seconds(certifierOf(whole), images, context);
    ratios.push(without / with_);
    rates.push(draws / with_);
  }
  await context.resources.close();
  return { bound: median(bounds), rate: median(rates), ratio: median(ratios) };
}

export async function bound() {
  const cores = availableParallelism();
  const counts = [...new Set([Math.max(1, cores - 1), cores])];
  const lines = [
    `Bound of the left half, first activation, n = ${SETTINGS.n}, medians of ${TURNS} turns`,
    'model             workers  bound per image  samples/s  of those without a bound  target',
  ];
  for (const one of CASES) {
    if (!existsSync(place(one.model))) {
      lines.push(`${one.name}: skipped, ${one.model} is not here`);
      continue;
    }
    for (const workers of counts) {
      const { bound: ms, rate, ratio } = await measured(one, workers);
      const target = workers < cores ? '>= 0.97' : '';
      lines.push(
        `${one.name.padEnd(17)} ${String(workers).padStart(7)}  ${ms.toFixed(0).padStart(12)} ms  ${rate.toFixed(0).padStart(9)}  ${ratio.toFixed(3).padStart(24)}  ${target}`,
      );
    }
  }
  return lines.join('\n');
}
