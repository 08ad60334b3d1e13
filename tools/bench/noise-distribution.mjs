// Compares the distribution of the rounded noise with exact bin probabilities: chi-squared over all bins that expect ten draws,
// and the count outside them. Deterministic; prints the statistics as standard normal deviates.
//   node tools/bench/noise-distribution.mjs [DRAWS, 1e9] [SEED]
import { createNoiseKernel } from '../../dist/smoothing/noise/noise-kernel.js';
import { gridOf } from '../../dist/smoothing/noise/rounded-noise.js';
import { normalCdf } from '../../dist/smoothing/votes/normal-quantile.js';

const draws = Number(process.argv[2] ?? 1e9);
const seed = Number(process.argv[3] ?? 1);
const SIZE = 1 << 16;
/** sigma, and where in its cell of the grid the latent lies. */
const CASES = [
  [0.25, 0],
  [0.3, 0.37],
  [0.99, 0.5],
];
const REACH = 5000;

for (const [sigma, offset] of CASES) {
  const q = gridOf(sigma);
  const kernel = createNoiseKernel(SIZE, SIZE);
  kernel.centre.fill(offset);
  const counts = new Float64Array(2 * REACH + 1);
  const samples = Math.ceil(draws / CASES.length / SIZE);
  for (let sample = 0; sample < samples; sample++) {
    kernel.exports.perturb(kernel.base, kernel.centreBase, SIZE, sigma / q, q, 90, 0, sample, seed, 0);
    const { floats } = kernel;
    for (let i = 0; i < SIZE; i++) counts[Math.round(floats[i] / q) + REACH]++;
  }
  const n = samples * SIZE;
  let statistic = 0;
  let bins = 0;
  let rest = 1;
  let restCount = n;
  for (let k = -REACH; k <= REACH; k++) {
    // By the nearer tail, so that small probabilities keep their digits.
    const low = ((k - 0.5 - offset) * q) / sigma;
    const high = ((k + 0.5 - offset) * q) / sigma;
    const p = low > 0 ? normalCdf(-low) - normalCdf(-high) : normalCdf(high) - normalCdf(low);
    if (n * p < 10) continue;
    const found = counts[k + REACH];
    statistic += (found - n * p) ** 2 / (n * p);
    bins++;
    rest -= p;
    restCount -= found;
  }
  // Wilson and Hilferty.
  const z = (Math.cbrt(statistic / bins) - (1 - 2 / (9 * bins))) / Math.sqrt(2 / (9 * bins));
  const outside = (restCount - n * rest) / Math.sqrt(Math.max(1, n * rest));
  console.log(
    `sigma ${sigma}, latent ${offset} of a cell: ${n.toExponential(3)} draws, ${bins} bins, ` +
      `chi-squared ${statistic.toFixed(0)} (z = ${z.toFixed(2)}), outside the bins z = ${outside.toFixed(2)}`,
  );
}
