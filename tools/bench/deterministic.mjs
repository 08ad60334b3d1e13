// How many images a minute `--method deterministic --lipschitz global` certifies, and what evaluating eight images at once gains.
//   npm run build && node tools/bench/deterministic.mjs MODEL --data FOLDER [--layout nchw] [--images 8000] [--processes 1,2]
// MODEL is a network on MNIST, as `liresnet-mnist` trained. Several processes share the images (`--start`, `--skip`). Rates are those of
// the images between two runs of different length, so that starting up and proving the norms cancel.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openSubject } from '../../dist/index.js';
import { boundedNetwork } from '../../dist/methods/deterministic/network.js';
import { TOGETHER } from '../../dist/operators/algebra/row-products.js';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    layout: { type: 'string', default: 'nchw' },
    images: { type: 'string', default: '8000' },
    processes: { type: 'string', default: '1,2' },
  },
});
const [model] = positionals;
if (model === undefined || flags.data === undefined)
  throw new Error('usage: node tools/bench/deterministic.mjs MODEL --data FOLDER');
const source = `mnist:${flags.data}`;
const ROUNDS = 40;

const { classifier, data } = await openSubject({ model, data: source, layout: flags.layout });
const network = boundedNetwork(classifier, 'global');
const images = await Promise.all(Array.from({ length: TOGETHER }, (_, k) => data.image(k)));
const alone = () => images.map((image) => network.evaluate(image));
const together = () => network.evaluateTogether(images);
const times = { alone: [], together: [] };
// In turns, so that what else the machine does meets both.
for (let round = 0; round < 2 * ROUNDS; round++)
  for (const [name, evaluate] of Object.entries({ alone, together })) {
    const began = performance.now();
    evaluate();
    if (round >= ROUNDS) times[name].push((performance.now() - began) / TOGETHER);
  }
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const [one, all] = [median(times.alone), median(times.together)];
console.log(
  `one evaluation: ${one.toFixed(2)} ms alone, ${all.toFixed(2)} ms with ${TOGETHER - 1} others (${(one / all).toFixed(1)}×)`,
);

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'splitz-bench-'));
let runs = 0;

/** Certifies `count` images in as many processes, all at once; seconds. */
async function secondsFor(count, processes) {
  const began = performance.now();
  await Promise.all(
    Array.from({ length: processes }, (_, k) => {
      const which = [
        '--start',
        `${k}`,
        '--skip',
        `${processes}`,
        '--max',
        `${Math.floor(count / processes)}`,
      ];
      const how = ['--method', 'deterministic', '--lipschitz', 'global', '--layout', flags.layout, '--quiet'];
      const out = ['--out', join(folder, `${++runs}.jsonl`)];
      const args = [cli, 'certify', model, '--data', source, ...which, ...how, ...out];
      return new Promise((resolve, reject) => {
        spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] }).on('close', (code) =>
          code === 0 ? resolve() : reject(new Error(`certify ended with ${code}`)),
        );
      });
    }),
  );
  return (performance.now() - began) / 1000;
}

try {
  for (const processes of flags.processes.split(',').map(Number)) {
    const long = Number(flags.images);
    const short = long / 8;
    const rate =
      (long - short) / ((await secondsFor(long, processes)) - (await secondsFor(short, processes)));
    console.log(
      `${processes} ${processes === 1 ? 'process' : 'processes'}: ${rate.toFixed(0)} images a second, ${Math.floor(60 * rate).toLocaleString('en-US')} a minute`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
