// Seconds per image of `certify`, bound included, beside the field's loop in PyTorch on the same network, images and n, in one run;
// and of the verdict at a radius, which takes fewer draws.
//   node tools/bench/peers.mjs MODEL DATA SIGMA [--n 100000] [--images 20] [--peer-images 2] [--skip 97] [--radius 0.5] [--python python3]
// Opening a model is counted for neither. The network alone, without noise, in as many workers, is what no sampler of its answers
// on ONNX Runtime can pass.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { openDataset } from '../../dist/datasets/open-dataset.js';
import { openRun, settleRun } from '../../dist/runs/certify.js';
import { openContext } from '../../dist/runs/context.js';
import { table } from './measure.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: 'string', default: '100000' },
    images: { type: 'string', default: '20' },
    'peer-images': { type: 'string', default: '2' },
    skip: { type: 'string', default: '97' },
    radius: { type: 'string', default: '0.5' },
    python: { type: 'string', default: 'python3' },
  },
});
const [model, data, sigma] = positionals;
const n = Number(values.n);
const SHARED = 8;
const [WORKERS, BATCH] = [2, 32];
const few = Number(values['peer-images']);

/** Seconds per image, and draws per image. */
async function ours(images, asked, further = {}) {
  const context = openContext({ workers: WORKERS, batch: BATCH });
  try {
    const request = {
      ...{ model, data, max: images, skip: Number(values.skip), seed: 7, ...further },
      ...methodOf(asked),
    };
    const run = await openRun(await settleRun(request, context), context);
    try {
      const started = performance.now();
      let draws = 0;
      for await (const { series } of run.records(0)) {
        const { counts, nonFinite } = series[0].evidence;
        draws += counts.reduce((sum, votes) => sum + votes, nonFinite);
      }
      return { seconds: (performance.now() - started) / 1e3 / images, draws: draws / images };
    } finally {
      await run.close();
    }
  } finally {
    await context.resources.close();
  }
}

/** At a cut the noise is 0.25 times the bound of the left half, as by default. */
const methodOf = ({ cut, until }) => ({
  method: cut === 'input' ? 'smoothing' : 'splitz',
  settings: {
    n,
    ...(until === undefined ? {} : { until }),
    ...(cut === 'input' ? { sigma: Number(sigma) } : { split: cut }),
  },
  against: [],
});

async function peers() {
  const folder = mkdtempSync(join(tmpdir(), 'splitz-peers-'));
  try {
    const set = await openDataset(data, { subset: 'test' });
    const pixels = [];
    for (let k = 0; k < few; k++) pixels.push(await set.image(k * Number(values.skip)));
    const file = join(folder, 'images.f32');
    writeFileSync(file, Buffer.concat(pixels.map((one) => Buffer.from(Float32Array.from(one).buffer))));
    const script = fileURLToPath(new URL('torch_certify.py', import.meta.url));
    const out = execFileSync(
      values.python,
      [script, model, file, set.shape.join('x'), sigma, String(n), '1', '2'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
    return out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds for n rows of the network alone. */
async function networkAlone(seconds = 5) {
  const { shape } = await openDataset(data, { subset: 'test' });
  const workerData = { model: readFileSync(model), latentDims: shape, batch: BATCH };
  const workers = Array.from(
    { length: WORKERS },
    () => new Worker(new URL('network-worker.mjs', import.meta.url), { workerData }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const done = await Promise.all(
    workers.map(async (worker) => {
      worker.postMessage(seconds);
      const [rows] = await once(worker, 'message');
      return rows;
    }),
  );
  for (const worker of workers) worker.postMessage(0);
  return { seconds: (seconds * n) / done.reduce((sum, rows) => sum + rows, 0), draws: n };
}

const images = Number(values.images);
const until = `radius >= ${values.radius}`;
console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}, load ${loadavg()[0].toFixed(1)}`);
const before = await ours(few, { cut: 'input' });
const theirs = await peers();
const after = await ours(few, { cut: 'input' });
const best = Math.min(...theirs.map(({ seconds }) => seconds));
const row = (name, count, { seconds, draws }) => [
  name,
  count,
  Math.round(draws),
  seconds.toFixed(3),
  `${(best / seconds).toFixed(1)} times`,
];
const rows = [
  [`n = ${n}`, 'images', 'draws per image', 's per image', 'as fast as PyTorch'],
  ...theirs.map(({ threads, batch, seconds }) =>
    row(`PyTorch, ${threads} threads, batches of ${batch}`, few, { seconds, draws: n }),
  ),
  row('the network alone, without noise', '-', await networkAlone()),
  row('plain smoothing, before', few, before),
  row('plain smoothing, after', few, after),
  row('SPLITZ behind the first activation, bound included', few, await ours(few, { cut: 'first' })),
  row(
    `the same, ${SHARED} images share their noise`,
    SHARED,
    await ours(SHARED, { cut: 'first' }, { shareNoise: SHARED }),
  ),
  row(`plain smoothing, until ${until}`, images, await ours(images, { cut: 'input', until })),
  row(`SPLITZ, until ${until}`, images, await ours(images, { cut: 'first', until })),
];
console.log(table(rows));
