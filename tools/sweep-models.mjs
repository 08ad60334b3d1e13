// Certifies every catalogued classifier that has data beside it, at one cut, and prints one line each: the cut, the clean
// predictions against the catalogue, certified accuracy and average radius, or the reason it is refused.
//   node tools/sweep-models.mjs ../shared real --split first --max 20 --n 2000
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [shared, folder, ...flags] = process.argv.slice(2);
if (shared === undefined || folder === undefined) {
  console.error('usage: node tools/sweep-models.mjs SHARED FOLDER [certify flags]');
  process.exit(4);
}
const main = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist/cli/main.js');
const out = mkdtempSync(join(tmpdir(), 'splitz-sweep-'));
const catalogue = JSON.parse(readFileSync(join(shared, 'catalogue.json'), 'utf8'));

for (const entry of catalogue) {
  if (!entry.file.startsWith(`models/${folder}/`) || entry.dataset === undefined) continue;
  const data = entry.dataset === 'mnist' ? `mnist:${shared}/data/mnist` : `cifar10:${shared}/data/cifar-10`;
  const file = join(out, `${basename(entry.file)}.jsonl`);
  const list = (name) => (Array.isArray(entry[name]) ? [`--${name}`, entry[name].join(',')] : []);
  const command = [
    ...[
      main,
      'certify',
      join(shared, entry.file),
      '--data',
      data,
      '--out',
      file,
      '--quiet',
      '--json',
      '--seed',
      '0',
    ],
    ...[
      '--layout',
      entry.layout,
      '--scale',
      entry.scale === '0..255' ? '255' : '1',
      ...list('mean'),
      ...list('std'),
    ],
    ...flags,
  ];
  const started = Date.now();
  const run = spawnSync(process.execPath, command, { encoding: 'utf8' });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (run.status !== 0) {
    const { error } = JSON.parse(run.stderr.trim().split('\n').at(-1));
    console.log(`${basename(entry.file)}\trefused (exit ${run.status})\t${error.what}\t${error.do ?? ''}`);
    continue;
  }
  const [header, ...lines] = readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse);
  const records = lines.filter(({ kind }) => kind === 'certificate');
  const own = records.map(({ label, series: [first] }) => ({
    ...first,
    correct: first.prediction === label,
  }));
  const counts = own.map(({ evidence }) => evidence.counts.join(',')).join(';');
  const certified = own.filter(({ correct, radius }) => correct && radius > 0);
  const digest = createHash('sha256').update(counts).digest('hex').slice(0, 12);
  const acr = certified.reduce((sum, { radius }) => sum + radius, 0) / records.length;
  const { settings, facts } = header.series[0];
  console.log(
    [
      basename(entry.file),
      `${settings.split.value} [${facts.latentShape}]`,
      `sigma ${settings.sigma.value}`,
      `${certified.length}/${records.length} certified`,
      `ACR ${acr.toFixed(6)}`,
      `largest ${Math.max(...own.map(({ radius }) => radius)).toFixed(7)}`,
      `counts ${digest}`,
      `${seconds} s`,
    ].join('\t'),
  );
}
rmSync(out, { recursive: true });
