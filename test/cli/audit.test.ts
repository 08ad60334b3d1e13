/** `verify`, `replay`, `explain`, `compare` and `--require` on files that `certify` really wrote here, honest and spoilt. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import type { CertificateRecord, RunHeader, SeriesCertificate } from '../../src/records/record.ts';
import { verifyFile } from '../../src/verification/verify-file.ts';
import { intAttr, intsAttr, node } from '../onnx/tiny-model.ts';
import { withVerdict } from '../records/run.ts';
import { rechained } from '../verification/honest.ts';
import { newFolder, readResults, splitz, start } from './command-line.ts';
import { glyphParts, glyphProto, writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
const QUICK = ['--data', 'glyphs', '--sigma', '0.08', '--n', '300', '--n0', '20', '--seed', '7', '--quiet'];
const certify = (out: string, ...args: string[]) =>
  splitz(folder, 'certify', 'net.onnx', ...QUICK, '--out', out, ...args);
const linesOf = (name: string) => readFileSync(path(name), 'utf8').split(/(?<=\n)/u);
/** The certificate of a record's first series. */
const ownOf = ({ series: [own] }: CertificateRecord): SeriesCertificate => {
  if (own === undefined) throw new Error('a run has a series');
  return own;
};
const write = (name: string, lines: readonly string[]) => writeFileSync(path(name), lines.join(''));

beforeAll(async () => {
  writeModel(folder, 'net.onnx');
  const runs = await Promise.all([
    certify('run.jsonl', '--max', '8', '--workers', '2', '--batch', '32'),
    certify('runner-up.jsonl', '--max', '4', '--bound', 'runner-up', '--lipschitz', 'mask'),
    certify('plain.jsonl', '--max', '3', '--split', 'input', '--sigma', '0.1'),
    certify('power.jsonl', '--max', '2', '--lipschitz', 'power'),
  ]);
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
});
afterAll(remove);

