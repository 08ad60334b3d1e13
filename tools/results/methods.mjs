/**
 * The methods side by side on MNIST: trains what is not shipped with `splitz-onnx train`, certifies 500 test images (every
 * 20th) with `splitz-onnx certify`, and prints `splitz-onnx benchmark` over the runs: the first table of docs/results.md.
 * Finished steps are kept in the work folder; a killed run is resumed.
 *
 *   node tools/results/methods.mjs --data FOLDER --work FOLDER [--models FOLDER] [--only NAME ...] [--n 10000] [--table]
 *
 * --models is the folder of third-party networks (germanov_mnist_torch20.onnx, for the row behind a denoiser, omitted without).
 * Needs a build (npm run build). Two hours on two idle cores.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pathsIn, root, splitzOnnx } from './steps.mjs';

const RADII = '0,0.25,0.5,0.75,1,1.25,1.58,2,2.5';

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    work: { type: 'string' },
    models: { type: 'string' },
    only: { type: 'string', multiple: true },
    n: { type: 'string', default: '10000' },
    table: { type: 'boolean', default: false },
  },
});
if (flags.data === undefined || flags.work === undefined) {
  console.error(
    'usage: node tools/results/methods.mjs --data FOLDER --work FOLDER [--models FOLDER] [--only NAME ...] [--n N] [--table]',
  );
  process.exit(4);
}
mkdirSync(flags.work, { recursive: true });
const at = pathsIn(flags.work);
const shipped = (name) => `${root}/models/${name}.onnx`;
const data = ['--data', `mnist:${flags.data}`];

const SIGMA = ['--sigma', '0.75'];
const LENET = ['--architecture', 'lenet-strided'];
const EPOCHS = ['--epochs', '6'];
/** What is trained here, by name: all with one kind of loss (the Gaussian one) for 6 epochs, but for the margins. */
const trainings = {
  plain: [...LENET, '--split', 'input', ...SIGMA, ...EPOCHS],
  mask: [...LENET, '--split', 'conv1', '--recipe', 'paper', ...SIGMA, ...EPOCHS],
  orthogonal: ['--architecture', 'orthogonal-mnist', ...SIGMA, ...EPOCHS],
  prototypes: ['--architecture', 'prototypes-mnist', ...SIGMA, ...EPOCHS],
  liresnet: ['--architecture', 'liresnet-mnist', '--epochs', '40'],
};
/** Every run: the model, and the flags of `certify`. */
const runs = {
  plain: [at('plain', '.onnx')],
  'plain-60': [shipped('mnist-smoothing')],
  mask: [at('mask', '.onnx')],
  'secant-60': [shipped('mnist-splitz')],
  orthogonal: [at('orthogonal', '.onnx')],
  prototypes: [at('prototypes', '.onnx')],
  scores: [at('liresnet', '.onnx'), '--method', 'lipschitz-smoothing', '--split', 'input', '--sigma', '0.25'],
  votes: [at('liresnet', '.onnx'), '--method', 'smoothing', '--sigma', '0.25'],
  deterministic: [at('liresnet', '.onnx'), '--method', 'deterministic', '--lipschitz', 'secant'],
  ...(flags.models === undefined
    ? {}
    : {
        denoised: [
          `${flags.models}/germanov_mnist_torch20.onnx`,
          ...['--mean', '0.1307', '--std', '0.3081', '--sigma', '0.5'],
          ...['--denoiser', shipped('denoiser-digits28')],
        ],
      }),
};

const wanted = Object.keys(runs).filter((name) => flags.only === undefined || flags.only.includes(name));
for (const name of flags.table ? [] : wanted) {
  const [model, ...options] = runs[name];
  const trained = Object.keys(trainings).find((training) => at(training, '.onnx') === model);
  if (trained !== undefined && !existsSync(model))
    splitzOnnx('train', ...trainings[trained], ...data, '--out', model);
  const sampled = options.includes('deterministic') ? [] : ['--n', flags.n, '--seed', '0', '--no-baseline'];
  const images = ['--skip', '20', '--max', '500'];
  splitzOnnx('certify', model, ...data, ...images, ...options, ...sampled, '--out', at(name, '.jsonl'));
}
const finished = wanted.map((name) => at(name, '.jsonl')).filter(existsSync);
if (finished.length > 0) splitzOnnx('benchmark', ...finished, '--radii', RADII, '--format', 'markdown');
