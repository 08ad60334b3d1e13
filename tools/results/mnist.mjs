/**
 * What SPLITZ reaches on MNIST with sound bounds: trains every recipe with `splitz-onnx train`, certifies 500 test images
 * (every 20th) with `splitz-onnx certify`, and prints the table of docs/results.md. Each finished step is kept in the
 * work folder and not repeated; a killed run is resumed.
 *
 *   node tools/results/mnist.mjs --data FOLDER --work FOLDER [--only NAME ...] [--n 10000] [--threads N] [--table]
 *
 * --threads 1 lets two runs share two cores, each with its own --only; the weights then differ in their last bits.
 * Needs a build (npm run build). Takes hours on two cores.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pathsIn, splitzOnnx } from './steps.mjs';

const RADII = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5];

const { values: flags } = parseArgs({
  options: {
    data: { type: 'string' },
    work: { type: 'string' },
    only: { type: 'string', multiple: true },
    n: { type: 'string', default: '10000' },
    threads: { type: 'string' },
    table: { type: 'boolean', default: false },
  },
});
if (flags.data === undefined || flags.work === undefined) {
  console.error(
    'usage: node tools/results/mnist.mjs --data FOLDER --work FOLDER [--only NAME ...] [--n N] [--threads N] [--table]',
  );
  process.exit(4);
}
mkdirSync(flags.work, { recursive: true });
const at = pathsIn(flags.work);

const CONSISTENCY = ['--loss', 'consistency'];
const smoothing = ['--split', 'input', '--sigma', '0.75'];
const paper = ['--split', 'conv1', '--recipe', 'paper', '--sigma', '0.75'];
const secant = [
  ...paper,
  '--regularizer',
  'secant',
  '--radius',
  '1.5',
  '--lambda',
  '0.4',
  '--bound-images',
  '64',
];
const matched = ['--split', 'conv1', '--recipe', 'matched', '--sigma', '0.75'];
const warm = ['--recipe', 'warm', '--sigma', '0.75'];

/**
 * Every run: what is trained, from which file, for how long. `from` names a run whose model is the start; else it is
 * lenet-strided, or for comparison lenet, which pools behind the cut.
 */
const runs = [
  { name: 'rs', flags: smoothing, epochs: 15 },
  { name: 'rs-cons', flags: [...smoothing, ...CONSISTENCY], epochs: 15 },
  { name: 'paper-mask', flags: paper, epochs: 15 },
  { name: 'paper-mask-cons', flags: [...paper, ...CONSISTENCY], epochs: 15 },
  { name: 'secant', flags: secant, epochs: 15 },
  { name: 'secant-cons', flags: [...secant, ...CONSISTENCY], epochs: 15 },
  { name: 'matched', flags: matched, epochs: 15 },
  { name: 'matched-cons', flags: [...matched, ...CONSISTENCY], epochs: 15 },
  { name: 'warm', from: 'rs', flags: warm, epochs: 15 },
  { name: 'warm-cons', from: 'rs-cons', flags: [...warm, ...CONSISTENCY], epochs: 15 },
  { name: 'rs-cons-60', flags: [...smoothing, ...CONSISTENCY], epochs: 60 },
  { name: 'warm-cons-60', from: 'rs-cons', flags: [...warm, ...CONSISTENCY], epochs: 60 },
  { name: 'pooled-rs', architecture: 'lenet', flags: smoothing, epochs: 15 },
  { name: 'pooled-rs-cons', architecture: 'lenet', flags: [...smoothing, ...CONSISTENCY], epochs: 15 },
  { name: 'pooled-paper-mask', architecture: 'lenet', flags: paper, epochs: 15 },
];

function train({ name, from, architecture: untrained = 'lenet-strided', flags: given, epochs }) {
  if (existsSync(at(name, '.onnx'))) return;
  const start = from === undefined ? ['--architecture', untrained] : [at(from, '.onnx')];
  splitzOnnx(
    'train',
    ...start,
    '--data',
    `mnist:${flags.data}`,
    ...given,
    '--epochs',
    String(epochs),
    ...(flags.threads === undefined ? [] : ['--threads', flags.threads]),
    '--out',
    at(name, '.onnx'),
  );
}

function certify({ name }) {
  splitzOnnx(
    'certify',
    at(name, '.onnx'),
    '--data',
    `mnist:${flags.data}`,
    '--skip',
    '20',
    '--max',
    '500',
    '--n',
    flags.n,
    '--no-baseline',
    '--seed',
    '0',
    '--out',
    at(name, '.jsonl'),
  );
}

function resultOf({ name, epochs }) {
  if (!existsSync(at(name, '.jsonl'))) return null;
  const [head, ...lines] = readFileSync(at(name, '.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const records = lines.filter(({ kind }) => kind === 'certificate');
  const right = records
    .filter(({ label, series: [own] }) => own.prediction === label)
    .map(({ series: [own] }) => own);
  return {
    name,
    epochs,
    images: records.length,
    sigma: head.series[0].settings.sigma.value,
    lipschitz:
      right.reduce((sum, { evidence }) => sum + (evidence.localLipschitz ?? 1), 0) /
      Math.max(1, right.length),
    acr: right.reduce((sum, { radius }) => sum + radius, 0) / records.length,
    certified: RADII.map((least) => right.filter(({ radius }) => radius >= least).length / records.length),
  };
}

const wanted = runs.filter(({ name }) => flags.only === undefined || flags.only.includes(name));
for (const run of wanted) {
  if (flags.table) break;
  train(run);
  certify(run);
}

const percent = (share) => (100 * share).toFixed(1);
console.log(`| model | epochs | images | sigma at the cut | mean L | ACR | ${RADII.join(' | ')} |`);
console.log(`|${'---|'.repeat(6 + RADII.length)}`);
for (const run of wanted) {
  const r = resultOf(run);
  if (r === null) continue;
  console.log(
    `| ${r.name} | ${r.epochs} | ${r.images} | ${r.sigma} | ${r.lipschitz.toFixed(3)} | ${(Math.floor(r.acr * 1000) / 1000).toFixed(3)} | ${r.certified.map(percent).join(' | ')} |`,
  );
}