describe.concurrent('verify', () => {
  it.each(['run', 'runner-up', 'plain', 'power'])('holds for what certify wrote: %s.jsonl', async (name) => {
    const { code, stdout, stderr } = await splitz(folder, 'verify', `${name}.jsonl`);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^it holds as far as a file can: nothing was compared with a model and data\n/u);
    expect(stdout).toContain('the chain over all lines');
    expect(stdout).toContain('no model was');
    const digest = /"digest":"([0-9a-f]{64})"/u.exec(linesOf(`${name}.jsonl`).at(-1) ?? '')?.[1];
    expect(stdout).toMatch(new RegExp(`\\ndigest ${digest}\\n$`, 'u'));
  });

  it('with model and data it checks digests, images and, by another proof, bounds', async () => {
    const { code, stdout } = await splitz(
      folder,
      ...['verify', 'run.jsonl', 'net.onnx', '--data', 'glyphs', '--bounds', '3', '--seed', '4', '--json'],
    );
    expect(code).toBe(0);
    const { holds, scope, records, checked, digest } = JSON.parse(stdout);
    expect({ holds, scope, records }).toEqual({ holds: true, scope: 'part', records: 8 });
    expect(checked.join('\n')).toMatch(
      /digest of the model\n.*digest of the data.*\n.*pixels.*\n.*network alone.* 8 of 8 images\n.* 3 of the \d records .* seed 4 .* 3 of them by.*\nplain smoothing \(series 1\): τ of every record\n.*preflight.*$/u,
    );
    expect(linesOf('run.jsonl').at(-1)).toContain(`"digest":"${digest}"`);
    const again = await splitz(
      folder,
      ...['verify', 'run.jsonl', 'net.onnx', '--data', 'glyphs', '--bounds', '3', '--seed', '4', '--json'],
    );
    expect(again.stdout).toBe(stdout);
  });

  it('names the first record that does not hold, with exit code 1', async () => {
    const lines = linesOf('run.jsonl');
    const spoilt = lines.map((line, k) =>
      k === 4 || k === 6 ? line.replace(/"pA":0\.(\d)/u, (_, d) => `"pA":0.${(Number(d) + 1) % 10}`) : line,
    );
    write('spoilt.jsonl', spoilt);
    const { code, stdout, stderr } = await splitz(folder, 'verify', 'spoilt.jsonl');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('the result file does not hold: image 3');
    expect(stderr).toContain('line 5');
    expect(stderr).toMatch(/pA is 0\.\d+, (above|below) the bound from \d+ of 300 votes at level 0.001/u);
    write('forged.jsonl', rechained(spoilt));
    expect((await splitz(folder, 'verify', 'forged.jsonl')).stderr).toContain('image 3');
    const json = await splitz(folder, 'verify', 'spoilt.jsonl', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ holds: false, fault: { where: 'spoilt.jsonl, line 5' } });
  });

  it('another model, other data, a wrong label are found out', async () => {
    writeModel(folder, 'other.onnx', glyphProto({}, { note: 'changed' }));
    const model = await splitz(folder, 'verify', 'run.jsonl', 'other.onnx');
    expect([model.code, model.stderr]).toEqual([1, expect.stringContaining('not the one certified')]);
    const data = await splitz(folder, 'verify', 'run.jsonl', 'net.onnx', '--data', 'glyphs:2');
    expect([data.code, data.stderr]).toEqual([1, expect.stringContaining('not those certified')]);
    const lines = linesOf('run.jsonl').map((line, k) => {
      if (k !== 3) return line;
      const { label } = JSON.parse(line);
      return line.replace(`"label":${label}`, `"label":${(label + 1) % 10}`);
    });
    // Only the record with the label: the closing line, which counts right images, is omitted from the forgery.
    write('label.jsonl', rechained(lines.slice(0, -1)));
    const alone = await splitz(folder, 'verify', 'label.jsonl', '--unfinished');
    expect(alone.code).toBe(0);
    const label = await splitz(
      folder,
      'verify',
      'label.jsonl',
      'net.onnx',
      '--data',
      'glyphs',
      '--unfinished',
    );
    expect([label.code, label.stderr]).toEqual([1, expect.stringMatching(/image 2[\s\S]*label is/u)]);
  });

  it.each([
    [
      'other pixels',
      /"sha256":"[0-9a-f]{64}"/u,
      `"sha256":"${'0'.repeat(64)}"`,
      /sha256 is 0+ in the file, /u,
    ],
    ['a name', /"name":null/u, '"name":"a.png"', /name is a\.png in the file, null in the data/u],
    [
      'no answer',
      /"answer":\d/u,
      '"answer":null',
      /answer is null in the file, but the network alone answers \d/u,
    ],
  ])(
    '%s of an image, the chain built again, are found out by model and data',
    async (what, from, to, says) => {
      const lines = linesOf('run.jsonl').slice(0, -1);
      const name = `image-${what.replace(' ', '-')}.jsonl`;
      const changed = lines.map((line, k) => (k === 2 ? line.replace(from, to) : line));
      expect(changed).not.toEqual(lines);
      write(name, rechained(changed));
      expect((await splitz(folder, 'verify', name, '--unfinished')).code).toBe(0);
      const { code, stderr } = await against(name);
      expect([code, stderr.replace(/\s+/gu, ' ')]).toEqual([1, expect.stringMatching(says)]);
      expect(stderr).toContain('the result file does not hold: image 1');
    },
  );

  it('an answer that differs on another machine is told, and no fault of the file', async () => {
    const lines = linesOf('run.jsonl').slice(0, -1);
    write(
      'elsewhere-answer.jsonl',
      rechained(
        lines.map((line, k) =>
          k === 0
            ? line.replace(/"cpu":"[^"]*"/u, '"cpu":"Another CPU"')
            : line.replace(/"answer":\d/u, k === 2 ? '"answer":null' : '$&'),
        ),
      ),
    );
    const { code, stdout } = await against('elsewhere-answer.jsonl');
    expect(code).toBe(0);
    expect(stdout.replace(/\s+/gu, ' ')).toMatch(
      /^it holds as far as it was checked .* not checked .*answers at 1 images, where this machine gives another class than the run's: image 1: null in the file, \d here \(CPU: Another CPU then/u,
    );
  });

  it('a radius that the left half does not give is refuted by --bounds, its chain built again', async () => {
    const lines = linesOf('run.jsonl').slice(0, -1);
    expect(lines.length).toBe(9);
    write(
      'larger.jsonl',
      forged('run.jsonl', (radius, { displacement }) => ({
        radius: radius * 1.02,
        localLipschitz: ((displacement ?? 0) / (radius * 1.02)) * (1 + 2 ** -52),
      })),
    );
    expect((await splitz(folder, 'verify', 'larger.jsonl', '--unfinished')).code).toBe(0);
    const { code, stderr } = await splitz(
      folder,
      ...['verify', 'larger.jsonl', 'net.onnx', '--data', 'glyphs', '--unfinished', '--bounds', '8'],
    );
    expect(code).toBe(1);
    expect(stderr).toContain('the radius is not proved');
  });

  /** Every radius of a file times a factor, as a forger would write it: figures, quotients and chain made to fit. */
  const forged = (
    name: string,
    change: (
      radius: number,
      evidence: SplitzEvidence,
    ) => { readonly radius: number } & Partial<SplitzEvidence>,
  ) =>
    rechained(
      linesOf(name)
        .slice(0, -1)
        .map((line) => {
          const parsed = JSON.parse(line) as CertificateRecord | RunHeader;
          if (parsed.kind !== 'certificate') return line;
          const { radius: before, evidence } = ownOf(parsed);
          if (before === 0) return line;
          const { radius, ...changes } = change(before, evidence as SplitzEvidence);
          return `${JSON.stringify(withVerdict(parsed, { radius, evidence: { ...evidence, ...changes } }))}\n`;
        }),
    );
  const against = (run: string, ...args: string[]) =>
    splitz(folder, 'verify', run, 'net.onnx', '--data', 'glyphs', '--unfinished', ...args);

  it('radii 10 % too large, all else made to fit, fall with model and data, without a further flag', async () => {
    write(
      'tenth.jsonl',
      forged('run.jsonl', (radius, { displacement }) => ({
        radius: radius * 1.1,
        localLipschitz: ((displacement ?? 0) / (radius * 1.1)) * (1 + 2 ** -52),
      })),
    );
    const alone = await splitz(folder, 'verify', 'tenth.jsonl', '--unfinished');
    expect([alone.code, alone.stdout]).toEqual([0, expect.stringContaining('it holds as far as a file can')]);
    const { code, stderr } = await against('tenth.jsonl');
    expect([code, stderr]).toEqual([1, expect.stringContaining('the radius is not proved')]);
    const honest = await against('run.jsonl');
    expect(honest.code).toBe(0);
    expect(honest.stdout).toMatch(/^it holds\n/u);
    expect(honest.stdout.replace(/\s+/gu, ' ')).toMatch(
      /D\(radius\) of all \d records with a radius, as certify proves them/u,
    );
  });

  it('a D of 0 at a radius of 1.4 million is listed as not checked, and falls with model and data', async () => {
    write(
      'still.jsonl',
      forged('run.jsonl', () => ({ radius: 1413991.885, displacement: 0, localLipschitz: 0 })),
    );
    const alone = await splitz(folder, 'verify', 'still.jsonl', '--unfinished');
    expect(alone.code).toBe(0);
    expect(alone.stdout.replace(/\s+/gu, ' ')).toMatch(
      /not checked .*the left half is constant within the radius of \d records/u,
    );
    for (const args of [[], ['--bounds', '0'], ['--bounds', '1']]) {
      const { code, stderr } = await against('still.jsonl', ...args);
      expect([code, stderr]).toEqual([1, expect.stringContaining('is stated as 0, but the latent moves by')]);
    }
    // The same with model alone: nothing to evaluate f_L at.
    const model = await splitz(folder, 'verify', 'still.jsonl', 'net.onnx', '--unfinished');
    expect([model.code, model.stdout]).toEqual([
      0,
      expect.stringMatching(/^it holds as far as it was checked\n/u),
    ]);
    expect(model.stdout).toContain('constant within the radius');
  });

  it('one command is the whole audit: bounds and votes of a draw, what it is worth, and the policy', async () => {
    const whole = ['run.jsonl', 'net.onnx', '--data', 'glyphs', '--bounds', '3', '--replay'];
    const { code, stdout, stderr } = await splitz(
      folder,
      ...['verify', ...whole, '3', '--seed', '5', '--require', 'certified@0 >= 0'],
    );
    expect(code).toBe(0);
    const text = stdout.replace(/\s+/gu, ' ');
    expect(text).toMatch(
      /every field computed again, of 3 of the (\d) records with a radius, drawn by the seed 5 \(images [\d, ]+\)/u,
    );
    expect(text).toMatch(/a file in which 1 of these \d are false passes with probability 0\.\d+/u);
    expect(text).toContain('how the images were chosen: 8 of 10,000, the first');
    expect(stderr).toContain('votes of 3 of 8 records drawn again');
    const all = await splitz(folder, 'verify', ...whole, 'all', '--json');
    expect(all.code).toBe(0);
    const { replayed, unchecked, seed } = JSON.parse(all.stdout);
    expect([replayed, typeof seed]).toEqual([8, 'number']);
    expect(unchecked.join()).not.toContain('computed as stated');
  });

  it.each([
    ['--replay', 'some', 'is not a number of records'],
    ['--replay', '3', '--replay needs the model'],
  ])('%s %s without more is a mistake in the command', async (flag, value, what) => {
    const { code, stderr } = await splitz(folder, 'verify', 'run.jsonl', flag, value);
    expect([code, stderr]).toEqual([4, expect.stringContaining(what)]);
  });

  it('draws its sample anew each time, and says by which seed', async () => {
    const seeds = await Promise.all(
      [1, 2].map(
        async () =>
          /by the seed (\d+)/u.exec((await against('run.jsonl', '--bounds', '1', '--json')).stdout)?.[1],
      ),
    );
    expect(new Set(seeds).size).toBe(2);
    expect(seeds).not.toContain(undefined);
  });

  it('more than one row per run does not hold of a model whose rows cannot be run together', async () => {
    // The mean over a batch of one: another function of two rows.
    const mean = node('ReduceMean', ['f'], 'm', {
      name: 'ReduceMean_3',
      attribute: [intsAttr('axes', [0]), intAttr('keepdims', 1)],
    });
    const nodes = glyphParts.nodes.flatMap((one) =>
      one.opType === 'Gemm' ? [mean, { ...one, input: ['m', 'fc.weight', 'fc.bias'] }] : [one],
    );
    writeModel(folder, 'alone.onnx', glyphProto({ nodes, input: [1, 1, 28, 28], output: [1, 10] }));
    const { code, stderr } = await splitz(
      folder,
      ...['certify', 'alone.onnx', ...QUICK, '--max', '1', '--no-baseline', '--out', 'alone.jsonl'],
    );
    expect([code, stderr]).toEqual([0, '']);
    const lines = linesOf('alone.jsonl');
    expect(lines[0]).toContain('"batch":1}');
    const verified = (run: string) => splitz(folder, 'verify', run, 'alone.onnx', '--data', 'glyphs');
    expect((await verified('alone.jsonl')).code).toBe(0);
    write('mixed.jsonl', rechained(lines.with(0, (lines[0] ?? '').replace('"batch":1}', '"batch":64}'))));
    expect((await splitz(folder, 'verify', 'mixed.jsonl')).code).toBe(0);
    const mixed = await verified('mixed.jsonl');
    expect([mixed.code, mixed.stderr]).toEqual([1, expect.stringContaining('checks.batch: 64 rows per run')]);
  });

  it('a run cut short holds only as one that is unfinished', async () => {
    write('short.jsonl', linesOf('run.jsonl').slice(0, 4));
    const refused = await splitz(folder, 'verify', 'short.jsonl');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('the closing line')]);
    const accepted = await splitz(folder, 'verify', 'short.jsonl', '--unfinished');
    expect([accepted.code, accepted.stdout]).toEqual([
      0,
      expect.stringContaining('whether records are missing'),
    ]);
  });

  it('any single edit of a real file is caught: bytes and fields', async () => {
    const whole = readFileSync(path('run.jsonl'), 'latin1');
    const lines = linesOf('run.jsonl');
    const holds = async (text: string) => {
      writeFileSync(path('edit.jsonl'), text, 'latin1');
      return (await verifyFile(path('edit.jsonl'), false)).fault === null;
    };
    expect(await holds(whole)).toBe(true);
    const bytes = fc.record({ at: fc.nat(whole.length - 1), put: fc.string({ maxLength: 3 }) });
    await fc.assert(
      fc.asyncProperty(bytes, fc.nat(3), async ({ at, put }, removed) => {
        const spoilt = whole.slice(0, at) + put + whole.slice(at + removed);
        fc.pre(spoilt !== whole);
        expect(await holds(spoilt)).toBe(false);
      }),
      { numRuns: 300, seed: 11 },
    );
    /** Every number, word and flag of every line, replaced by another, one at a time. */
    const leaf = /(?<=[:[,])(-?\d[\d.e+-]*|true|false|null|"[^"]*")(?=[,\]}])/gu;
    let edits = 0;
    for (const [k, line] of lines.entries()) {
      const places = [...line.matchAll(leaf)];
      // Of the records' fields every third: the rest are alike.
      for (const [p, { index, 0: value }] of places.entries()) {
        if (k > 1 && k < lines.length - 1 && p % 3 !== k % 3) continue;
        const other = value.startsWith('"') ? `"${value.slice(1, -1)}x"` : value === '1' ? '2' : '1';
        const changed = line.slice(0, index) + other + line.slice(index + value.length);
        expect(await holds(lines.with(k, changed).join('')), `line ${k + 1}: ${value}`).toBe(false);
        edits++;
      }
    }
    expect(edits).toBeGreaterThan(200);
  });
});

