/** `certify --until` as users meet it: what is recorded, checked, computed again and continued, and what is refused. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { valuesOf, type WithOrigins } from '../../src/methods/method.ts';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import type { SplitzSettings } from '../../src/methods/splitz/schema.ts';
import { drawsOf } from '../../src/smoothing/votes/vote-counts.ts';
import { newFolder, readResults, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const MODEL = writeModel(folder, 'net.onnx');
const records = (name: string) => readResults(join(folder, name));
afterAll(remove);

const certify = (out: string, ...args: string[]) =>
  splitz(
    folder,
    ...['certify', MODEL, '--data', 'glyphs', '--split', 'a', '--sigma', '0.5', '--n', '3000', '--seed', '3'],
    ...['--out', out, ...args],
  );

const RULES = ['radius >= 0.5', 'tolerance 10%'];

describe.each(RULES)('certify --until "%s"', (until) => {
  const out = `${until.replaceAll(/\W+/g, '-')}.jsonl`;

  it('records the rule for every series, and fewer draws than n', async () => {
    const ended = await certify(out, '--max', '6', '--until', until);
    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(/draws per image +[\d,]+ +[\d,]+\n/u);
    const { header, records: made } = records(out);
    for (const { settings } of header.series)
      expect(valuesOf<SplitzSettings>(settings as WithOrigins<SplitzSettings>).until).toBe(until);
    const draws = made.flatMap(({ series }) => series.map((one) => drawsOf(one.evidence as VoteEvidence)));
    expect(draws).toHaveLength(12);
    expect(Math.min(...draws)).toBeLessThan(1500);
    expect(Math.max(...draws)).toBeLessThanOrEqual(3000);
  });

  it('is verified, with the model and by computing every record again', async () => {
    const verified = await splitz(
      folder,
      ...['verify', out, MODEL, '--data', 'glyphs'],
      '--replay',
      '6',
      '--workers',
      '2',
      '--batch',
      '13',
    );
    expect(verified.stdout).toMatch(/^it holds/u);
    const replayed = await splitz(
      folder,
      ...['replay', out, MODEL, '--data', 'glyphs'],
      '--image',
      '0',
      '--workers',
      '1',
      '--batch',
      '50',
    );
    expect(replayed).toMatchObject({ code: 0 });
    expect(replayed.stdout).toContain('the same');
  });

  it('continues where a run broke off, and with the same rule only', async () => {
    const whole = readFileSync(join(folder, out), 'utf8');
    const cut = `cut-${out}`;
    const lines = whole.split('\n');
    writeFileSync(join(folder, cut), `${lines.slice(0, 4).join('\n')}\n`);
    const other = await certify(cut, '--max', '6', '--until', 'tolerance 7%');
    expect(other.code).not.toBe(0);
    expect(other.stderr).toMatch(/until: .* in the file, "tolerance 7%" now/u);
    const none = await certify(cut, '--max', '6');
    expect(none.stderr).toMatch(/until: .* in the file, absent now/u);
    expect(
      await certify(cut, '--max', '6', '--until', until, '--workers', '1', '--batch', '20'),
    ).toMatchObject({ code: 0 });
    const evidence = (file: string) =>
      records(file).records.map(({ series }) => series.map((one) => one.evidence));
    expect(evidence(cut)).toEqual(evidence(out));
  });

  it('is explained: why drawing ended, and at which part of alpha', async () => {
    const explained = await splitz(folder, 'explain', out, '--image', '0');
    expect(explained.stdout.replaceAll(/\s+/gu, ' ')).toMatch(/Of up to 3000: drawing ended once/u);
    // Half of α for 15 looks, or an eighth for 9.
    expect(explained.stdout).toContain(
      until.startsWith('radius') ? 'α₁ = 0.0000333333333 of' : 'α₁ = 0.0000138888889 of',
    );
  });

  it('is reported: the method says how draws ended', async () => {
    const reported = await splitz(folder, 'report', out, '--out', '-', '--markdown');
    expect(reported.stdout + reported.stderr).toContain(
      'its votes counted among up to 3000 fresh ones; drawing ended once',
    );
  });

  it('is compared with a run of all draws, the rule named among what differs', async () => {
    expect(await certify('all.jsonl', '--max', '6')).toMatchObject({ code: 0 });
    const compared = await splitz(folder, 'compare', 'all.jsonl', out);
    expect(compared.code).toBe(0);
    expect(compared.stdout).toContain('until');
  });
});

describe('a run of all draws', () => {
  it('is the same file with --until n and without', async () => {
    expect(await certify('without.jsonl', '--max', '2')).toMatchObject({ code: 0 });
    expect(await certify('with.jsonl', '--max', '2', '--until', 'n')).toMatchObject({ code: 0 });
    const [without, with_] = ['without.jsonl', 'with.jsonl'].map((name) => records(name));
    expect(with_?.header.series).toEqual(without?.header.series);
    expect(with_?.records.map(({ series }) => series.map((one) => one.evidence))).toEqual(
      without?.records.map(({ series }) => series.map((one) => one.evidence)),
    );
    expect(JSON.stringify(with_?.header)).not.toContain('until');
  });
});

describe('certify refuses', () => {
  it.each([
    [['--until', 'soon'], "--until 'soon' cannot be read"],
    [['--until', 'tolerance 5%', '--bound', 'anytime'], 'does not go with --bound anytime'],
    [['--until', 'radius >= 0.5', '--bound', 'runner-up'], 'does not go with --bound runner-up'],
    [
      ['--until', 'tolerance 5%', '--method', 'deterministic'],
      '--until does not go with --method deterministic',
    ],
    [
      ['--until', 'tolerance 5%', '--method', 'lipschitz-smoothing'],
      '--until does not go with --method lipschitz-smoothing',
    ],
    [['--until'], 'until'],
  ])('%j with the documented code, and writes nothing', async (args, says) => {
    const { code, stderr } = await splitz(folder, 'certify', MODEL, '--out', 'refused.jsonl', ...args);
    expect(code).toBe(4);
    expect(stderr).toContain(says);
    expect(() => readFileSync(join(folder, 'refused.jsonl'))).toThrow();
  });
});
