/** TensorFlow.js takes a second to load and 100 MB: only training and attacks by gradient need it. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFolder, splitz, start } from './command-line.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const GLYPHS = at('../../models/glyphs-splitz.onnx');
const PRELOAD = { NODE_OPTIONS: `--require=${JSON.stringify(at('say-tensorflow.cjs'))}` };
const FEW = ['--n', '100', '--max', '1', '--workers', '1', '--no-baseline'];
const { folder, remove } = newFolder();
const run = join(folder, 'run.jsonl');
beforeAll(async () => {
  const { code, stderr } = await splitz(folder, 'certify', GLYPHS, ...FEW, '--start', '2', '--out', run);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
});
afterAll(remove);

const ATTACK = ['attack', run, GLYPHS, '--steps', '2', '--restarts', '1', '--draws', '2', '--confirm', '200'];

describe('TensorFlow.js', () => {
  it.each([
    ['certify', GLYPHS, ...FEW, '--out', 'own.jsonl'],
    ['predict', GLYPHS, '--index', '1', '--workers', '1'],
    ['inspect', GLYPHS],
    ['verify', run, GLYPHS],
    ['explain', run, '--image', '2'],
    ['report', run],
    [...ATTACK, '--search', 'gradient-free', '--out', 'free.jsonl'],
    ['train', '--help'],
  ])('is not loaded by %s', async (...args) => {
    const { code, stderr } = await start(folder, args, PRELOAD).ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining('tensorflow not loaded\n')]);
    expect(stderr).not.toContain('tensorflow loaded');
  });

  it('is loaded by an attack by gradient', async () => {
    const args = [...ATTACK, '--search', 'gradient', '--out', 'gradient.jsonl'];
    const { code, stderr } = await start(folder, args, PRELOAD).ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining('tensorflow loaded\n')]);
  });
});
