// Reads mutants of every kind of file besides models as the product does, and tells the parent about each: what is not read
// or refused in words is a defect. Started by supervise.mjs with the folder for its files.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openAttackFile, recordedAttack } from '../../dist/attack/attack-file.js';
import { readConfigFile } from '../../dist/cli/config/config-file.js';
import { openDataset } from '../../dist/datasets/open-dataset.js';
import { derivationOf } from '../../dist/methods/derivation.js';
import { readRun } from '../../dist/methods/result-files.js';
import { readRuns } from '../../dist/report/audited-run.js';
import { markdownReport } from '../../dist/report/markdown-report.js';
import { buildReport } from '../../dist/report/report.js';
import { classNamesFor } from '../../dist/runs/class-names.js';
import { verifyFile } from '../../dist/verification/verify-file.js';
import { answerJobs } from './answer.mjs';
import { mutantFiles } from './mutate-files.mjs';
import { readerSeeds } from './reader-seeds.mjs';

const [folder] = process.argv.slice(2);
const seeds = await readerSeeds({
  results: readFileSync(process.env.FUZZ_RESULTS, 'utf8'),
  attack: readFileSync(process.env.FUZZ_ATTACK, 'utf8'),
});

/** Opens a data set and reads a few of its images. */
async function images(spec, options = {}) {
  const data = await openDataset(spec, { subset: 'test', ...options });
  data.describe();
  for (let index = 0; index < Math.min(3, data.length); index++) {
    const pixels = await data.image(index);
    if (!pixels.every((value) => Number.isFinite(value))) throw new Error('a pixel that is not finite');
  }
}

const NOTHING = { segments: 'none', curves: 'none', pictures: 'none' };

/** How each kind is read. @param names of the files there are */
const READ = {
  npz: (at) => images(`npz:${join(at, 'data.npz')}`),
  npy: (at) => images(`npz:${join(at, 'data.npy')}`),
  idx: (at) => images(`mnist:${at}`),
  cifar: (at) => images(`cifar10:${at}`),
  images: (at) => images(`images:${at}`),
  labels: (at) => images(`images:${at}`, { labels: join(at, 'labels.csv') }),
  config: (at, [name]) => readConfigFile(join(at, name)),
  names: (at, [name]) => classNamesFor(join(at, name), { metadata: new Map() }, { classNames: null }, 2),
  async results(at, [name]) {
    const path = join(at, name);
    await verifyFile(path, false);
    const { header, records } = await readRun(path);
    for (const record of records) for (const k of header.series.keys()) derivationOf(header, record, k);
    const runs = await readRuns([path]);
    markdownReport(
      buildReport(
        runs,
        runs.map(() => NOTHING),
        'fuzz',
      ),
    );
  },
  async attack(at, [name]) {
    await recordedAttack(join(at, name));
    const file = await openAttackFile(join(at, name), seeds.attack[0]['run.attack.jsonl'][0]);
    await file.close();
  },
};

async function outcomeOf({ reader, seed, index }) {
  const at = join(folder, 'files');
  rmSync(at, { recursive: true, force: true });
  const files = mutantFiles(seeds[reader], seed, index);
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    writeFileSync(join(at, name), data);
  }
  await READ[reader](at, Object.keys(files));
  return { kind: 'opened' };
}

answerJobs(outcomeOf);
