/** A short run of tools/fuzz with a fixed seed; the long one is `node tools/fuzz/main.mjs --count 100000`. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Tool {
  fuzz(settings: {
    seed: number;
    first: number;
    count: number;
    jobs: number;
    certifyEvery: number;
  }): Promise<{ counts: Readonly<Record<string, number>>; defects: readonly unknown[] }>;
}

it('300 mutated models are refused in words, or opened, without a crash, a hang or a gigabyte', async () => {
  const path = fileURLToPath(new URL('../../tools/fuzz/supervise.mjs', import.meta.url));
  const { fuzz } = (await import(path)) as Tool;
  const jobs = Math.min(2, availableParallelism());
  const { counts, defects } = await fuzz({ seed: 7, first: 0, count: 300, jobs, certifyEvery: 5 });
  expect(defects).toEqual([]);
  const { refused = 0, died = 0, opened = 0, certified = 0 } = counts;
  expect(refused + died + opened + certified).toBe(300);
  // The mutations must leave some files whole, or nothing behind the loader would be tried.
  expect(opened + certified).toBeGreaterThan(20);
  expect(certified).toBeGreaterThan(3);
});
