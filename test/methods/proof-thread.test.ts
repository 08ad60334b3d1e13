/** Proofs in a thread: the numbers of the main thread to the bit, stopped when the signal says so, and no process kept alive. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ToolError } from '../../src/ground/errors.ts';
import type { LeftHalfBound } from '../../src/lipschitz/input-radius.ts';
import { leftHalfBoundAt } from '../../src/methods/splitz/left-half.ts';
import { ProofThread } from '../../src/methods/splitz/proofs/proof-thread.ts';
import { proofsOf } from '../../src/methods/splitz/proofs/proofs.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import { splitModel } from '../../src/onnx/split.ts';
import { openPool } from '../../src/smoothing/sampler-pool.ts';
import { newFolder } from '../cli/command-line.ts';
import { write } from '../datasets/files.ts';
import { encodedGate } from '../lipschitz/two-stream-gate.ts';
import { randomSource } from '../operators/random.ts';

const SEED = 5n;

// One stream of few channels: its norm is bounded with probes, and all of space has a bound whose norm images share.
const model = modelFromBytes(encodedGate({ channels: 4, side: 64, streams: 1 }), 'stem.onnx');
const classifier = await prepareClassifier(model, undefined, {
  layout: 'nchw',
  scale: 1,
  imageShape: [3, 64, 64],
});
const cut = findCut(classifier.cuts, 's0');
const half = (left: LeftHalfBound) => ({
  model: splitModel(classifier.model, cut).left ?? new Uint8Array(0),
  inputDims: classifier.inputDims,
  ...{ lipschitz: left.bound, delta: left.delta, work: left.work },
});
const random = randomSource(6);
const image = Float64Array.from({ length: 3 * 64 * 64 }, () => random.uniform(0, 1));

const pool = openPool({ provider: 'cpu', workers: 1, batch: 1 });
afterAll(() => pool.close());
const asking = (signal = new AbortController().signal) => ({ resources: pool, signal });

const left = leftHalfBoundAt(classifier, cut, 'secant');
const evaluation = left.evaluate(image);

it('proves as the main thread does, the norms shared by all images included', async () => {
  const here = proofsOf(left);
  const thread = new ProofThread(() => half(left));
  expect(left.failureProbability).toBeGreaterThan(0);
  const constant = here.globalLipschitz(SEED);
  expect(await thread.ask('globalLipschitz', [SEED], asking())).toBe(constant);
  const radius = here.inputRadius(evaluation, 0.4, SEED, 3);
  expect(radius.radius).toBeGreaterThan(0);
  expect(await thread.ask('inputRadius', [evaluation, 0.4, SEED, 3], asking())).toEqual(radius);
  // Ended, it starts again with what it knew.
  await thread.end();
  expect(await thread.ask('inputRadius', [evaluation, 0.4, SEED, 3], asking())).toEqual(radius);
}, 300_000);

describe('a thread whose question is aborted', () => {
  it('rejects with the reason of the signal at once, and answers the next question', async () => {
    const thread = new ProofThread(() => half(left));
    const controller = new AbortController();
    const reason = new Error('enough');
    const asked = thread.ask('inputRadius', [evaluation, 0.4, SEED, 0], asking(controller.signal));
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await expect(thread.ask('globalLipschitz', [SEED], asking(controller.signal))).rejects.toBe(reason);
    expect(await thread.ask('globalLipschitz', [SEED], asking())).toBeGreaterThan(0);
  }, 300_000);

  it('still answers those who asked under another signal', async () => {
    const thread = new ProofThread(() => half(left));
    const controller = new AbortController();
    const kept = thread.ask('globalLipschitz', [SEED], asking());
    const dropped = thread.ask('inputRadius', [evaluation, 0.4, SEED, 0], asking(controller.signal));
    controller.abort();
    await expect(dropped).rejects.toBe(controller.signal.reason);
    expect(await kept).toBeGreaterThan(0);
  }, 300_000);
});

it('is refused where the thread compiles another left half, in words', async () => {
  const thread = new ProofThread(() => ({ ...half(left), work: 1 }));
  const asked = thread.ask('globalLipschitz', [SEED], asking());
  await expect(asked).rejects.toThrow(ToolError);
  await expect(asked).rejects.toMatchObject({ report: { why: expect.stringContaining('another one') } });
}, 300_000);

it('does not keep the process of a library user alive', () => {
  const { folder, remove } = newFolder();
  try {
    const path = write(folder, 'gate.onnx', encodedGate({ channels: 16, side: 64 }));
    const library = fileURLToPath(new URL('../../dist/methods/splitz', import.meta.url));
    const from = (file: string): string => JSON.stringify(join(library, file));
    const program = `
      import { openBound } from ${from('proofs/open-bound.js')};
      import { prepareClassifier } from ${from('../../onnx/intake/prepare-classifier.js')};
      import { loadModel } from ${from('../../onnx/model/load.js')};
      import { openContext } from ${from('../../runs/context.js')};
      const classifier = await prepareClassifier(await loadModel(${JSON.stringify(path)}), undefined, null);
      const { globalBound } = await openBound(classifier, 'gated', 'secant', 1n, openContext());
      console.log(globalBound);
    `;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    expect(out).toBe('Infinity\n');
  } finally {
    remove();
  }
}, 150_000);
