// Seconds per image of `certify` with plain smoothing at sigma 0.25, from one record to the next: a line of JSON on stdout.
//   node tools/gpu/seconds.mjs PROVIDER MODEL CIFAR_FOLDER N [UNTIL]
// The first image is left out: the provider looks for its kernels then. IMAGES=K in the environment takes K of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const [provider, model, folder, n, until] = process.argv.slice(2);
const IMAGES = Number(process.env.IMAGES ?? (until === undefined ? 4 : 9));
const BATCH = provider === 'cpu' ? 32 : 1024;
const main = join(dirname(fileURLToPath(import.meta.url)), '../../dist/cli/main.js');
const command = [
  ...[main, 'certify', model, '--data', `cifar10:${folder}`, '--method', 'smoothing'],
  ...['--sigma', '0.25', '--no-baseline', '--n', n, '--seed', '0', '--max', String(IMAGES), '--skip', '7'],
  ...['--provider', provider, '--batch', String(BATCH), '--quiet', '--out', '-'],
  ...(until === undefined ? [] : ['--until', until]),
];
const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
const times = [];
const draws = [];
for await (const line of createInterface({ input: child.stdout })) {
  const record = JSON.parse(line);
  if (record.kind !== 'certificate') continue;
  times.push(performance.now());
  const { counts, nonFinite } = record.series[0].evidence;
  draws.push(counts.reduce((sum, count) => sum + count, nonFinite));
}
const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
const row = { network: basename(model, '.onnx'), provider, n: Number(n), until: until ?? null };
const timed = times.length - 1;
if (timed < 1) {
  console.log(JSON.stringify({ ...row, failed: `exit ${code} after ${times.length} images` }));
  process.exitCode = 1;
} else
  console.log(
    JSON.stringify({
      ...row,
      images: timed,
      seconds: (times.at(-1) - times[0]) / 1e3 / timed,
      draws: draws.slice(1).reduce((sum, count) => sum + count, 0) / timed,
    }),
  );
