/** A method of a program's own, in one file: whatever asks the methods takes it as it takes those of the product. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAttestedRun } from '../../src/attestation/run-digest.ts';
import { statementOf } from '../../src/attestation/statement.ts';
import { derivationOf } from '../../src/methods/derivation.ts';
import { registerMethod } from '../../src/methods/index.ts';
import { openResultFile, readRun } from '../../src/methods/result-files.ts';
import { type CertifyRequest, openRun, settleRun } from '../../src/runs/certify.ts';
import { openContext } from '../../src/runs/context.ts';
import { replay } from '../../src/runs/replay.ts';
import { verify } from '../../src/runs/verify.ts';
import { runEnd } from '../../src/statistics/run-end.ts';
import { verifyFile } from '../../src/verification/verify-file.ts';
import { writeModel } from '../cli/glyph-network.ts';
import { rechained } from '../verification/honest.ts';
import { nearestMean } from './own-method.ts';

const folder = mkdtempSync(join(tmpdir(), 'splitz-own-'));
const path = join(folder, 'run.jsonl');
const model = join(folder, 'net.onnx');
const sources = { run: path, model, data: 'glyphs' };
const context = openContext({ workers: 1 });
let forget = () => {};

/** Certifies into a result file, as `certify` does. */
async function certified(request: CertifyRequest, out: string): Promise<void> {
  const run = await openRun(await settleRun(request, context), context);
  const file = await openResultFile(out, run.header);
  for await (const record of run.records(0)) await file.append(record);
  await file.finish(runEnd(run.header, file.outcomes, file.digest()));
  await file.close();
  await run.close();
}

beforeAll(async () => {
  forget = registerMethod(nearestMean);
  writeModel(folder, 'net.onnx');
  await certified({ model, data: 'glyphs', method: 'nearest-mean', max: 8, seed: 1 }, path);
});
afterAll(async () => {
  forget();
  await context.resources.close();
  rmSync(folder, { recursive: true });
});

/** The file with one of its lines changed by a forger who builds the chain again. */
const forged = (change: (line: string) => string): string => {
  const lines = readFileSync(path, 'utf8').split(/(?<=\n)/u);
  const other = join(folder, 'forged.jsonl');
  writeFileSync(other, rechained(lines.map((line, k) => (k === 3 ? change(line) : line))).join(''));
  return other;
};

describe('a method of one’s own', () => {
  it('writes a file that holds, its settings recorded with their origin', async () => {
    const { fault, header, records, finished } = await verifyFile(path, false);
    expect([fault, records.length, finished]).toEqual([null, 8, true]);
    expect(header?.series).toEqual([
      expect.objectContaining({
        method: 'nearest-mean',
        settings: { images: { value: 40, origin: 'default' } },
      }),
    ]);
    expect(records.some(({ record }) => (record.series[0]?.radius ?? 0) > 0)).toBe(true);
  });

  it('has its wrong evidence refused, the chain built again', async () => {
    const margin = forged((line) => line.replace(/"margin":[0-9.e-]+/u, '"margin":99'));
    expect((await verifyFile(margin, false)).fault).toMatchObject({
      line: 4,
      why: [expect.stringContaining('but half of the margin is 49.5')],
    });
    const none = forged((line) => line.replace(/"margin":[0-9.e-]+/u, '"votes":99'));
    expect((await verifyFile(none, false)).fault?.why.join()).toContain('votes: is not a field');
  });

  it('is verified with model and data: images and answers, and what the method does not look at', async () => {
    const { problem, checked, unchecked, scope, file } = await verify(sources, context);
    expect([problem, scope]).toEqual([null, 'part']);
    expect(checked).toEqual([
      '8 records: nearest mean: the radius from the margin; classes, order, settings',
      'the chain over all lines',
      "the closing line's figures and its result digest, counted again",
      'the digest of the model',
      'the digest of the data; what the header says of model, data and settings',
      'the pixels, the name and the label of every image',
      'what the network alone answers, asked again at 8 of 8 images',
      'what preflight found in the model',
    ]);
    expect(unchecked.join('\n')).toContain(
      'the evidence of nearest mean: the method does not check it against a model',
    );
    // It draws nothing, so no seed is in doubt.
    expect(unchecked.join('\n')).not.toContain('seed');
    expect(readFileSync(path, 'utf8')).toContain(`"digest":"${file.digest}"`);
  });

  it('is computed again, field by field', async () => {
    const run = await readRun(path);
    const { records, elsewhere } = await replay(run, sources, [1, 3, 3], context);
    expect(elsewhere).toEqual([]);
    expect(records.map(({ record, image, series }) => [record.index, image, series])).toEqual([
      [1, [], [[]]],
      [3, [], [[]]],
    ]);
    const wrong = {
      ...run,
      records: run.records.map((one) => ({
        ...one,
        answer: null,
        series: one.series.map((s) => ({ ...s, evidence: { margin: 1 } })),
      })),
    };
    const again = await replay(wrong, sources, [2], context);
    expect(again.records[0]?.image.join()).toMatch(/^answer: null recorded, \d computed again$/u);
    expect(again.records[0]?.series[0]?.join()).toMatch(/^evidence\.margin: 1 recorded, /u);
  });

  it('is explained and attested in its own words', async () => {
    const { header, records } = await readRun(path);
    const [record] = records;
    if (record === undefined) throw new Error('a record was written');
    const { method, steps, conclusion } = derivationOf(header, record);
    expect([method, steps[0]?.formula]).toEqual(['nearest mean', 'r = m / 2']);
    // Nothing is drawn: no probability is named.
    expect(conclusion).toMatch(/^The nearest mean answers class \d for every image within l2 distance /u);
    const { predicate } = statementOf(path, await readAttestedRun(path));
    expect(predicate.series[0]).toMatchObject({ method: 'nearest-mean', description: ['nearest mean.'] });
  });

  it('stands beside another: the series of a run are of any methods', async () => {
    const other = join(folder, 'beside.jsonl');
    await certified(
      {
        ...{ model, data: 'glyphs', max: 3, seed: 1, against: ['nearest-mean'] },
        settings: { sigma: 0.08, n0: 10, n: 200 },
      },
      other,
    );
    const { problem, unchecked, scope } = await verify(
      { ...sources, run: other, bounds: 1, seed: 1 },
      context,
    );
    expect([problem, scope]).toEqual([null, 'part']);
    expect(unchecked.join('\n')).toContain('nearest mean (series 1): the evidence of nearest mean');
    const { records } = await replay(await readRun(other), { ...sources, run: other }, [0, 2], context);
    expect(records.map(({ series }) => series)).toEqual([
      [[], []],
      [[], []],
    ]);
  });

  it('is refused by name where it is not known', async () => {
    forget();
    const { fault } = await verifyFile(path, false);
    forget = registerMethod(nearestMean);
    expect(fault?.why.join()).toContain("'nearest-mean' is not a method of this version");
  });
});