describe.concurrent('replay', () => {
  it.each([
    ['run', 1, 1],
    ['run', 2, 64],
    ['run', 3, 7],
    ['runner-up', 1, 5],
    ['plain', 2, 16],
  ])(
    '%s.jsonl: with %i workers and batches of %i every field comes out the same',
    async (name, workers, batch) => {
      const images = readResults(path(`${name}.jsonl`)).records.map(({ index }) => String(index));
      const { code, stdout, stderr } = await splitz(
        folder,
        ...['replay', `${name}.jsonl`, '--data', 'glyphs', '--image', ...images.slice(0, 4)],
        ...['--workers', String(workers), '--batch', String(batch), '--json'],
      );
      expect([code, stderr]).toEqual([0, '']);
      const { replayed } = JSON.parse(stdout);
      expect(replayed).toHaveLength(Math.min(4, images.length) * (name === 'plain' ? 1 : 2));
      expect(replayed.every((one: { same: boolean }) => one.same)).toBe(true);
    },
  );

  it('--sample draws records with a radius, prints the seed and what the draw is worth', async () => {
    const of = ['replay', 'run.jsonl', '--data', 'glyphs', '--sample'];
    const { code, stdout } = await splitz(folder, ...of, '2');
    expect(code).toBe(0);
    const [, drawn, all, seed = ''] =
      /(\d) of the (\d) records with a radius, drawn by the seed (\d+)/u.exec(stdout.replace(/\s+/gu, ' ')) ??
      [];
    expect([drawn, Number(all) > 2]).toEqual(['2', true]);
    expect(stdout.replace(/\s+/gu, ' ')).toContain(`a file in which 1 of these ${all} are false passes`);
    expect((await splitz(folder, ...of, '2', '--seed', seed)).stdout).toBe(stdout);
    const json = JSON.parse((await splitz(folder, ...of, '2', '--seed', seed, '--json')).stdout);
    expect(json.sample).toMatchObject({ drawn: 2, of: Number(all), seed: Number(seed) });
    const every = await splitz(folder, ...of, 'all', '--json');
    expect(JSON.parse(every.stdout).replayed).toHaveLength(16);
  });

  it.each([
    [['--sample', '2', '--image', '1'], 'exclude each other'],
    [['--seed', '2'], 'draws a sample, and none is asked for'],
    [['--sample', '-2'], 'is not a number of records'],
  ])('%j is a mistake in the command', async (args, what) => {
    const { code, stderr } = await splitz(folder, 'replay', 'run.jsonl', '--data', 'glyphs', ...args);
    expect([code, stderr]).toEqual([4, expect.stringContaining(what)]);
  });

  it('a record whose votes are not those of its seed is found out', async () => {
    // Without the closing line, whose digest covers the seed.
    const lines = linesOf('run.jsonl')
      .slice(0, -1)
      .map((line, k) => (k === 0 ? line.replace('"seed":{"value":7', '"seed":{"value":8') : line));
    write('seed.jsonl', rechained(lines));
    expect((await splitz(folder, 'verify', 'seed.jsonl', '--unfinished')).code).toBe(0);
    const { code, stdout, stderr } = await splitz(
      folder,
      ...['replay', 'seed.jsonl', 'net.onnx', '--data', 'glyphs', '--image', '2'],
    );
    expect(code).toBe(1);
    expect(stdout).toContain('differences');
    expect(stderr).toMatch(/image 2 .* comes out differently[\s\S]*evidence\.counts: \[[\d,]+\] recorded/u);
  });

  it('a record whose image or answer is another is found out', async () => {
    const lines = linesOf('run.jsonl').map((line, k) =>
      k === 2 ? line.replace(/"answer":\d/u, '"answer":null') : line,
    );
    write('answer.jsonl', rechained(lines));
    const { code, stderr } = await splitz(
      folder,
      ...['replay', 'answer.jsonl', 'net.onnx', '--data', 'glyphs', '--image', '1'],
    );
    expect([code, stderr]).toEqual([1, expect.stringMatching(/answer: null recorded, \d computed again/u)]);
  });

  it('says when another runtime or processor drew the votes', async () => {
    const lines = linesOf('run.jsonl').map((line, k) =>
      k === 0 ? line.replace(/"cpu":"[^"]*"/u, '"cpu":"Another CPU"') : line,
    );
    write('elsewhere.jsonl', rechained(lines));
    const { code, stderr } = await splitz(
      folder,
      ...['replay', 'elsewhere.jsonl', 'net.onnx', '--data', 'glyphs', '--image', '1'],
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/results may differ.*CPU: Another CPU then, /u);
  });

  it.each([
    ['another model', ['other2.onnx', '--data', 'glyphs'], 'this is not the model of the result file'],
    ['other data', ['net.onnx', '--data', 'glyphs:2'], 'these are not the data of the result file'],
    ['no data', ['net.onnx'], 'no data to certify'],
    [
      'an image that is not there',
      ['net.onnx', '--data', 'glyphs', '--image', '99'],
      'no record of image 99',
    ],
  ])('refuses %s with exit code 4', async (_, args, what) => {
    writeModel(folder, 'other2.onnx', glyphProto({}, { note: 'changed' }));
    const { code, stderr } = await splitz(folder, 'replay', 'run.jsonl', ...args);
    expect([code, stderr]).toEqual([4, expect.stringContaining(what)]);
  });

  it('looks for the model beside the result file, and says so when it is not there', async () => {
    const { folder: empty, remove: clean } = newFolder();
    copyFileSync(path('run.jsonl'), join(empty, 'run.jsonl'));
    const { code, stderr } = await splitz(empty, 'replay', 'run.jsonl', '--data', 'glyphs');
    clean();
    expect([code, stderr]).toEqual([4, expect.stringContaining("the model 'net.onnx' is needed")]);
  });
});

