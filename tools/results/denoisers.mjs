/**
 * What a denoiser buys for third-party networks: certifies each with `splitz-onnx certify --denoiser`, the same noise without the
 * denoiser alongside, and prints the table of docs/results.md. A killed run is resumed; what is finished is not repeated.
 *
 *   node tools/results/denoisers.mjs --models FOLDER --mnist FOLDER --cifar10 FOLDER --work FOLDER [--denoisers FOLDER]
 *     [--only NAME ...] [--sigma 0.25 --sigma 0.5] [--n 1000] [--skip 100] [--max 100] [--workers N] [--table]
 *
 * --denoisers is a folder of a third party's (scico_dncnn6H_gray28.onnx, scico_dncnn6H_rgb32.onnx), run after the shipped ones.
 * --table prints what is there. Needs a build (npm run build).
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pathsIn, splitzOnnxSilently } from './steps.mjs';

const RADII = [0, 0.1, 0.25, 0.5];

const { values: flags } = parseArgs({
  options: {
    models: { type: 'string' },
    mnist: { type: 'string' },
    cifar10: { type: 'string' },
    work: { type: 'string' },
    denoisers: { type: 'string' },
    only: { type: 'string', multiple: true },
    sigma: { type: 'string', multiple: true, default: ['0.25', '0.5'] },
    n: { type: 'string', default: '1000' },
    skip: { type: 'string', default: '100' },
    max: { type: 'string', default: '100' },
    workers: { type: 'string' },
    table: { type: 'boolean', default: false },
  },
});
const missing = ['models', 'mnist', 'cifar10', 'work'].filter((name) => flags[name] === undefined);
if (missing.length > 0) {
  console.error(`error: --${missing.join(', --')} missing; the start of this file says how it is used`);
  process.exit(4);
}
mkdirSync(flags.work, { recursive: true });
const at = pathsIn(flags.work);

const normalised = (mean, std) => ['--mean', mean, '--std', std];
const MNIST = normalised('0.1307', '0.3081');

/** Networks that were not trained with noise, and what each expects of its pixels. */
const networks = [
  { name: 'germanov_mnist_torch20', data: 'mnist', pixels: MNIST },
  { name: 'burn_mnist_bn3_torch20', data: 'mnist', pixels: MNIST },
  { name: 'cntk_mnist_opset8_ir3', data: 'mnist', pixels: ['--scale', '255'] },
  { name: 'colt_mnist_0.1_torch13', data: 'mnist', pixels: MNIST },
  { name: 'deepeverest_mnist_torch111', data: 'mnist', pixels: MNIST },
  { name: 'eran_convsmall_point_torch13', data: 'mnist', pixels: [] },
  { name: 'keras2onnx18_sigmoid_mnist', data: 'mnist', pixels: ['--layout', 'hw'] },
  { name: 'keras_mnist_tf2onnx184', data: 'mnist', pixels: ['--layout', 'hw'] },
  { name: 'leaky_relu_mnist_torch111', data: 'mnist', pixels: [] },
  { name: 'onnx2c_mnist_bnfirst_torch17', data: 'mnist', pixels: ['--layout', 'flat'] },
  {
    name: 'cifar_resnet20_torch15_op7',
    data: 'cifar10',
    pixels: normalised('0.485,0.456,0.406', '0.229,0.224,0.225'),
  },
  {
    name: 'kw_cifar_wide_torch04_dynreshape',
    data: 'cifar10',
    pixels: normalised('0.485,0.456,0.406', '0.225,0.225,0.225'),
  },
  { name: 'winml_cifar_torch17', data: 'cifar10', pixels: normalised('0.5,0.5,0.5', '0.5,0.5,0.5') },
];

const shipped = (file) => fileURLToPath(new URL(`../../models/${file}`, import.meta.url));
const thirdParty = (file) => (flags.denoisers === undefined ? [] : [join(flags.denoisers, file)]);
/** Of each data set; the noise a third party's was trained for, where its file does not say. */
const denoisers = {
  mnist: [
    { name: 'shipped', path: shipped('denoiser-digits28.onnx'), extra: [] },
    ...thirdParty('scico_dncnn6H_gray28.onnx').map((path) => ({
      ...{ name: 'scico_dncnn6H', path, extra: ['--denoiser-sigma', '0.2'] },
    })),
  ],
  cifar10: [
    { name: 'shipped', path: shipped('denoiser-rgb32.onnx'), extra: [] },
    ...thirdParty('scico_dncnn6H_rgb32.onnx').map((path) => ({
      ...{ name: 'scico_dncnn6H', path, extra: ['--denoiser-sigma', '0.2'] },
    })),
  ],
};

function certify({ network, denoiser, sigma, name }, isFirst) {
  splitzOnnxSilently(
    'certify',
    join(flags.models, `${network.name}.onnx`),
    ...['--data', `${network.data}:${flags[network.data]}`, ...network.pixels],
    ...['--denoiser', denoiser.path, ...denoiser.extra, '--sigma', sigma],
    ...['--n', flags.n, '--skip', flags.skip, '--max', flags.max, '--seed', '0'],
    ...(flags.workers === undefined ? [] : ['--workers', flags.workers]),
    // The network without denoiser is the same behind each.
    ...(isFirst ? [] : ['--no-baseline']),
    ...['--quiet', '--out', at(name, '.jsonl')],
  );
}

/** Clean accuracy, and per series the share of images certified right at each radius; null where nothing was run. */
function resultOf(path) {
  if (!existsSync(path)) return null;
  const lines = readFileSync(path, 'utf8').trim().split('\n').map(JSON.parse);
  const records = lines.filter(({ kind }) => kind === 'certificate');
  if (records.length === 0) return null;
  const share = (test) => records.filter(test).length / records.length;
  return {
    images: records.length,
    clean: share(({ label, answer }) => answer === label),
    series: lines[0].series.map((_, k) =>
      RADII.map((radius) =>
        share(({ label, series }) => series[k].prediction === label && series[k].radius >= radius),
      ),
    ),
  };
}

const percent = (share) => (100 * share).toFixed(0);
const row = (cells) => `| ${cells.join(' | ')} |`;

function printTable(jobs) {
  console.log(row(['network', 'σ', 'images', 'clean', 'denoiser', ...RADII.map(String)]));
  console.log(row(['---', '---:', '---:', '---:', '---', ...RADII.map(() => '---:')]));
  for (const { network, denoiser, sigma, name } of jobs) {
    const result = resultOf(at(name, '.jsonl'));
    if (result === null) continue;
    const { images, clean, series } = result;
    const [behind, without] = series;
    const known = [`\`${network.name}\``, sigma, images, percent(clean)];
    if (without !== undefined) console.log(row([...known, 'none', ...without.map(percent)]));
    console.log(row([...known, denoiser.name, ...behind.map(percent)]));
  }
}

const jobs = networks
  .filter(({ name }) => flags.only === undefined || flags.only.includes(name))
  .flatMap((network) =>
    flags.sigma.flatMap((sigma) =>
      denoisers[network.data].map((denoiser, k) => ({
        ...{ network, denoiser, sigma, isFirst: k === 0 },
        name: `${network.name}-${denoiser.name}-${sigma}`,
      })),
    ),
  );
if (!flags.table) for (const job of jobs) certify(job, job.isFirst);
printTable(jobs);
