/** `attack` end to end: certificates of a result file, a certificate that lies, and models without noise. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AttackHeader,
  type AttackRecord,
  attackHeaderViolation,
  attackRecordViolation,
} from '../../src/attack/attack-record.ts';
import { distanceUp } from '../../src/attack/perturbation.ts';
import { parseNpy } from '../../src/datasets/npy.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import { node } from '../onnx/tiny-model.ts';
import { LINES, withVerdict } from '../records/run.ts';
import { rechained } from '../verification/honest.ts';
import { newFolder, readResults, splitz, start } from './command-line.ts';
import { glyphParts, glyphProto, writeModel } from './glyph-network.ts';

const GLYPHS = fileURLToPath(new URL('../../models/glyphs-splitz.onnx', import.meta.url));
const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
const QUICK = [
  ...[
    '--steps',
    '12',
    '--restarts',
    '2',
    '--draws',
    '8',
    '--workers',
    '1',
    '--data',
    'glyphs',
    '--seed',
    '0',
  ],
];
const attack = (...args: string[]) => splitz(folder, 'attack', ...args, ...QUICK);

function readAttack(name: string): { header: AttackHeader; records: AttackRecord[] } {
  const [header, ...records] = readFileSync(path(name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(attackHeaderViolation(header)).toBeNull();
  for (const record of records) expect(attackRecordViolation(record)).toBeNull();
  return { header: header as AttackHeader, records: records as AttackRecord[] };
}

/** A file without its times, and the chain over them. */
const withoutTimes = (name: string) =>
  readFileSync(path(name), 'utf8').replace(/"(started|seconds|chain)":("[^"]*"|[0-9.e-]+)/g, '');

beforeAll(async () => {
  writeModel(folder, 'net.onnx');
  const settings = ['--data', 'glyphs', '--sigma', '0.08', '--n', '400', '--n0', '20', '--no-baseline'];
  const ended = await splitz(
    folder,
    'certify',
    'net.onnx',
    ...settings,
    '--seed',
    '0',
    '--max',
    '12',
    '--out',
    'run.jsonl',
  );
  expect(ended.code).toBe(0);
});
afterAll(remove);

describe.concurrent('attacking the certificates of a result file', () => {
  it('brackets every certified image, and contradicts no certificate', async () => {
    const ended = await attack('run.jsonl', '--out', 'plain.jsonl');
    expect(ended.stderr).not.toContain('error');
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain('0 of ');
    const { header, records } = readAttack('plain.jsonl');
    expect(header.settings).toMatchObject({ search: 'gradient', confirm: 400, alpha: 0.001, clipped: false });
    const certified = readResults(path('run.jsonl')).records;
    expect(records.map(({ index, prediction, radius }) => [index, prediction, radius])).toEqual(
      certified.map(({ index, series: [own] }) => [index, own?.prediction, own?.radius]),
    );
    const sure = records.filter(({ radius }) => radius > 0);
    expect(sure.length).toBeGreaterThan(2);
    for (const { radius, inside, attacked, prediction, questionsInside } of sure) {
      expect(inside?.distance).toBeLessThanOrEqual(radius);
      expect(inside?.distance).toBeGreaterThan(0);
      expect(questionsInside).toBe(1);
      expect(attacked?.distance).toBeGreaterThan(radius);
      expect(attacked?.prediction).not.toBe(prediction);
    }
    for (const { prediction, attacked, questions } of records)
      if (prediction === null) expect([attacked, questions]).toEqual([null, 0]);
  });

  it('ends with the same bytes after an interruption, and says how to go on', async () => {
    const { child, ended } = start(folder, ['attack', 'run.jsonl', '--out', 'broken.jsonl', ...QUICK]);
    // Once: a second signal ends the process at once.
    let told = false;
    child.stderr?.on('data', (text: string) => {
      if (!told && text.includes('/12 images')) told = child.kill('SIGINT');
    });
    const first = await ended;
    expect(first.code).toBe(130);
    expect(first.stderr).toContain('Run the same command again');
    const begun = readAttack('broken.jsonl').records.length;
    expect(begun).toBeGreaterThan(0);
    expect(begun).toBeLessThan(12);
    const second = await attack('run.jsonl', '--out', 'broken.jsonl');
    expect(second.stderr).toContain(`resumed after ${begun} images`);
    expect((await attack('run.jsonl', '--out', 'again.jsonl')).code).toBe(0);
    expect(withoutTimes('broken.jsonl')).toBe(withoutTimes('again.jsonl'));
  });

  it('finds a certificate that claims three times too much, loudly and with the evidence', async () => {
    copyFileSync(GLYPHS, path('glyphs-splitz.onnx'));
    const settings = [
      '--n',
      '1000',
      '--no-baseline',
      '--workers',
      '1',
      '--start',
      '2',
      '--max',
      '2',
      '--seed',
      '0',
    ];
    expect(
      (await splitz(folder, 'certify', 'glyphs-splitz.onnx', ...settings, '--out', 'true.jsonl')).code,
    ).toBe(0);
    const { header, records } = readResults(path('true.jsonl'));
    const lies = records.map((record) =>
      withVerdict(record, { radius: 3 * (record.series[0]?.radius ?? 0) }),
    );
    // A forger builds the chain again.
    const lines = [LINES.lineOf(header), ...lies.map((record) => LINES.recordLine(record, header))];
    writeFileSync(path('lies.jsonl'), rechained(lines).join(''));
    const ended = await attack('lies.jsonl', '--quiet');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('CONTRADICTION: image');
    expect(ended.stderr).toMatch(/certificates are contradicted/);
    expect(ended.stdout).toContain('CONTRADICTS');
    const wrong = readAttack('lies.attack.jsonl').records.filter(({ contradiction }) => contradiction);
    expect(wrong.length).toBeGreaterThan(0);
    for (const { index, radius, inside, attacked, prediction } of wrong) {
      const evidence = path(`lies.attack.contradiction-${index}`);
      const array = (name: string) => {
        const found = parseNpy(readFileSync(join(evidence, name)), name);
        return Float32Array.from({ length: found.size }, (_, i) => found.at(i));
      };
      const distance = distanceUp(array('image.npy'), array('perturbed.npy'), 'l2');
      expect([inside?.distance, attacked?.distance]).toContain(distance);
      expect(distance).toBeLessThanOrEqual(radius);
      const told = JSON.parse(readFileSync(join(evidence, 'contradiction.json'), 'utf8')) as {
        reading: string;
        second: { answer: { prediction: number }; certificate: { radius: number } };
        certificate: { series: { evidence: SplitzEvidence }[] };
      };
      expect(told.second.answer.prediction).not.toBe(prediction);
      expect(told.second.certificate.radius).toBeLessThan(distance);
      if (told.second.answer.prediction !== null) expect(told.reading).toContain('claims too much');
      expect(told.certificate.series[0]?.evidence).toEqual(
        records.find((record) => record.index === index)?.series[0]?.evidence,
      );
    }
    const again = await attack('lies.jsonl', '--quiet');
    expect(again.code).toBe(1);
  });

  it('refuses another model, other images, settings of its own, and images without a certificate', async () => {
    writeModel(folder, 'other.onnx', glyphProto({}, { some: 'metadata' }));
    const refused = async (why: string, ...args: string[]) => {
      const ended = await splitz(folder, 'attack', 'run.jsonl', '--out', 'never.jsonl', ...args);
      expect(ended.code).toBe(4);
      expect(ended.stderr).toContain(why);
      expect(existsSync(path('never.jsonl'))).toBe(false);
    };
    await refused('not the model of the result file', 'other.onnx', '--data', 'glyphs');
    await refused('not the data of the result file', '--data', 'glyphs:5');
    await refused('--sigma does not go with a result file', '--data', 'glyphs', '--sigma', '1');
    await refused('image 77 has no certificate', '--data', 'glyphs', '--image', '77');
    // What a config file says for all commands is not a setting of this attack's own.
    writeFileSync(path('all.yaml'), 'sigma: 1\nmean: [0.5]\n');
    await refused(
      'image 77 has no certificate',
      ...['--data', 'glyphs', '--image', '77', '--config', 'all.yaml'],
    );
    await refused('can confirm nothing', '--data', 'glyphs', '--confirm', '9');
  });

  it('refuses to continue another attack', async () => {
    expect((await attack('run.jsonl', '--image', '0', '--out', 'mine.jsonl')).code).toBe(0);
    const ended = await attack('run.jsonl', '--image', '0', '--out', 'mine.jsonl', '--clip');
    expect(ended.code).toBe(4);
    expect(ended.stderr).toContain('settings.clipped');
  });
});

describe.concurrent('attacking a model', () => {
  it('certifies on the way what a certify run certifies', async () => {
    const settings = ['--sigma', '0.08', '--n', '400', '--n0', '20'];
    const ended = await attack('net.onnx', ...settings, '--max', '3', '--out', 'model.jsonl', '--json');
    expect(ended.code).toBe(0);
    const told = JSON.parse(ended.stdout) as { summary: { images: number }; records: AttackRecord[] };
    expect(told.summary.images).toBe(3);
    const certified = readResults(path('run.jsonl')).records.slice(0, 3);
    expect(told.records.map(({ prediction, radius }) => [prediction, radius])).toEqual(
      certified.map(({ series: [own] }) => [own?.prediction, own?.radius]),
    );
  });

  it('attacks the network itself without noise, by gradients and without, and neither finds the other far off', async () => {
    const distances = async (search: string) => {
      const out = `${search}.jsonl`;
      const ended = await attack('net.onnx', '--undefended', '--max', '4', '--search', search, '--out', out);
      expect(ended.code).toBe(0);
      const { header, records } = readAttack(out);
      expect(header).toMatchObject({ certified: null, settings: { search, draws: 0, confirm: 1 } });
      return records.map(({ attacked }) => attacked?.distance ?? Number.NaN);
    };
    const [by, without] = [await distances('gradient'), await distances('gradient-free')];
    for (const [k, distance] of by.entries()) {
      expect(distance).toBeGreaterThan(0);
      expect(without[k]! / distance).toBeGreaterThan(0.8);
      expect(without[k]! / distance).toBeLessThan(5);
    }
  });

  it('searches without gradients where an operator has none, and says so', async () => {
    const [conv, relu, flatten, gemm] = glyphParts.nodes;
    const last = { ...gemm!, output: ['s'] };
    const nodes = [conv!, relu!, flatten!, last, node('Atan', ['s'], 'y', { name: 'Atan_4' })];
    writeModel(folder, 'strange.onnx', glyphProto({ nodes }));
    const one = ['strange.onnx', '--undefended', '--max', '1'];
    const ended = await attack(...one);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('searching without gradients');
    expect(readAttack('strange.attack.jsonl').header.settings.search).toBe('gradient-free');
    const forced = await attack(...one, '--search', 'gradient', '--out', 'forced.jsonl');
    expect(forced.code).toBe(3);
    expect(forced.stderr).toContain('cannot be attacked by gradients');
    expect(forced.stderr).toContain('Atan_4');
  });
});