describe.concurrent('explain', () => {
  it('derives a certificate, an abstention and what the run is compared with', async () => {
    const { records } = readResults(path('run.jsonl'));
    const certified = records.find((record) => ownOf(record).prediction !== null);
    const abstained = records.find((record) => ownOf(record).prediction === null);
    if (certified === undefined) throw new Error('none certified');
    const { counts, selected } = ownOf(certified).evidence as VoteEvidence;
    const { code, stdout } = await splitz(folder, 'explain', 'run.jsonl', '--image', String(certified.index));
    expect(code).toBe(0);
    expect(stdout).toContain(`k = ${counts[selected ?? 0]} of n = 300`);
    expect(stdout).toContain('6. Back through the left half');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    const plain = await splitz(
      folder,
      ...['explain', 'run.jsonl', '--image', String(certified.index), '--series', '1', '--json'],
    );
    expect(JSON.parse(plain.stdout)).toMatchObject({
      ...{ index: certified.index, series: 1, method: 'plain smoothing' },
    });
    if (abstained === undefined) throw new Error('none abstained');
    const none = await splitz(folder, 'explain', 'run.jsonl', '--image', String(abstained.index));
    expect(none.stdout).toContain('abstains: nothing is certified');
  });

  it('names the series there are where there is none of that number', async () => {
    const { code, stderr } = await splitz(folder, 'explain', 'run.jsonl', '--series', '2');
    expect([code, stderr.replace(/\s+/gu, ' ')]).toEqual([
      4,
      expect.stringMatching(/no series 2 .*its series are 0 \(SPLITZ σ=0\.08\), 1 \(plain smoothing σ=/u),
    ]);
    const alone = await splitz(folder, 'explain', 'plain.jsonl', '--series', '1');
    expect([alone.code, alone.stderr]).toEqual([4, expect.stringContaining('Omit --series.')]);
  });

  it('refuses a damaged file, a missing one and one that is not a result file', async () => {
    write('damaged.jsonl', linesOf('run.jsonl').toSpliced(3, 1));
    write('foreign.jsonl', ['{"a":1}\n']);
    for (const [name, what] of [
      ['damaged.jsonl', 'the result file is damaged'],
      ['foreign.jsonl', 'not a result file of this program'],
      ['none.jsonl', 'there is no such result file'],
    ] as const) {
      const { code, stderr } = await splitz(folder, 'explain', name);
      expect([code, stderr]).toEqual([4, expect.stringContaining(what)]);
    }
  });
});

describe.concurrent('compare', () => {
  it('pairs two runs image by image and says what is significant', async () => {
    const other = await certify('other.jsonl', '--max', '8', '--sigma', '0.06', '--no-baseline');
    expect(other.code).toBe(0);
    const { code, stdout, stderr } = await splitz(folder, 'compare', 'run.jsonl', 'other.jsonl');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/A {2}run\.jsonl\nB {2}other\.jsonl\n/u);
    expect(stdout).toContain('certified accuracy at radius (l2), 8 images');
    expect(stdout).toContain('Exact McNemar test');
    expect(stdout.replaceAll('\n', ' ')).toContain('sigma: 0.08 in the first, 0.06 in the second');
    const json = await splitz(folder, 'compare', 'run.jsonl', 'other.jsonl', '--format', 'json');
    const document = JSON.parse(json.stdout);
    expect(document).toMatchObject({ first: 'run.jsonl', images: 8, level: 0.05 });
    expect(document.average.interval).toHaveLength(2);
    const again = await splitz(folder, 'compare', 'run.jsonl', 'other.jsonl', '--json');
    expect(again.stdout).toBe(json.stdout);
  });

  it('refuses runs over different images', async () => {
    const { code, stderr } = await splitz(folder, 'compare', 'run.jsonl', 'plain.jsonl');
    expect([code, stderr]).toEqual([4, expect.stringContaining('5 images are only in the first')]);
  });
});

