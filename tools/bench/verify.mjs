// How long `splitz-onnx verify` takes for 10,000 records, each with plain smoothing beside it, nearly all of different counts.
//   npm run build && node tools/bench/verify.mjs
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FORMATS } from '../../dist/methods/index.js';
import { outcomeOf } from '../../dist/methods/result-files.js';
import { chained } from '../../dist/records/chain.js';
import { RESULT_FORMAT } from '../../dist/records/record.js';
import { resultDigest } from '../../dist/records/result-digest.js';
import { resultLines } from '../../dist/records/result-lines.js';
import { totalVariation } from '../../dist/smoothing/noise/noise-error.js';
import { gridOf, NOISE_ID } from '../../dist/smoothing/noise/rounded-noise.js';
import { VOTE_BOUNDS } from '../../dist/smoothing/votes/index.js';
import { latentRadius } from '../../dist/smoothing/votes/latent-radius.js';
import { runEnd } from '../../dist/statistics/run-end.js';

const RECORDS = 10_000;
const SIGMA = 0.5;
const LATENT = [20, 24, 24];
const IMAGE = [1, 28, 28];
const cli = join(dirname(fileURLToPath(import.meta.url)), '../../dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'splitz-bench-'));
const lines = resultLines(FORMATS);

let state = 1;
/** Uniform in [0,1), the same at every run. */
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const set = (value) => ({ value, origin: 'default' });

function header(n, bound) {
  const votes = { sigma: set(SIGMA), n0: set(100), n: set(n), alpha: set(0.001), bound: set(bound) };
  const sampling = { composition: 0, provider: null, batch: 64 };
  return {
    ...{ kind: 'run', schema: RESULT_FORMAT, tool: { name: 'splitz-onnx', version: '0.1.0' } },
    started: '2026-01-01T00:00:00.000Z',
    model: { name: 'none.onnx', files: [], producer: '', irVersion: 8, opsets: [], classes: 10 },
    data: {
      ...{ name: 'none', subset: 'test', digest: '0'.repeat(64), length: RECORDS },
      ...{ shape: IMAGE, labelled: true },
    },
    intake: {
      ...{ mean: set(null), std: set(null), scale: set(1), layout: set('nchw') },
      ...{ channelOrder: set('rgb'), output: set(null), labels: set(null) },
    },
    selection: { start: set(0), skip: set(1), max: set(null), heldOut: [], shard: null },
    ...{ seed: set(0), dependence: 'independent' },
    series: [
      {
        ...{ method: 'splitz', guarantee: 'certificate' },
        settings: { split: set('relu1'), ...votes, delta: set(0), lipschitz: set('secant') },
        facts: {
          index: 2,
          tensor: 'relu1',
          latentShape: LATENT,
          nodesLeft: 2,
          nodesRight: 8,
          noise: NOISE_ID,
        },
        checks: { leftHalf: 0, leftHalfNorm: 0, leftHalfSigmas: 0, globalLipschitz: 1.5, ...sampling },
      },
      {
        ...{ method: 'smoothing', guarantee: 'certificate', settings: votes },
        ...{ facts: { noise: NOISE_ID }, checks: sampling },
      },
    ],
    environments: [{ provider: 'cpu', onnxruntime: '', node: '', platform: '', cpu: '', workers: 1 }],
    findings: [],
  };
}

function verdict(n, bound, shape, left) {
  const k = n - Math.floor(n * 0.5 * random() ** 3);
  const counts = [k, n - k, 0, 0, 0, 0, 0, 0, 0, 0];
  const size = shape.reduce((product, extent) => product * extent, 1);
  const tau = totalVariation(new Float64Array(size).fill(SIGMA), SIGMA);
  const votes = latentRadius({ counts, nonFinite: 0 }, 0, {
    ...{ sigma: SIGMA, alpha: 0.001, bound: VOTE_BOUNDS[bound], tau },
  });
  const { abstained, pA, pB } = votes;
  const displacement = votes.radius * (1 - 2 ** -50);
  const radius = abstained ? 0 : left ? displacement / 1.25 : displacement;
  const atCut = {
    displacement: abstained ? null : displacement,
    localLipschitz: abstained ? null : (displacement / radius) * (1 + 2 ** -52),
    ...{ forwardError: 0, forwardErrorNearby: abstained ? null : 0 },
  };
  return {
    ...{ prediction: abstained ? null : 0, radius, failureProbability: 0.001 },
    evidence: {
      ...{ selected: 0, counts, nonFinite: 0, grid: gridOf(SIGMA), tau, pA, pB, latentRadius: votes.radius },
      ...(left ? atCut : {}),
    },
    seconds: 0,
  };
}

for (const [n, bound] of [
  [10_000, 'clopper-pearson'],
  [100_000, 'clopper-pearson'],
  [100_000, 'runner-up'],
]) {
  const first = header(n, bound);
  const records = Array.from({ length: RECORDS }, (_, index) => ({
    ...{ kind: 'certificate', index, name: null, sha256: index.toString(16).padStart(64, '0') },
    ...{ label: 0, answer: 0, environment: 0 },
    series: [verdict(n, bound, LATENT, true), verdict(n, bound, IMAGE, false)],
  }));
  const digest = resultDigest(first, lines);
  for (const record of records) digest.add(record);
  const outcomes = records.map((record) => outcomeOf(record, first));
  const end = runEnd(first, outcomes, digest.value());
  let chain = null;
  const text = [
    lines.lineOf(first),
    ...records.map((record) => lines.recordLine(record, first)),
    lines.lineOf(end),
  ].map((line) => {
    const next = chained(chain, line);
    chain = next.chain;
    return next.line;
  });
  const path = join(folder, 'run.jsonl');
  writeFileSync(path, text.join(''));
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [cli, 'verify', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${RECORDS} records, n = ${n}, ${bound}: ${seconds} s`);
}
rmSync(folder, { recursive: true });
