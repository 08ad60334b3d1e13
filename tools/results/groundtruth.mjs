// Compares the votes of a run with those of an independent implementation on the same images: two samples of one probability
// differ by z standard errors, and beyond 4.5 nothing explains it (P = 7e-6 each). Exit code 1 if one is.
//   splitz-onnx certify ../shared/models/noise-trained/noise_mnist_0.5_ts17.onnx --data mnist:../shared/data/mnist \
//     --split input --sigma 0.5 --n 10000 --skip 100 --out mnist.jsonl
//   node tools/results/groundtruth.mjs mnist.jsonl ../shared/groundtruth/reference_cohen_noise_mnist_0.5_n10000.tsv
import { readFileSync } from 'node:fs';

const [run, reference] = process.argv.slice(2);
const [head, ...rows] = readFileSync(reference, 'utf8').trim().split('\n');
const names = head.split('\t');
const expected = new Map(
  rows.map((row) => {
    const cells = Object.fromEntries(row.split('\t').map((cell, i) => [names[i], Number(cell)]));
    return [cells.idx, cells];
  }),
);
const records = readFileSync(run, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
  .filter(({ kind }) => kind === 'certificate');

let worst = 0;
let squares = 0;
let compared = 0;
for (const { index, counts, n } of records) {
  const row = expected.get(index);
  if (row === undefined) continue;
  const ours = counts[row.top] / n;
  const theirs = row.count_top / row.n;
  const pooled = (counts[row.top] + row.count_top) / (n + row.n);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / row.n));
  const z = ours === theirs ? 0 : (ours - theirs) / error;
  if (Math.abs(z) > 3)
    console.log(
      `image ${index}: ${counts[row.top]} of ${n}, ${row.count_top} of ${row.n}, z = ${z.toFixed(2)}`,
    );
  worst = Math.max(worst, Math.abs(z));
  squares += z * z;
  compared++;
}
console.log(
  `${compared} of ${expected.size} images: largest |z| ${worst.toFixed(2)}, mean of z^2 ${(squares / compared).toFixed(2)}`,
);
process.exitCode = compared > 0 && worst <= 4.5 ? 0 : 1;
