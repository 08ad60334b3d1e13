// How long `splitz-onnx verify` takes for 10,000 records, each with plain smoothing beside it, nearly all of different counts.
//   npm run build && node tools/bench/verify.mjs
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chained } from '../../dist/records/chain.js';
import { lineOf, outcomeOf } from '../../dist/records/record.js';
import { VOTE_BOUNDS } from '../../dist/smoothing/votes/index.js';
import { latentRadius } from '../../dist/smoothing/votes/latent-radius.js';
import { runEnd } from '../../dist/statistics/run-end.js';

const RECORDS = 10_000;
const cli = join(dirname(fileURLToPath(import.meta.url)), '../../dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'splitz-bench-'));

let state = 1;
/** Uniform in [0,1), the same at every run. */
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const set = (value) => ({ value, origin: 'default' });

function header(n, bound) {
  return {
    kind: 'run',
    schema: 'splitz-onnx/result/1',
    tool: { name: 'splitz-onnx', version: '0.1.0' },
    started: '2026-01-01T00:00:00.000Z',
    guarantee: 'certificate',
    model: { name: 'none.onnx', files: [], producer: '', irVersion: 8, opsets: [] },
    data: { name: 'none', subset: 'test', digest: '', length: RECORDS, shape: [1, 28, 28], labelled: true },
    split: {
      ...{ cut: 'relu1', index: 2, tensor: 'relu1', latentShape: [20, 24, 24] },
      ...{ nodesLeft: 2, nodesRight: 8, heldOut: [] },
    },
    settings: {
      ...{ sigma: set(0.5), baselineSigma: set(0.4), n0: set(100), n: set(n), alpha: set(0.001) },
      ...{ delta: set(0), bound: set(bound), lipschitz: set('secant'), seed: set(0), start: set(0) },
      ...{
        skip: set(1),
        max: set(null),
        mean: set(null),
        std: set(null),
        scale: set(1),
        layout: set('nchw'),
      },
    },
    environment: {
      ...{ provider: 'cpu', onnxruntime: '', node: '', platform: '', cpu: '' },
      ...{ workers: 1, batch: 1, noise: '' },
    },
    checks: { leftHalf: 0, composition: 0, provider: null },
  };
}

function certificate(sigma, n, bound, left) {
  const k = n - Math.floor(n * 0.5 * random() ** 3);
  const counts = [k, n - k, 0, 0, 0, 0, 0, 0, 0, 0];
  const latent = latentRadius({ counts, nonFinite: 0 }, 0, {
    sigma,
    alpha: 0.001,
    bound: VOTE_BOUNDS[bound],
  });
  const { abstained } = latent;
  const displacement = latent.radius * (1 - 2 ** -50);
  const radius = left ? displacement / 1.25 : displacement;
  return {
    ...{ prediction: abstained ? null : 0, radius, abstained, correct: !abstained, selected: 0 },
    ...{ counts, nonFinite: 0, n0: 100, n, pA: latent.pA, pB: latent.pB, latentRadius: latent.radius },
    displacementBound: left ? 'secant' : 'identity',
    displacement: abstained ? null : displacement,
    localLipschitz: abstained ? null : left ? (displacement / radius) * (1 + 2 ** -52) : 1,
    ...{ forwardError: 0, alphaTotal: 0.001, seconds: 0 },
  };
}

for (const [n, bound] of [
  [10_000, 'clopper-pearson'],
  [100_000, 'clopper-pearson'],
  [100_000, 'runner-up'],
]) {
  const first = header(n, bound);
  const records = Array.from({ length: RECORDS }, (_, index) => ({
    ...{ kind: 'certificate', index, label: 0 },
    ...certificate(0.5, n, bound, true),
    baseline: certificate(0.4, n, bound, false),
  }));
  let chain = null;
  const lines = [first, ...records, runEnd(first, records.map(outcomeOf))].map((line) => {
    const next = chained(chain, lineOf(line));
    chain = next.chain;
    return next.line;
  });
  const path = join(folder, 'run.jsonl');
  writeFileSync(path, lines.join(''));
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [cli, 'verify', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${RECORDS} records, n = ${n}, ${bound}: ${seconds} s`);
}
rmSync(folder, { recursive: true });
