/** `report` as users run it: files where they were asked for, one document on stdout, errors in words. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { exampleHeader } from '../records/run.ts';
import { records, writeRun } from '../report/runs.ts';
import { newFolder, splitz } from './command-line.ts';

const GLYPHS = fileURLToPath(new URL('../../models/glyphs-splitz.onnx', import.meta.url));
const { folder, remove } = newFolder();
afterAll(remove);
writeRun(folder, 'a.jsonl', records(20));
writeRun(folder, 'b.jsonl', records(12), exampleHeader());
const before = readFileSync(join(folder, 'a.jsonl'), 'utf8');

describe('report', () => {
  test('writes one page named after the run, the same each time, and leaves the run as it was', async () => {
    const { code, stdout, stderr } = await splitz(folder, 'report', 'a.jsonl');
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/^a\.html {2}\d+ kB$/m);
    const page = readFileSync(join(folder, 'a.html'), 'utf8');
    await splitz(folder, 'report', 'a.jsonl', '--out', 'again.html');
    expect(readFileSync(join(folder, 'again.html'), 'utf8')).toBe(page);
    expect(readFileSync(join(folder, 'a.jsonl'), 'utf8')).toBe(before);
  });

  test('compares every run it is given, in every format named', async () => {
    const formats = ['--svg', '--png', '--markdown', '--tsv', '--latex'];
    const { code } = await splitz(folder, 'report', 'a.jsonl', 'b.jsonl', '--out', 'all', ...formats);
    expect(code).toBe(0);
    const written = readdirSync(folder).filter((name) => name.startsWith('all.'));
    expect(written).toEqual(
      expect.arrayContaining([
        'all.md',
        'all.tsv',
        'all.tex',
        'all.certified-curve.svg',
        'all.certified-curve.png',
      ]),
    );
    expect(written).not.toContain('all.html');
    for (const name of ['all.md', 'all.tsv', 'all.tex']) {
      const text = readFileSync(join(folder, name), 'utf8');
      expect(text).toMatch(/a: SPLITZ/);
      expect(text).toMatch(/b: SPLITZ/);
    }
  });

  test('writes one text document to stdout, and of two equal flags takes the last', async () => {
    const flags = ['--out', '-', '--latex', '--title', 'first', '--title', 'second'];
    const { code, stdout } = await splitz(folder, 'report', 'a.jsonl', ...flags);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\\caption\{second:/);
  });

  test('with model and data at hand, draws D(r) of the smallest, the median and the largest radius', async () => {
    const run = join(folder, 'real.jsonl');
    const certified = await splitz(
      ...[
        folder,
        'certify',
        GLYPHS,
        '--sigma',
        '0.08',
        '--n',
        '200',
        '--max',
        '3',
        '--no-baseline',
        '--out',
        run,
      ],
    );
    expect(certified.code).toBe(0);
    const { code, stdout } = await splitz(
      ...[folder, 'report', run, '--model', GLYPHS, '--markdown', '--out', '-'],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/How far the latent moves: D\(r\)/);
    for (const rank of ['smallest', 'median', 'largest'])
      expect(stdout).toMatch(new RegExp(`image \\d+ \\\\\\(${rank} radius`));
    await splitz(folder, 'report', run, '--model', GLYPHS, '--data', 'glyphs', '--out', 'real.html');
    const page = readFileSync(join(folder, 'real.html'), 'utf8');
    expect(page).toContain('What the median radius looks like');
    expect(page).toContain('Left undisturbed, the network is right on ');
    expect(
      page.match(/<ul class="pictures moved">(?:<li><img src="data:image\/png.*?<\/li>){3}<\/ul>/u),
    ).not.toBeNull();
    const without = await splitz(folder, 'report', run, '--markdown', '--out', '-');
    expect(without.stdout).not.toMatch(/How far the latent moves/);
  });

  const refused: [string, string[], RegExp][] = [
    ['no file', ['report'], /result file is missing/],
    ['a file that is not there', ['report', 'none.jsonl'], /there is no such result file/],
    ['a folder', ['report', '.'], /the result file is a folder/],
    ['a file of another kind', ['report', 'notes.txt'], /not a result file/],
    [
      'two documents for stdout',
      ['report', 'a.jsonl', '--out', '-', '--html', '--tsv'],
      /takes one text document/,
    ],
    ['a name that is a result file', ['report', 'log.tsv', '--tsv'], /would overwrite/],
    ['data no run was made of', ['report', 'a.jsonl', '--data', 'glyphs:7'], /no result file was made from/],
  ];
  for (const [what, args, says] of refused) {
    test(`refuses ${what} in words, with exit code 4`, async () => {
      writeFileSync(join(folder, 'notes.txt'), 'hello\n');
      const log = 'idx\tlabel\tpredict\tradius\tcorrect\ttime\n0\t1\t1\t0.5\t1\t0:00:01\n';
      writeFileSync(join(folder, 'log.tsv'), log);
      const { code, stdout, stderr } = await splitz(folder, ...args);
      expect([code, stdout]).toEqual([4, '']);
      expect(stderr).toMatch(says);
      expect(stderr).toMatch(/^ {2}do: {4}\S/m);
      expect(readFileSync(join(folder, 'log.tsv'), 'utf8')).toBe(log);
    });
  }

  test('that cannot be written leaves nothing behind', async () => {
    const { code, stderr } = await splitz(folder, 'report', 'a.jsonl', '--out', 'no-such-folder/a');
    expect(code).toBe(4);
    expect(stderr).toMatch(/does not exist/);
    expect(existsSync(join(folder, 'no-such-folder'))).toBe(false);
  });
});
