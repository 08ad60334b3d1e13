// Normals per second on one core: the WebAssembly kernels, and Box-Muller as one would write it in TypeScript.
import { createNoiseKernel } from '../../dist/smoothing/noise/noise-kernel.js';
import { inTurns, median, ratio, table } from './measure.mjs';

const N = 21_632;
const ROUNDS = 7;
const SECONDS = 0.5;
const TARGET = 5;
/** Share of the single-precision kernel's rate that the noise of certificates is to reach. */
const TARGET_SHARE = 0.3;

export async function noise() {
  const kernel = createNoiseKernel(N, N);
  const q = 2 ** -9;
  const out = new Float32Array(N);
  const plain = plainBoxMuller(1);
  let sample = 0;
  const repeat = (once) => async (seconds) => {
    let done = 0;
    const end = performance.now() + seconds * 1e3;
    while (performance.now() < end)
      for (let i = 0; i < 10; i++) {
        once();
        done += N;
      }
    return done;
  };
  const contestants = {
    'WASM kernel, float32 normals (training)': repeat(() =>
      kernel.exports.fill(kernel.base, N, 1, 0, sample++, 1, 2),
    ),
    'WASM kernel, rounded float64 noise': repeat(() =>
      kernel.exports.perturb(kernel.base, kernel.centreBase, N, 0.5 / q, q, 1, 0, sample++, 1, 2),
    ),
    'plain Box-Muller (xoshiro128**, Math)': repeat(() => plain(out)),
  };
  const results = await inTurns(Object.values(contestants), { rounds: ROUNDS, seconds: SECONDS });
  const slow = results[2].wall;
  const fast = results[0].wall;
  const rows = [['generator', 'M normals/s', 'times plain', 'of float32', 'target']];
  const targets = [`>= ${TARGET} times plain`, `>= ${TARGET_SHARE} of float32`, ''];
  for (const [i, name] of Object.keys(contestants).entries())
    rows.push([
      name,
      (median(results[i].wall) / 1e6).toFixed(0),
      ratio(results[i].wall, slow).toFixed(1),
      ratio(results[i].wall, fast).toFixed(2),
      targets[i],
    ]);
  return `Noise, one core, medians of ${ROUNDS} turns of ${SECONDS} s\n${table(rows)}`;
}

/** Box-Muller over xoshiro128** (Blackman, Vigna 2018), state in an array. */
function plainBoxMuller(seed) {
  const s = Uint32Array.of(seed, 0x9e3779b9, 0x243f6a88, 0xb7e15162);
  const rotate = (x, k) => (x << k) | (x >>> (32 - k));
  function next() {
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return result;
  }
  return (out) => {
    for (let i = 0; i + 1 < out.length; i += 2) {
      const r = Math.sqrt(-2 * Math.log((next() + 0.5) / 2 ** 32));
      const angle = (2 * Math.PI * next()) / 2 ** 32;
      out[i] = r * Math.cos(angle);
      out[i + 1] = r * Math.sin(angle);
    }
  };
}
