/**
 * A split beside plain smoothing at the matched noise, at as many draws and at as many seconds: a right half that is
 * cheaper than the network buys draws. Seconds per image are wall time, of two runs of different length, so that what is done
 * once cancels; the split's include its bound.
 *
 *   node tools/results/matched-compute.mjs MODEL --plain MODEL --data FOLDER --work FOLDER [--n 10000] [--images 500] [--timed 60]
 *
 * MODEL is a network on MNIST whose metadata name its cut and noise; --plain one that was trained with as much noise at its input. Needs a build (npm run build), and an idle machine.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { pathsIn, splitzOnnx, splitzOnnxSilently } from './steps.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    plain: { type: 'string' },
    data: { type: 'string' },
    work: { type: 'string' },
    n: { type: 'string', default: '10000' },
    images: { type: 'string', default: '500' },
    timed: { type: 'string', default: '60' },
  },
});
const [model] = positionals;
if (model === undefined || flags.plain === undefined || flags.data === undefined || flags.work === undefined)
  throw new Error(
    'usage: node tools/results/matched-compute.mjs MODEL --plain MODEL --data FOLDER --work FOLDER',
  );
mkdirSync(flags.work, { recursive: true });
const at = pathsIn(flags.work);
const name = basename(model, '.onnx');

/** Certifies this many test images, evenly spaced, and gives the file. */
function certified(label, images, n, [network, ...method]) {
  const out = at(`${name}.${label}`, '.jsonl');
  const which = [
    '--data',
    `mnist:${flags.data}`,
    '--max',
    `${images}`,
    '--skip',
    `${Math.floor(10_000 / images)}`,
  ];
  const how = ['--n', `${n}`, '--seed', '0', '--no-baseline', '--quiet'];
  splitzOnnxSilently('certify', network, ...which, ...method, ...how, '--out', out);
  return out;
}

/** Wall time of one more image. */
function secondsPerImage(label, n, method) {
  const few = Math.ceil(Number(flags.timed) / 6);
  const lasting = [few, Number(flags.timed)].map((images) => {
    rmSync(at(`${name}.${label}`, '.jsonl'), { force: true });
    const began = performance.now();
    certified(label, images, n, method);
    return (performance.now() - began) / 1000;
  });
  rmSync(at(`${name}.${label}`, '.jsonl'));
  return (lasting[1] - lasting[0]) / (Number(flags.timed) - few);
}

const n = Number(flags.n);
const split = certified('split', Number(flags.images), n, [model]);
const [head, ...lines] = readFileSync(split, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const local = lines
  .filter(({ kind }) => kind === 'certificate')
  .map(({ series: [{ evidence }] }) => evidence.localLipschitz)
  .filter((value) => value !== null)
  .toSorted((a, b) => a - b);
const sigma = head.series[0].settings.sigma.value / local[Math.floor(local.length / 2)];
const plain = [flags.plain, '--method', 'smoothing', '--sigma', sigma.toPrecision(4)];
const [ofSplit, ofPlain] = [secondsPerImage('timed', n, [model]), secondsPerImage('timed', n, plain)];
const affordable = Math.round((n * ofSplit) / ofPlain);
console.log(
  `seconds per image at n = ${n}: ${ofSplit.toFixed(4)} behind the cut, ${ofPlain.toFixed(4)} at the input (ratio ${(ofSplit / ofPlain).toFixed(3)}); as many seconds there buy n = ${affordable}`,
);
const files = [
  split,
  certified('plain', Number(flags.images), n, plain),
  certified('plain-matched', Number(flags.images), affordable, plain),
];
splitzOnnx('benchmark', ...files, '--radii', '0,0.25,0.5,0.75,1,1.25,1.58,2,2.5', '--format', 'markdown');
splitzOnnx('compare', files[0], files[2]);
