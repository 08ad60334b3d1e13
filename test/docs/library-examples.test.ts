/** The library examples of README and docs, run as a user would: from a folder where the package is installed. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { newFolder } from '../cli/command-line.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { folder, remove } = newFolder();
mkdirSync(join(folder, 'node_modules'));
symlinkSync(ROOT, join(folder, 'node_modules', 'splitz-onnx'));
symlinkSync(join(ROOT, 'models'), join(folder, 'models'));
afterAll(remove);

/** The page's one block of TypeScript. */
function exampleIn(page: string): string {
  const [only, ...more] = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gmu)];
  if (only?.[1] === undefined || more.length > 0) throw new Error(`${page} has not one example`);
  return only[1];
}

test.each([
  ['README.md', /^\d 0\.\d+\n$/],
  ['docs/attack.md', /^class \d from 0 to (0\.\d+) at least, no longer at (\d+\.\d+)\nnot contradicted\n$/],
])('the example of %s runs and prints what it says', (page, expected) => {
  const file = join(folder, 'example.mjs');
  writeFileSync(file, exampleIn(page));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(expected);
});
