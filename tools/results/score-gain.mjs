/**
 * What a Lipschitz constant adds to randomized smoothing, by L σ: certifies images with `--method lipschitz-smoothing` at
 * several temperatures, which L is divided by, and compares on the same draws the radius without L (plain smoothing), the published approximation
 * (Delattre et al. 2025) and the closed form. Throws where an image breaks that order.
 *
 *   node tools/results/score-gain.mjs MODEL --data FOLDER --work FOLDER [--sigma 0.25] [--temperatures 0.25,0.5,1,2,4,8,16] [--max 50] [--n 10000]
 *
 * Needs a build (npm run build). MODEL is a network on MNIST with a Lipschitz constant, as `liresnet-mnist` trained.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pathsIn, splitzOnnxSilently } from './steps.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    work: { type: 'string' },
    sigma: { type: 'string', default: '0.25' },
    temperatures: { type: 'string', default: '0.25,0.5,1,2,4,8,16' },
    max: { type: 'string', default: '50' },
    n: { type: 'string', default: '10000' },
  },
});
const [model] = positionals;
if (model === undefined || flags.data === undefined || flags.work === undefined)
  throw new Error('usage: node tools/results/score-gain.mjs MODEL --data FOLDER --work FOLDER');
mkdirSync(flags.work, { recursive: true });
const at = pathsIn(flags.work);
const BAR = 40;

function runAt(temperature) {
  const out = at(`gain-${temperature}`, '.jsonl');
  const images = [
    '--data',
    `mnist:${flags.data}`,
    '--max',
    flags.max,
    '--skip',
    String(Math.floor(10_000 / flags.max)),
  ];
  const method = ['--method', 'lipschitz-smoothing', '--split', 'input', '--sigma', flags.sigma];
  const scores = ['--scores', 'softmax', '--temperature', temperature];
  splitzOnnxSilently(
    'certify',
    model,
    ...images,
    ...method,
    ...scores,
    '--n',
    flags.n,
    '--seed',
    '0',
    '--no-baseline',
    '--quiet',
    '--out',
    out,
  );
  const [head, ...lines] = readFileSync(out, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { facts } = head.series[0];
  const radii = lines
    .filter(({ kind }) => kind === 'certificate')
    .map(({ index, series: [{ prediction, evidence }] }) => ({ index, prediction, ...evidence }))
    .filter(({ prediction, latentRadius }) => prediction !== null && latentRadius > 0);
  for (const { index, plainRadius, publishedRadius, latentRadius } of radii)
    if (!(plainRadius <= publishedRadius * (1 + 1e-9) && publishedRadius <= latentRadius * (1 + 1e-9)))
      throw new Error(
        `image ${index} at temperature ${temperature}: ${plainRadius}, ${publishedRadius}, ${latentRadius}`,
      );
  const mean = (key) => radii.reduce((sum, one) => sum + one[key], 0) / radii.length;
  return {
    temperature,
    product: facts.scoreLipschitz * Number(flags.sigma),
    certified: radii.length,
    ...{ plain: mean('plainRadius'), published: mean('publishedRadius'), closed: mean('latentRadius') },
  };
}

const rows = flags.temperatures.split(',').map(runAt);
console.log('| temperature | L σ | certified | plain | published | closed form | closed / plain |');
console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const { temperature, product, certified, plain, published, closed } of rows)
  console.log(
    `| ${temperature} | ${product.toFixed(3)} | ${certified} | ${plain.toFixed(4)} | ${published.toFixed(4)} | ${closed.toFixed(4)} | ${(closed / plain).toFixed(3)} |`,
  );
console.log('\ngain in radius, closed form over plain smoothing on the same draws');
const most = Math.max(...rows.map(({ plain, closed }) => closed / plain));
for (const { product, plain, closed } of rows)
  console.log(
    `L σ = ${product.toFixed(3).padStart(7)}  ${'█'.repeat(Math.max(1, Math.round((BAR * (closed / plain)) / most)))} ${(closed / plain).toFixed(2)}`,
  );
