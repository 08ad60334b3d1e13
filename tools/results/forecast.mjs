// Compares the time that `plan` forecasts with that of the run it plans:
//   node tools/results/forecast.mjs MODEL [options of plan, e.g. --data mnist:DIR --max 40]
// With --cpu both are measured in CPU seconds of one worker, which is what the clock of an idle machine would show: for a
// machine that others use, where two runs of the same command differ by more than the forecast could.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const cpu = process.argv.includes('--cpu');
const [model, ...options] = process.argv.slice(2).filter((word) => word !== '--cpu');
if (model === undefined)
  throw new Error('usage: node tools/results/forecast.mjs MODEL [options of plan] [--cpu]');

const folder = mkdtempSync(join(tmpdir(), 'splitz-forecast-'));
const clock = join(folder, 'cpu-clock.mjs');
writeFileSync(
  clock,
  `import { isMainThread } from 'node:worker_threads';
performance.now = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
if (isMainThread) process.on('exit', () => process.stderr.write('cpu ' + performance.now() / 1000));
`,
);

/** Runs the program; its output, and how long it took by the clock asked for. */
function splitz(...words) {
  const args = cpu ? ['--import', clock, main, ...words, '--workers', '1'] : [main, ...words];
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, '--quiet'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const seconds = cpu ? Number(/cpu (.*)$/.exec(stderr)?.[1]) : (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(stderr);
  return { stdout, seconds };
}

try {
  const config = join(folder, 'config.json');
  const planned = splitz('plan', resolve(model), ...options, '--out', config, '--json', '--no-config');
  const { forecast, best } = JSON.parse(planned.stdout);
  const out = join(folder, 'run.jsonl');
  const { seconds: real } = splitz('certify', resolve(model), '--config', config, '--out', out);
  const records = readFileSync(out, 'utf8').split('"kind":"certificate"').length - 1;
  const percent = (100 * (forecast.seconds / real - 1)).toFixed(1);
  console.log(
    `${best.cut}: forecast ${forecast.seconds.toFixed(1)} ± ${forecast.halfWidth.toFixed(1)} s, run ${real.toFixed(1)} s of ${records} images (${percent} %)`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
