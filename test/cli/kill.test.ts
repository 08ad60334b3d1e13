/** A run killed without warning (kill -9) at ten random moments ends, once resumed, in the bytes of one that was not. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { newFolder, readResults, splitz, start, withoutTimes } from './command-line.ts';
import { writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
afterAll(remove);

const IMAGES = 30;
const KILLS = 10;

/** Deterministic in [0,1); when the kill then really strikes is the machine's affair. */
const random = (k: number): number => Math.abs(Math.sin(k * 12.9898) * 43758.5453) % 1;

it(`kill -9 at ${KILLS} random moments, then resume: the same bytes, time fields aside`, async () => {
  writeModel(folder, 'net.onnx');
  const command = ['certify', 'net.onnx', '--data', 'glyphs', '--sigma', '0.08', '--n', '300', '--n0', '20'];
  const common = [...command, '--seed', '0', '--max', String(IMAGES), '--workers', '2', '--quiet'];
  const file = join(folder, 'killed.jsonl');
  const lines = () => (existsSync(file) ? readFileSync(file, 'latin1').split('\n').length - 1 : 0);
  const seen: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, ended } = start(folder, [...common, '--out', 'killed.jsonl']);
    let over = false;
    ended.then(() => {
      over = true;
    });
    // Two kills strike during the start; the others after up to two more lines and a moment.
    const target = kill % 5 === 4 ? 0 : lines() + Math.floor(3 * random(kill));
    while (!over && lines() < target) await sleep(2);
    await sleep(kill % 5 === 4 ? 600 * random(kill + 50) : 30 * random(kill + 50));
    child.kill('SIGKILL');
    const { code } = await ended;
    expect(code, 'the kill came before the end of the run').toBeNull();
    seen.push(lines());
  }
  expect(seen.at(-1)).toBeGreaterThan(1);
  expect(seen.at(-1)).toBeLessThan(IMAGES + 1);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  const [resumed, whole] = await Promise.all([
    splitz(folder, ...common, '--out', 'killed.jsonl'),
    splitz(folder, ...common, '--out', 'whole.jsonl'),
  ]);
  expect([resumed.code, whole.code, resumed.stderr]).toEqual([0, 0, '']);
  expect(readResults(file).records).toHaveLength(IMAGES);
  expect(withoutTimes(file)).toBe(withoutTimes(join(folder, 'whole.jsonl')));
  expect(existsSync(`${file}.lock`)).toBe(false);
});
