/** A sampling worker that ends in the middle of a run: an error that says so, every finished image kept, and nothing else lost. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { newFolder, readResults, splitz, start, withoutTimes } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
afterAll(remove);

const IMAGES = 20;
/** Images in work at once (`certifier.ts`), of which the dead worker had a part. */
const IN_WORK = 3;
const PRELOADED = fileURLToPath(new URL('kill-worker.cjs', import.meta.url));

it('costs the images in work and no other: resumed, the run ends in the bytes of one that was not disturbed', async () => {
  writeModel(folder, 'net.onnx');
  const command = ['certify', 'net.onnx', '--data', 'glyphs', '--split', 'input', '--sigma', '0.1'];
  const draws = ['--n', '300', '--n0', '20', '--seed', '0', '--no-baseline', '--workers', '2', '--quiet'];
  const common = [...command, ...draws, '--max', String(IMAGES)];
  const { ended } = start(folder, [...common, '--out', 'run.jsonl'], {
    NODE_OPTIONS: `--require ${PRELOADED}`,
  });
  const { code, stderr } = await ended;
  expect(code).toBe(2);
  expect(stderr).toContain('a sampling worker died');
  expect(stderr).toContain('finished images are kept');
  const file = join(folder, 'run.jsonl');
  // Two counts an image, so that the worker died in the tenth.
  const kept = readResults(file).records.length;
  expect(kept).toBeGreaterThanOrEqual(10 - IN_WORK);
  expect(kept).toBeLessThan(IMAGES);
  expect(existsSync(`${file}.lock`)).toBe(false);
  const [resumed, whole] = await Promise.all([
    splitz(folder, ...common, '--out', 'run.jsonl'),
    splitz(folder, ...common, '--out', 'whole.jsonl'),
  ]);
  expect([resumed.code, whole.code, resumed.stderr]).toEqual([0, 0, '']);
  expect(withoutTimes(file)).toBe(withoutTimes(join(folder, 'whole.jsonl')));
});