describe.concurrent('--require', () => {
  it('on verify: every one is judged, exit code 1 when one is not met', async () => {
    const { records } = readResults(path('run.jsonl'));
    const abstained = records.filter((record) => ownOf(record).prediction === null).length;
    const ok = await splitz(
      folder,
      ...['verify', '--require', `abstained <= ${abstained / 8}`, 'run.jsonl', '--require=certified@0 >= 0'],
    );
    expect(ok.code).toBe(0);
    expect(ok.stderr).toContain('of the file as written; votes not drawn again');
    expect(ok.stderr.split('\n').filter((line) => line.startsWith('policy met: '))).toHaveLength(2);
    const { code, stdout, stderr } = await splitz(
      folder,
      ...['verify', 'run.jsonl', '--require', 'certified@0 >= 0', '--require', 'certified@9 > 0 with 95%'],
    );
    expect([code, stdout]).toEqual([1, expect.stringContaining('it holds')]);
    expect(stderr).toContain('policy met: certified@0 >= 0');
    expect(stderr).toContain('certified@9 > 0 with 95%, but it is: 0.0 % (0 of 8)');
  });

  it('on certify: the results are written and shown, then judged', async () => {
    const { code, stdout, stderr } = await certify('policy.jsonl', '--max', '2', '--require', 'acr > 9');
    expect([code, stdout]).toEqual([1, expect.stringContaining('certified accuracy')]);
    expect(stderr).toContain('the policy is not met');
    expect((await splitz(folder, 'verify', 'policy.jsonl')).code).toBe(0);
  });

  it('ends a run once it is decided, if asked to; the rest follows without that', async () => {
    const args = ['decided.jsonl', '--max', '8', '--require', 'abstained <= 100%', '--no-quiet'] as const;
    const early = await certify(...args, '--stop-when-decided');
    expect(early.code).toBe(0);
    expect(early.stderr).toMatch(/ended {2}after 1 of 8 images: every requirement is decided/u);
    expect(early.stderr).toMatch(
      /policy met: abstained <= 100%: between \d and \d of 8, whatever the 7 images left/u,
    );
    expect(readResults(path('decided.jsonl')).records).toHaveLength(1);
    const again = await certify(...args, '--stop-when-decided');
    expect([again.code, readResults(path('decided.jsonl')).records.length]).toEqual([0, 1]);
    expect((await certify(...args)).code).toBe(0);
    const radii = (name: string) => readResults(path(name)).records.map((record) => ownOf(record).radius);
    expect(radii('decided.jsonl')).toEqual(radii('run.jsonl'));
    const failed = await certify(
      'undecided.jsonl',
      '--max',
      '8',
      '--require',
      'abstained > 100%',
      '--stop-when-decided',
    );
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('the policy is not met')]);
    const idle = await certify('idle.jsonl', '--stop-when-decided');
    expect([idle.code, idle.stderr]).toEqual([4, expect.stringContaining('there is nothing to decide')]);
  });

  it('is read before anything is run: what cannot be read is exit code 4 and no file', async () => {
    const { code, stderr } = await certify('none.jsonl', '--max', '2', '--require', 'robust > 1');
    expect([code, stderr]).toEqual([4, expect.stringContaining("'robust' is not one of")]);
    expect(existsSync(path('none.jsonl'))).toBe(false);
  });
});

it('the help of each command fits a screen and shows an example', async () => {
  for (const command of ['verify', 'replay', 'explain', 'compare']) {
    const { stdout, code } = await start(folder, [command, '--help'], { COLUMNS: '100' }).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:');
    expect(stdout.split('\n').length).toBeLessThanOrEqual(40);
  }
});
