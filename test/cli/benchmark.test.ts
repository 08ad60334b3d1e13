/** `benchmark` on the command line. */
import { afterAll, describe, expect, test } from 'vitest';
import { exampleHeader } from '../records/run.ts';
import { records, writeRun } from '../report/runs.ts';
import { newFolder, splitz } from './command-line.ts';

const { folder, remove } = newFolder();
afterAll(remove);
writeRun(folder, 'run.jsonl', records(20));
writeRun(folder, 'fewer.jsonl', records(15), exampleHeader());

describe('benchmark', () => {
  test('prints the curve first, then p_A, then guarantee and cost, at the radii asked for', async () => {
    const args = ['benchmark', 'run.jsonl', '--radii', '0.5,0'];
    const { code, stdout } = await splitz(folder, ...args);
    expect(code).toBe(0);
    const order = ['at radius (l2)', 'p_A over the images', 'Guarantee and cost', 'Footnote: average'];
    const places = order.map((text) => stdout.replaceAll('\n', ' ').indexOf(text));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places[0]).toBeGreaterThanOrEqual(0);
    expect(stdout).toMatch(/images +alone +0 +0\.5\n/u);
    const { norms } = JSON.parse((await splitz(folder, ...args, '--json')).stdout);
    expect(norms[0].methods).toHaveLength(2);
  });

  test('refuses runs of different images, and radii that are none, with exit code 4', async () => {
    const other = await splitz(folder, 'benchmark', 'run.jsonl', 'fewer.jsonl');
    expect([other.code, other.stdout]).toEqual([4, '']);
    expect(other.stderr).toContain('5 images are only in the first');
    const negative = await splitz(folder, 'benchmark', 'run.jsonl', '--radii=-1');
    expect([negative.code, negative.stdout]).toEqual([4, '']);
    expect(negative.stderr).toContain('-1 is not a radius');
  });
});
