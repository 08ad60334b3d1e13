/** Most tests here run the program in a process that is already warm: what it says there is what a process of its own says. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newFolder, readResults, splitz, start, withoutTimes } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
const certify = ['certify', 'net.onnx', '--data', 'glyphs', '--sigma', '0.08', '--n', '300', '--n0', '20'];
const settings = ['--seed', '7', '--max', '3', '--quiet', '--out'];

beforeAll(async () => {
  writeModel(folder, 'net.onnx');
  writeFileSync(path('text.onnx'), 'This is not a model at all, but it has a few words.\n');
  expect((await start(folder, [...certify, ...settings, 'own.jsonl']).ended).code).toBe(0);
});
afterAll(remove);

it('certifies to the same bytes, time fields aside, the first time and the second', async () => {
  for (const name of ['first.jsonl', 'second.jsonl']) {
    expect((await splitz(folder, ...certify, ...settings, name)).code).toBe(0);
    expect(withoutTimes(path(name))).toBe(withoutTimes(path('own.jsonl')));
  }
  expect(readResults(path('own.jsonl')).records).toHaveLength(3);
});

it.each([
  [0, 'help', ['--help']],
  [0, 'a derivation', ['explain', 'own.jsonl', '--image', '0']],
  [1, 'a policy that is not met', ['verify', 'own.jsonl', '--require', 'acr > 9']],
  [3, 'a model that is refused', ['certify', 'text.onnx', '--data', 'glyphs']],
  [4, 'a usage error', ['certify', 'net.onnx', '--sgima', '1']],
  [0, 'no command', []],
])('exit code %i, %s: the same code and words', async (code, _, args) => {
  const own = await start(folder, args).ended;
  const warm = await splitz(folder, ...args);
  expect(own.code).toBe(code);
  expect({ ...warm, seconds: 0 }).toEqual({ ...own, seconds: 0 });
});
