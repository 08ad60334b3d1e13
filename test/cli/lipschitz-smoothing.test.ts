/** `--method lipschitz-smoothing` from the command line, on nearest class means: a network flat enough for its constant to help. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import type { LipschitzEvidence } from '../../src/methods/lipschitz-smoothing/schema.ts';
import { floatTensor, intAttr, node, tinyProto } from '../onnx/tiny-model.ts';
import { type Ended, newFolder, readResults, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const SIGMA = '0.03';
const DRAWN = ['--sigma', SIGMA, '-n', '800', '--n0', '50', '--compared', '400', '--seed', '7'];
const OPTIONS = ['net.onnx', '--data', 'glyphs', '--method', 'lipschitz-smoothing', ...DRAWN];
const run = (command: string, ...args: string[]): Promise<Ended> => splitz(folder, command, ...args);
const PREDICTED = OPTIONS.filter((word) => word !== '--n0' && word !== '50');
let certified: Ended;

beforeAll(async () => {
  const data = await openDataset('glyphs', { subset: 'train' });
  const sums = Array.from({ length: 10 }, () => ({ sum: new Float64Array(784), images: 0 }));
  for (let index = 0; index < 200; index++) {
    const mean = sums[data.labels?.[index] ?? -1];
    if (mean === undefined) continue;
    mean.images++;
    for (const [i, pixel] of (await data.image(index)).entries()) mean.sum[i] = (mean.sum[i] ?? 0) + pixel;
  }
  const means = sums.map(({ sum, images }) => sum.map((v) => v / images));
  const W = Array.from({ length: 784 * 10 }, (_, k) => means[k % 10]?.[Math.floor(k / 10)] ?? 0);
  const b = means.map((mean) => -mean.reduce((sum, v) => sum + v * v, 0) / 2);
  const proto = tinyProto({
    nodes: [
      node('Flatten', ['x'], 'f', { attribute: [intAttr('axis', 1)] }),
      node('Gemm', ['f', 'W', 'b'], 'y', {}),
    ],
    initializers: [floatTensor('W', [784, 10], W), floatTensor('b', [10], b)],
    input: ['N', 1, 28, 28],
    output: ['N', 10],
  });
  writeModel(folder, 'net.onnx', proto);
  certified = await run('certify', ...OPTIONS, '--max', '3', '--out', 'run.jsonl', '--workers', '1');
}, 120_000);
afterAll(remove);

describe('Lipschitz-aware smoothing', () => {
  it('chooses scores and temperature on held-out images, and certifies more than plain smoothing of the same scores', () => {
    expect(certified.stderr).not.toContain('error');
    expect(certified.code).toBe(0);
    expect(certified.stderr).toMatch(/scores (softmax|sparsemax) at temperature [\d.]+ \(L σ = /u);
    const { header, records } = readResults(join(folder, 'run.jsonl'));
    const [own, twin] = header.series;
    expect([own?.method, twin?.method]).toEqual(['lipschitz-smoothing', 'smoothing']);
    expect(own?.settings).toMatchObject({
      split: { value: 'input', origin: 'default' },
      temperature: { value: expect.any(Number), origin: 'derived' },
      compared: { value: 400, origin: 'flag' },
    });
    expect(header.selection.heldOut.length).toBe(8);
    expect(records.length).toBe(3);
    let gained = 0;
    for (const { series } of records) {
      const evidence = series[0]?.evidence as LipschitzEvidence;
      expect(evidence.plainRadius).toBeLessThanOrEqual(evidence.publishedRadius * (1 + 1e-9));
      expect(evidence.publishedRadius).toBeLessThanOrEqual(evidence.latentRadius * (1 + 1e-9));
      if (evidence.latentRadius > 1.02 * evidence.plainRadius) gained++;
    }
    expect(gained).toBeGreaterThan(1);
  });

  it('writes the same records with other workers and rows per run', async () => {
    const other = ['--out', 'other.jsonl', '--workers', '2', '--batch', '5', '--no-baseline'];
    expect((await run('certify', ...OPTIONS, '--max', '3', ...other)).code).toBe(0);
    const [a, b] = ['run.jsonl', 'other.jsonl'].map((name) =>
      readResults(join(folder, name)).records.map(({ series: [own] }) => ({ ...own, seconds: 0 })),
    );
    expect(a).toEqual(b);
  });

  it('is verified with model and data, and drawn again', async () => {
    const verified = await run('verify', 'run.jsonl', 'net.onnx', '--data', 'glyphs', '--replay', '1');
    expect(verified.code).toBe(0);
    expect(verified.stdout).toContain('L of the scores, τ and ρ of every record');
    expect(verified.stdout).toContain('p_A from the sums of scores');
    const path = join(folder, 'run.jsonl');
    expect(readFileSync(path, 'utf8')).toContain('"publishedRadius"');
  });

  it('is explained, reported, compared and attacked like any other', async () => {
    const explained = await run('explain', 'run.jsonl');
    expect(explained.code).toBe(0);
    expect(explained.stdout).toContain('R_u = ');
    expect(explained.stdout).toContain('published approximation');
    expect((await run('report', 'run.jsonl', '--markdown', '--out', 'page')).code).toBe(0);
    expect(readFileSync(join(folder, 'page.md'), 'utf8')).toContain('Every score is at most ');
    expect((await run('compare', 'run.jsonl', 'other.jsonl')).code).toBe(0);
    const search = ['--steps', '6', '--restarts', '1', '--draws', '8', '--max', '1', '--confirm', '400'];
    const attacked = await run('attack', 'run.jsonl', '--data', 'glyphs', '--seed', '0', ...search);
    expect([attacked.code, attacked.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  });

  it('answers by its own scores, at a temperature that is named', async () => {
    const asked = ['--temperature', '1', '--scores', 'softmax', '--index', '0', '--json'];
    const { code, stdout, stderr } = await run('predict', ...PREDICTED, ...asked);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')]);
    expect(JSON.parse(stdout)).toMatchObject({ predictions: [{ index: 0, runnerUp: null }] });
  });
});
