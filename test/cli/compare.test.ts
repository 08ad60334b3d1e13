/** `compare --series`: which series of the two files are compared. */
import { afterAll, describe, expect, test } from 'vitest';
import { records, writeRun } from '../report/runs.ts';
import { newFolder, splitz } from './command-line.ts';

const { folder, remove } = newFolder();
afterAll(remove);
writeRun(folder, 'run.jsonl', records(20));

describe('compare', () => {
  test('takes the first series of each file unless told otherwise', async () => {
    const { code, stdout } = await splitz(folder, 'compare', 'run.jsonl', 'run.jsonl', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ images: 20, series: [0, 0], labels: ['SPLITZ σ=0.5', 'SPLITZ σ=0.5'] },
      ...{ settings: [], average: { difference: 0 } },
    });
  });

  test('compares a method with what was run alongside, and says which is which', async () => {
    const args = ['compare', 'run.jsonl', 'run.jsonl', '--series', '0,1'];
    const { code, stdout } = await splitz(folder, ...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/A {2}run\.jsonl\nB {2}run\.jsonl, plain smoothing σ=0\.5\n/u);
    expect(stdout.replaceAll('\n', ' ')).toContain(
      'method: "splitz" in the first, "smoothing" in the second',
    );
    const { average } = JSON.parse((await splitz(folder, ...args, '--json')).stdout);
    expect(average.second).toBeCloseTo(0.8 * average.first, 12);
  });

  test.each([
    ['0,2', 'there is no series 2'],
    ['1', "--series '1' cannot be read"],
    ['a,b', "--series 'a,b' cannot be read"],
  ])('refuses --series %s in words, with exit code 4', async (series, what) => {
    const { code, stdout, stderr } = await splitz(
      ...[folder, 'compare', 'run.jsonl', 'run.jsonl', '--series', series],
    );
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toContain(what);
    expect(stderr).toMatch(/^ {2}do: {4}\S/m);
  });
});
