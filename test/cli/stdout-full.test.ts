/** An output that takes no more: exit code 2 and words, in every command, never a stack trace or exit code 1. */
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFolder, splitz, start } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
afterAll(remove);
const QUICK = ['--data', 'glyphs', '--split', 'input', '--sigma', '0.1', '--n', '50', '--seed', '7'];
const CERTIFY = ['certify', 'net.onnx', ...QUICK, '--max', '1', '--quiet', '--out'];

beforeAll(async () => {
  writeModel(folder, 'net.onnx');
  expect((await splitz(folder, ...CERTIFY, 'run.jsonl')).code).toBe(0);
});

const COMMANDS: readonly (readonly string[])[] = [
  ['inspect', 'net.onnx'],
  ['inspect', 'net.onnx', '--json'],
  [...CERTIFY, 'other.jsonl'],
  [...CERTIFY, '-'],
  ['predict', 'net.onnx', ...QUICK],
  ['verify', 'run.jsonl'],
  // The policy is not met, and that is not what the exit code may say: nobody saw the result.
  ['verify', 'run.jsonl', '--require', 'acr > 100'],
  ['replay', 'run.jsonl', '--data', 'glyphs'],
  ['explain', 'run.jsonl'],
  ['compare', 'run.jsonl', 'run.jsonl'],
  ['report', 'run.jsonl', '--out', '-', '--tsv'],
  ['doctor'],
  ['config', 'schema'],
  ['--help'],
  ['verify', '--help'],
  ['--version'],
];

const full = existsSync('/dev/full') ? '' : ' (skipped: there is no /dev/full)';

describe.skipIf(full !== '')(`stdout-full: standard output on a full disk${full}`, () => {
  it.each(COMMANDS.map((args) => [args.join(' '), args] as const))('%s', async (_, args) => {
    const { code, stderr } = await start(folder, args, {}, [], openSync('/dev/full', 'w')).ended;
    expect(stderr).toMatch(/standard output (cannot be written|was closed before the run ended)/u);
    expect(stderr.match(/ENOSPC/gu)).toHaveLength(1);
    expect(stderr).not.toMatch(/ {4}at |node:|Unhandled/u);
    expect(code).toBe(2);
  });
});

describe('stdout-full: a pipe whose reader has gone', () => {
  it.each([
    ['inspect', ['inspect', 'net.onnx']],
    ['config', ['config', 'schema']],
    ['help', ['certify', '--help']],
  ])('%s ends quietly, with exit code 2', async (_, args) => {
    const { child, ended } = start(folder, args);
    child.stdout?.destroy();
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([2, '']);
  });

  it('certify --out FILE has its file, whole', async () => {
    const { child, ended } = start(folder, [...CERTIFY, 'gone.jsonl']);
    child.stdout?.destroy();
    expect((await ended).code).toBe(2);
    expect((await splitz(folder, 'verify', join('gone.jsonl'))).code).toBe(0);
  });
});
