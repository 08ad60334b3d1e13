import { appendFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openAttackFile } from '../../src/attack/attack-file.ts';
import {
  type AttackHeader,
  type AttackRecord,
  attackLine,
  attackRecordViolation,
} from '../../src/attack/attack-record.ts';
import { readingOf } from '../../src/attack/contradiction.ts';
import { parseNpy } from '../../src/datasets/npy.ts';
import { npyBytes } from '../../src/datasets/write-npy.ts';
import { chained } from '../../src/records/chain.ts';
import { chainedLines } from '../records/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'splitz-attack-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const header: AttackHeader = {
  kind: 'attack-run',
  schema: 'splitz-onnx/attack/2',
  tool: { name: 'splitz-onnx', version: '0.1.0' },
  started: '2026-11-21T12:00:00.000Z',
  model: { name: 'net.onnx', files: [{ name: 'net.onnx', sha256: 'a'.repeat(64) }], output: 'y' },
  data: { name: 'glyphs test', subset: 'test', digest: 'b'.repeat(64) },
  certified: {
    method: 'splitz',
    settings: { split: 'conv1', sigma: 0.5, n0: 100, n: 1000, alpha: 0.001 },
    seed: 0,
  },
  settings: {
    ...{ search: 'gradient', steps: 40, restarts: 3, draws: 16, confirm: 1000 },
    ...{ alpha: 0.001, seed: 0, seedOrigin: 'chosen', clipped: false },
  },
  environment: { onnxruntime: '1.30.0', node: 'v20', platform: 'linux-x64', cpu: 'c', provider: 'cpu' },
};

const tried = {
  ...{ distance: 0.75, prediction: 1, votes: 900, runnerUp: 3, runnerUpVotes: 100, draws: 1000 },
  question: 4,
};
const recordOf = (index: number): AttackRecord => ({
  ...{ kind: 'attack', index, label: 3, prediction: 3, radius: 0.5, failureProbability: 0.001 },
  inside: { ...tried, distance: 0.5, prediction: 3, question: 0 },
  ...{ attacked: tried, questions: 9, questionsInside: 1, contradiction: false, seconds: 1.5 },
});

describe('an attack file', () => {
  it('is continued after its last whole line, and ends as if never interrupted', async () => {
    const [whole, torn] = [join(folder, 'whole.jsonl'), join(folder, 'torn.jsonl')];
    for (const path of [whole, torn]) {
      const file = await openAttackFile(path, header);
      await file.append(recordOf(0));
      await file.close();
    }
    appendFileSync(torn, '{"kind":"attack","ind');
    for (const path of [whole, torn]) {
      const file = await openAttackFile(path, { ...header, started: 'later' });
      expect(file.resumed).toBe(1);
      await file.append(recordOf(1));
      expect(file.records.map(({ index }) => index)).toEqual([0, 1]);
      await file.close();
    }
    expect(readFileSync(torn, 'utf8')).toBe(readFileSync(whole, 'utf8'));
  });

  it('is chained: a changed digit is found, and the file left untouched', async () => {
    const path = join(folder, 'chained.jsonl');
    const file = await openAttackFile(path, header);
    await file.append(recordOf(0));
    await file.close();
    const forged = readFileSync(path, 'utf8').replace('"distance":0.75', '"distance":0.95');
    writeFileSync(path, forged);
    await expect(openAttackFile(path, header)).rejects.toMatchObject({
      exitCode: 4,
      report: { where: `${path}, line 2`, why: expect.stringContaining('its chain value does not fit') },
    });
    expect(readFileSync(path, 'utf8')).toBe(forged);
  });

  it('has one writer, by whatever name', async () => {
    const [path, alias] = [join(folder, 'real.jsonl'), join(folder, 'alias.jsonl')];
    const file = await openAttackFile(path, header);
    symlinkSync(path, alias);
    await expect(openAttackFile(alias, header)).rejects.toThrow(
      'another process is writing this attack file',
    );
    await file.append(recordOf(7));
    await expect(file.append(recordOf(7))).rejects.toThrow('record of image 7, which is there twice');
    await file.append(recordOf(3));
    await file.close();
    expect(file.records.map(({ index }) => index)).toEqual([7, 3]);
  });

  it('is begun anew when even its first line is torn', async () => {
    const path = join(folder, 'first.jsonl');
    writeFileSync(path, attackLine(header).slice(0, 50));
    const file = await openAttackFile(path, header);
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe(chained(null, attackLine(header)).line);
  });

  const fileOf = (...lines: readonly (AttackHeader | AttackRecord)[]) =>
    chainedLines(lines.map(attackLine)).join('');
  it.each([
    [
      'another attack',
      fileOf({ ...header, settings: { ...header.settings, steps: 41 } }),
      /settings.steps: 41/,
    ],
    ['another model', fileOf({ ...header, model: { ...header.model, files: [] } }), /model/],
    [
      'other settings of the method',
      fileOf({
        ...header,
        certified: { method: 'splitz', settings: { split: 'conv1', sigma: 0.25 }, seed: 0 },
      }),
      /certified.settings.sigma: 0.25/,
    ],
    ['another output', fileOf({ ...header, model: { ...header.model, output: 'aux' } }), /output: "aux"/],
    ['the same image twice', fileOf(header, recordOf(2), recordOf(2)), /twice/],
    ['no chain', attackLine(header) + attackLine(recordOf(2)), /no chain value/],
    ['a damaged line', `${fileOf(header)}{"kind":\n${attackLine(recordOf(2))}`, /JSON/],
    ['something else', 'hello\n', /begin/],
    ['something else without a line end', 'hello', /begin/],
  ])('is refused and left untouched when it holds %s', async (_, content, why) => {
    const path = join(folder, 'refused.jsonl');
    writeFileSync(path, content);
    await expect(openAttackFile(path, header)).rejects.toMatchObject({
      exitCode: 4,
      report: { why: expect.stringMatching(why) },
    });
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  it('has no line that breaks its schema', () => {
    expect(attackRecordViolation(recordOf(0))).toBeNull();
    expect(attackRecordViolation({ ...recordOf(0), radius: -1 })).toContain('radius');
  });
});

describe('the second look at a contradiction', () => {
  const answer = { prediction: 1, votes: 9, runnerUp: 3, runnerUpVotes: 1, draws: 10, question: 9 };
  it.each([
    [
      { answer: { ...answer, prediction: null }, certificate: { seed: 1, prediction: 3, radius: 1 } },
      /by chance/,
    ],
    [{ answer, certificate: { seed: 1, prediction: 3, radius: 0.9 } }, /unsound/],
    [{ answer, certificate: { seed: 1, prediction: 3, radius: 0.7 } }, /covers only 0.7/],
  ])('tells chance from a record that claims too much and from a fault', (second, reading) => {
    expect(readingOf(3, 0.75, second)).toMatch(reading);
  });
});

it.each([
  [Float32Array.of(1.5, -2, 3e-40, 4, 5, 6), [1, 2, 3], 'float32'],
  [Float64Array.of(0.1, -1e300), [2], 'float64'],
] as const)('an array written as NPY is read back: %s', (values, shape, type) => {
  const found = parseNpy(npyBytes(values, shape), 'array.npy');
  expect(found.type).toBe(type);
  expect(found.shape).toEqual(shape);
  expect(Array.from(values, (_, i) => found.at(i))).toEqual([...values]);
});
