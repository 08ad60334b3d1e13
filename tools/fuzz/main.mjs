// Fuzzing of everything that reads a model file: seeded mutants of small ONNX models are inspected, and some of those that
// open are certified. A defect is a death of the process, more than 10 s, more than 1 GB, or an error that is not told in
// words. Run `npm run build` first.
//   node tools/fuzz/main.mjs --count 100000 --seed 1 [--first K] [--jobs 2] [--certify-every 8] [--keep FOLDER]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mutant } from './mutate.mjs';
import { fuzz } from './supervise.mjs';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    jobs: { type: 'string', default: '1' },
    'certify-every': { type: 'string', default: '8' },
    keep: { type: 'string' },
  },
});
const seed = Number(values.seed);
const started = Date.now();
let told = 0;
const { counts, died, defects, slowest, largest } = await fuzz({
  seed,
  first: Number(values.first),
  count: Number(values.count),
  jobs: Number(values.jobs),
  certifyEvery: Number(values['certify-every']),
  onProgress(done, found) {
    if (done % 1000 === 0) process.stderr.write(`${done} done, ${found.length} defects\n`);
    for (; told < found.length; told++) {
      const { index, kind, what } = found[told];
      process.stderr.write(
        `${kind} of mutant ${index} (${mutant(seed, index).done.join(' ')})\n  ${what.slice(0, 600)}\n`,
      );
    }
  },
});
if (values.keep !== undefined) {
  mkdirSync(values.keep, { recursive: true });
  for (const index of [...defects.map((defect) => defect.index), ...died])
    writeFileSync(join(values.keep, `${seed}-${index}.onnx`), mutant(seed, index).bytes);
}
const summary = {
  ...{ seed, first: Number(values.first), count: Number(values.count), ...counts, defects: defects.length },
  diedOf: died,
  slowestSeconds: slowest.seconds,
  slowest: slowest.index,
  largestMegabytes: Math.round(largest.bytes / 1e6),
  largest: largest.index,
  seconds: Math.round((Date.now() - started) / 1000),
};
process.stdout.write(`${JSON.stringify(summary)}\n`);
process.exitCode = defects.length === 0 ? 0 : 1;
