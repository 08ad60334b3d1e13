/** Result files whose line ends were rewritten (git's autocrlf, an editor): read as they are, and said so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFolder, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
afterAll(remove);
const certify = (out: string, max: number) =>
  splitz(
    folder,
    ...['certify', 'net.onnx', '--data', 'glyphs', '--split', 'input', '--sigma', '0.1', '--n', '100'],
    ...['--seed', '7', '--max', String(max), '--quiet', '--out', out],
  );

beforeAll(async () => {
  writeModel(folder, 'net.onnx');
  expect((await certify('base.jsonl', 2)).code).toBe(0);
  rewrite('crlf.jsonl');
});

const rewrite = (name: string, change = (text: string): string => text): void =>
  writeFileSync(path(name), change(readFileSync(path('base.jsonl'), 'utf8').replaceAll('\n', '\r\n')));

describe('crlf-results: line ends rewritten to CR LF', () => {
  it('verify holds, and says what happened to the line ends', async () => {
    const { code, stdout } = await splitz(folder, 'verify', 'crlf.jsonl');
    expect([code, stdout.replace(/\s+/gu, ' ')]).toEqual([
      0,
      expect.stringContaining('which end in CR LF here: something has rewritten the line ends since'),
    ]);
    const base = await splitz(folder, 'verify', 'base.jsonl');
    expect(base.stdout).not.toContain('CR LF');
    const digest = (text: string) => /digest [0-9a-f]{64}/u.exec(text)?.[0];
    expect(digest(stdout)).toBe(digest(base.stdout));
  });

  it.each([
    ['report', 'crlf.jsonl', '--out', '-', '--markdown'],
    ['explain', 'crlf.jsonl'],
    ['compare', 'crlf.jsonl', 'base.jsonl'],
    ['replay', 'crlf.jsonl', '--data', 'glyphs'],
  ])('%s reads it', async (...args) => {
    expect((await splitz(folder, ...args)).code).toBe(0);
  });

  it('a statement signed for the file holds for it still', async () => {
    expect((await splitz(folder, 'sign', '--generate-key', 'key.pem')).code).toBe(0);
    expect(
      (await splitz(folder, 'sign', 'base.jsonl', '--key', 'key.pem', '--out', 'base.intoto.jsonl')).code,
    ).toBe(0);
    const { code } = await splitz(
      folder,
      ...['verify', 'crlf.jsonl', '--key', 'key.pub.pem', '--statement', 'base.intoto.jsonl'],
    );
    expect(code).toBe(0);
  });

  it('an edit is found as in any other file', async () => {
    rewrite('edited.jsonl', (text) => text.replace('"label":', '"label": '));
    const { code, stderr } = await splitz(folder, 'verify', 'edited.jsonl');
    expect([code, stderr]).toEqual([1, expect.stringContaining('its chain value does not fit')]);
  });

  it('certify continues it, and what was cut off in the middle of a line end is computed again', async () => {
    rewrite('longer.jsonl');
    expect((await certify('longer.jsonl', 3)).code).toBe(0);
    expect((await splitz(folder, 'verify', 'longer.jsonl')).code).toBe(0);
    rewrite('torn.jsonl', (text) => text.slice(0, -1));
    expect((await splitz(folder, 'verify', 'torn.jsonl')).code).toBe(1);
    expect((await certify('torn.jsonl', 2)).code).toBe(0);
    expect((await splitz(folder, 'verify', 'torn.jsonl')).code).toBe(0);
  });
});
