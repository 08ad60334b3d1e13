// Fuzzing of everything that is read besides models: data sets, label and class-name files, config files, result and attack
// files. A defect is as in main.mjs. Run `npm run build` first.
//   node tools/fuzz/readers.mjs --count 10000 --seed 1 [--jobs 2] [--only npz,images] [--keep FOLDER]
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutantFiles } from './mutate-files.mjs';
import { readerSeeds } from './reader-seeds.mjs';
import { fuzz } from './supervise.mjs';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    only: { type: 'string' },
    keep: { type: 'string' },
  },
});

/** A short run and an attack on it, whose files are what the mutants of both are made from. */
const work = mkdtempSync(join(tmpdir(), 'splitz-readers-'));
const splitz = (...args) =>
  execFileSync(process.execPath, [at('../../dist/cli/main.js'), ...args], { cwd: work, stdio: 'ignore' });
splitz(
  'certify',
  at('../../models/glyphs-lenet.onnx'),
  '--max',
  '3',
  '--n',
  '100',
  '--seed',
  '1',
  '--out',
  'run.jsonl',
);
splitz(
  ...[
    'attack',
    'run.jsonl',
    at('../../models/glyphs-lenet.onnx'),
    '--search',
    'gradient-free',
    '--seed',
    '1',
  ],
  ...['--steps', '1', '--draws', '2', '--max', '2', '--out', 'attack.jsonl'],
);
process.env.FUZZ_RESULTS = join(work, 'run.jsonl');
process.env.FUZZ_ATTACK = join(work, 'attack.jsonl');
const seeds = await readerSeeds({
  results: readFileSync(process.env.FUZZ_RESULTS, 'utf8'),
  attack: readFileSync(process.env.FUZZ_ATTACK, 'utf8'),
});

const readers = values.only?.split(',') ?? Object.keys(seeds);
const seed = Number(values.seed);
let found = 0;
console.log('reader     inputs  refused     read  defects  slowest s  largest MB');
for (const reader of readers) {
  const { counts, defects, slowest, largest } = await fuzz({
    ...{ seed, first: 0, count: Number(values.count), jobs: Number(values.jobs) },
    ...{ script: at('reader-child.mjs'), more: { reader } },
  });
  found += defects.length;
  const cells = [
    values.count,
    counts.refused,
    counts.opened,
    defects.length,
    slowest.seconds.toFixed(1),
    Math.round(largest.bytes / 1e6),
  ];
  const widths = [7, 9, 9, 9, 11, 12];
  console.log(reader.padEnd(10) + cells.map((cell, k) => String(cell).padStart(widths[k])).join(''));
  for (const { index, kind, what } of defects.slice(0, 5))
    console.error(`${kind} of ${reader} ${index}\n  ${what.slice(0, 600)}`);
  if (values.keep !== undefined)
    for (const { index } of defects)
      for (const [name, data] of Object.entries(mutantFiles(seeds[reader], seed, index))) {
        const path = join(values.keep, `${reader}-${index}`, name);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, data);
      }
}
rmSync(work, { recursive: true, force: true });
process.exitCode = found === 0 ? 0 : 1;
