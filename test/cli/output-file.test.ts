/** Where commands write: the folder is asked for before the work, and what was there stays until the new file is whole. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeWhole } from '../../src/cli/output-file.ts';
import { ToolError } from '../../src/ground/errors.ts';
import { newFolder, splitz } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const MODEL = writeModel(folder, 'net.onnx');
afterAll(remove);
const newPlace = (): string => mkdtempSync(join(folder, 'place-'));

beforeAll(async () => {
  const quick = ['--split', 'input', '--sigma', '0.5', '--n', '100', '--max', '1', '--seed', '1'];
  await splitz(folder, 'certify', MODEL, '--data', 'glyphs', ...quick, '--out', 'run.jsonl');
  await splitz(folder, 'sign', '--generate-key', 'key.pem');
});

describe('a folder that does not exist', () => {
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

describe('a path that is not one of a new file', () => {
  it.each([
    ['plan', [MODEL, '--data', 'glyphs', '--out', 'p.yaml/']],
    ['report', ['run.jsonl', '--out', 'new/']],
    ['report', ['run.jsonl', '--out', '.']],
    ['ensemble', [MODEL, MODEL, '--out', '.']],
  ])('is a usage error of %s, before any work: %j', async (command, args) => {
    const { code, stderr } = await splitz(folder, command, ...args);
    expect(stderr).toMatch(/the output file is a folder/u);
    expect(code).toBe(4);
  });

  it('as a name that no file can have is one as well', async () => {
    const { code, stderr } = await splitz(folder, 'report', 'run.jsonl', '--out', 'a'.repeat(300));
    expect(stderr).toMatch(/the output file cannot be written\n.*\n {2}why: .*ENAMETOOLONG/u);
    expect(code).toBe(4);
  });

  it('as a link to nothing is one as well', async () => {
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling.json'));
    const { code, stderr } = await splitz(folder, 'sign', 'run.jsonl', '--cyclonedx', 'dangling.json');
    expect(stderr).toMatch(/the output file is a link to nothing/u);
    expect(code).toBe(4);
  });
});

describe('what is read, and what was written before', () => {
  it.each([
    ['the result file', ['--key', 'key.pem', '--out', 'run.jsonl']],
    ['the key', ['--key', 'key.pem', '--cyclonedx', 'key.pem']],
    ['the signature', ['--key', 'key.pem', '--out', 'same.json', '--cyclonedx', './same.json']],
    ['the result file, through a link', ['--key', 'key.pem', '--out', 'link.jsonl']],
  ])('is never overwritten by sign, not even with --force: %s', async (_, args) => {
    if (!existsSync(join(folder, 'link.jsonl'))) symlinkSync('run.jsonl', join(folder, 'link.jsonl'));
    const before = ['run.jsonl', 'key.pem'].map((name) => readFileSync(join(folder, name), 'utf8'));
    const { code, stderr } = await splitz(folder, 'sign', 'run.jsonl', ...args, '--force');
    expect(stderr).toMatch(/the output file would overwrite/u);
    expect(code).toBe(4);
    expect(['run.jsonl', 'key.pem'].map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual(before);
  });
});

describe('a file that is replaced', () => {
  it('keeps its permissions, and a link to it stays a link', () => {
    const place = newPlace();
    const [file, link] = [join(place, 'file'), join(place, 'link')];
    writeFileSync(file, 'before', { mode: 0o600 });
    symlinkSync('file', link);
    writeWhole(link, 'after');
    expect(readFileSync(file, 'utf8')).toBe('after');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(place).sort()).toEqual(['file', 'link']);
  });

  it('is written to where it is a device', () => {
    expect(() => writeWhole('/dev/null', 'text')).not.toThrow();
    expect(statSync('/dev/null').isFile()).toBe(false);
  });
});

describe('a file that cannot be written', () => {
  it('leaves what was there, and nothing else', () => {
    const place = newPlace();
    mkdirSync(join(place, 'taken'));
    expect(() => writeWhole(join(place, 'taken'), 'text')).toThrow(ToolError);
    expect(() => writeWhole(join(place, 'no', 'folder'), 'text')).toThrow(ToolError);
    expect(() => writeWhole(join(place, 'a'.repeat(300)), 'text')).toThrow(ToolError);
    expect(readdirSync(place)).toEqual(['taken']);
  });

  it('may have the longest name there is', () => {
    const place = newPlace();
    writeWhole(join(place, 'a'.repeat(250)), 'text');
    expect(readdirSync(place)).toHaveLength(1);
  });
});
