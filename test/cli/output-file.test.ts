/** Where commands write: the folder is asked for before the work, and what was there stays until the new file is whole. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeWhole } from '../../src/cli/output-file.ts';
import { ToolError } from '../../src/ground/errors.ts';
import { newFolder, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const MODEL = writeModel(folder, 'net.onnx');
afterAll(remove);

describe('a folder that does not exist', () => {
  beforeAll(async () => {
    const quick = ['--split', 'input', '--sigma', '0.5', '--n', '100', '--max', '1', '--seed', '1'];
    await splitz(folder, 'certify', MODEL, '--data', 'glyphs', ...quick, '--out', 'run.jsonl');
    await splitz(folder, 'sign', '--generate-key', 'key.pem');
  });

  it.each([
    ['certify', [MODEL, '--data', 'glyphs', '--out', 'none/run.jsonl']],
    ['attack', [MODEL, '--data', 'glyphs', '--undefended', '--out', 'none/attack.jsonl']],
    ['plan', [MODEL, '--data', 'glyphs', '--out', 'none/splitz.config.yaml']],
    ['train', [MODEL, '--data', 'glyphs', '--out', 'none/net.onnx']],
    ['report', ['run.jsonl', '--out', 'none/report.html']],
    ['sign', ['run.jsonl', '--key', 'key.pem', '--out', 'none/statement.json']],
    ['sign', ['run.jsonl', '--cyclonedx', 'none/bom.json']],
    ['ensemble', [MODEL, MODEL, '--out', 'none/both.onnx']],
    ['compose', [MODEL, MODEL, '--out', 'none/both.onnx']],
  ])('is a usage error of %s, before any work: %j', async (command, args) => {
    const { code, stderr } = await splitz(folder, command, ...args);
    expect(stderr).toMatch(/the folder for the (output|result|attack) file does not exist/u);
    expect(stderr).toMatch(/where: .*none\n/u);
    expect(code).toBe(4);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});

describe('a file that is there', () => {
  it.each([
    ['sign', ['run.jsonl', '--key', 'key.pem', '--out', 'there']],
    ['ensemble', [MODEL, MODEL, '--out', 'there']],
    ['plan', [MODEL, '--data', 'glyphs', '--out', 'there']],
    ['train', [MODEL, '--data', 'glyphs', '--out', 'there']],
  ])('is left by %s without --force: %j', async (command, args) => {
    writeFileSync(join(folder, 'there'), 'before');
    const { code, stderr } = await splitz(folder, command, ...args);
    expect(stderr).toMatch(/the output file already exists/u);
    expect(code).toBe(4);
    expect(readFileSync(join(folder, 'there'), 'utf8')).toBe('before');
  });
});

describe('a file that cannot be written', () => {
  it('leaves what was there, and nothing else', () => {
    const place = join(folder, 'place');
    // A folder cannot be replaced by a file.
    mkdirSync(join(place, 'taken'), { recursive: true });
    expect(() => writeWhole(join(place, 'taken'), 'text')).toThrow(ToolError);
    expect(readdirSync(place)).toEqual(['taken']);
  });
});
