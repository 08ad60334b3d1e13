import { describe, expect, test } from 'vitest';
import type { SplitzError } from '../../src/ground/errors.ts';
import type { Outcome, RunHeader } from '../../src/records/record.ts';
import { type ComparedRun, compareRuns, mcNemar } from '../../src/statistics/comparison.ts';
import { randomSource } from '../operators/random.ts';
import { exampleHeader, setting, smoothingSeries, splitzSeries, withSelection } from '../records/run.ts';

const PATHS = ['a.jsonl', 'b.jsonl'] as const;

/** A run of one image per radius, all of label 1; 0 abstains. The second series has half of the radii. */
function runOf(radii: readonly number[], changes: Partial<RunHeader['data']> = {}): ComparedRun {
  const header = withSelection(exampleHeader(), { skip: setting(1) });
  const verdict = (radius: number) => ({
    ...{ prediction: radius === 0 ? null : 1, radius, failureProbability: 0.001 },
    ...{ seconds: 1, localLipschitz: null },
  });
  const outcomes = radii.map(
    (radius, index): Outcome => ({
      ...{ index, label: 1, answer: 1 },
      verdicts: [verdict(radius), verdict(radius / 2)],
    }),
  );
  return { header: { ...header, data: { ...header.data, ...changes } }, outcomes, series: 0 };
}

describe('two runs', () => {
  test('that are the same differ in nothing', () => {
    const run = runOf([0, 0.3, 0.5, 0.9]);
    const { shares, average, settings, otherClass } = compareRuns(run, run, PATHS);
    for (const { p, adjusted, onlyFirst, onlySecond } of shares)
      expect([p, adjusted, onlyFirst, onlySecond]).toEqual([1, 1, 0, 0]);
    expect(average).toMatchObject({ difference: 0, interval: [0, 0], p: 1 });
    expect([settings, otherClass]).toEqual([[], 0]);
  });

  test('are counted image by image at every radius', () => {
    const first = runOf([0.5, 0.5, 0.1, 0, 0.5]);
    const second = runOf([0.1, 0.5, 0.5, 0.5, 0.5]);
    const at = compareRuns(first, second, PATHS).shares.find(({ radius }) => radius === 0.2);
    expect(at).toMatchObject({ first: 3, second: 4, onlyFirst: 1, onlySecond: 2 });
  });

  test('are tested on distinct images: copies make nothing more significant', () => {
    const often = (run: ComparedRun): ComparedRun => ({
      ...run,
      outcomes: [0, 1, 2].flatMap((copy) =>
        run.outcomes.map((one) => ({
          ...one,
          ...{ index: one.index + copy * run.outcomes.length, sha256: `picture ${one.index}` },
        })),
      ),
    });
    const [a, b] = [runOf([0.5, 0.4, 0.1, 0, 0.3, 0.2]), runOf([0.9, 0.5, 0.5, 0.5, 0.5, 0.3])];
    const once = compareRuns(a, b, PATHS);
    const thrice = compareRuns(often(a), often(b), PATHS);
    expect([thrice.images, thrice.distinct, once.distinct]).toEqual([18, 6, 6]);
    const tests = ({ shares, average }: typeof once) => [
      shares.map(({ onlyFirst, onlySecond, p }) => [onlyFirst, onlySecond, p]),
      [average.p, average.interval],
    ];
    expect(tests(thrice)).toEqual(tests(once));
    expect(thrice.shares.map(({ first }) => first)).toEqual(once.shares.map(({ first }) => 3 * first));
    expect(thrice.average.difference).toBeCloseTo(once.average.difference, 12);
  });

  test('with the same answer on the same files, whatever was compared before', () => {
    const random = randomSource(1);
    const [a, b] = [0, 1].map(() => runOf(Array.from({ length: 50 }, () => random.uniform(0, 1)))) as [
      ComparedRun,
      ComparedRun,
    ];
    const once = compareRuns(a, b, PATHS);
    compareRuns(b, a, PATHS);
    expect(compareRuns(a, b, PATHS)).toEqual(once);
    const turned = compareRuns(b, a, PATHS);
    expect(turned.average.difference).toBeCloseTo(-once.average.difference, 12);
    expect(turned.shares.map(({ p }) => p)).toEqual(once.shares.map(({ p }) => p));
  });

  test('of different data or images are refused', () => {
    const run = runOf([0.5, 0.5]);
    const refusals = [runOf([0.5, 0.5], { digest: 'c'.repeat(64) }), runOf([0.5])].map((other) => {
      try {
        compareRuns(run, other, PATHS);
      } catch (error) {
        return (error as SplitzError).report;
      }
      return null;
    });
    expect(refusals[0]?.what).toBe('the two runs are of different data');
    expect(refusals[1]).toMatchObject({
      what: 'the two runs are of different images',
      why: '1 images are only in the first, 0 only in the second',
    });
  });

  test('name the settings that differ', () => {
    const first = runOf([0.5]);
    const second = { ...first, header: withSelection(first.header, { skip: setting(10) }) };
    const { settings } = compareRuns(first, second, PATHS);
    expect(settings).toEqual(['skip: 1 in the first, 10 in the second']);
  });

  test('may be two series of one run, which differ in what their methods are told and in nothing else', () => {
    const run = runOf([0.4, 0.8, 0]);
    const { average, abstained, settings } = compareRuns(run, { ...run, series: 1 }, PATHS);
    expect(average.second).toBeCloseTo(average.first / 2, 12);
    expect(abstained).toEqual([1, 1]);
    expect(settings).toContain('method: "splitz" in the first, "smoothing" in the second');
    expect(settings).toContain('split: "conv1.relu" in the first, absent in the second');
    expect(settings.join()).not.toContain('sigma');
  });

  test('do not differ by a series that is not compared', () => {
    const run = runOf([0.4]);
    const alongside = smoothingSeries({ sigma: setting(9) });
    const other = { ...run, header: { ...run.header, series: [splitzSeries(), alongside] } };
    expect(compareRuns(run, other, PATHS).settings).toEqual([]);
  });
});

describe('the tests of significance', () => {
  test.each([
    [0, 0, 1],
    [1, 1, 1],
    [0, 4, 2 / 16],
    [0, 5, 2 / 32],
    [5, 0, 2 / 32],
    [1, 9, (2 * 11) / 1024],
    [2, 8, (2 * 56) / 1024],
  ])('McNemar, %i against %i: %f, as counted by hand', (a, b, p) => {
    expect(mcNemar(a, b)).toBeGreaterThanOrEqual(p);
    expect(mcNemar(a, b)).toBeLessThanOrEqual(p * (1 + 1e-9));
  });

  test('Holm multiplies the smallest by the number of tests and never orders them anew', () => {
    const random = randomSource(3);
    const radii = Array.from({ length: 80 }, () => random.uniform(0, 1));
    const { shares } = compareRuns(
      runOf(radii),
      runOf(radii.map((r) => Math.min(1, r * random.uniform(0.8, 1.5)))),
      PATHS,
    );
    const sorted = [...shares].sort((a, b) => a.p - b.p);
    expect(sorted[0]?.adjusted).toBeCloseTo(Math.min(1, (sorted[0]?.p ?? 0) * shares.length), 12);
    for (const [k, { p, adjusted }] of sorted.entries()) {
      expect(adjusted).toBeGreaterThanOrEqual(p);
      expect(adjusted).toBeGreaterThanOrEqual(sorted[k - 1]?.adjusted ?? 0);
    }
  });

  test('find a tenth more radius on 100 images', () => {
    const random = randomSource(4);
    const radii = Array.from({ length: 100 }, () => random.uniform(0.1, 1));
    const { average } = compareRuns(runOf(radii), runOf(radii.map((r) => r * random.uniform(1, 1.2))), PATHS);
    expect(average.p).toBe(1 / 10_000);
    expect(average.interval[0]).toBeGreaterThan(0);
    expect(average.interval[0]).toBeLessThan(average.difference);
    expect(average.interval[1]).toBeGreaterThan(average.difference);
  });

  test('raise a false alarm in at most 5 % of pairs without a difference', () => {
    // 200 pairs; P[Bin(200, 0.05) > 23] < 1e-4, were the seeds not fixed.
    const alarms = { average: 0, table: 0 };
    for (let seed = 0; seed < 200; seed++) {
      const random = randomSource(1000 + seed);
      const pair = Array.from({ length: 30 }, () => [random.uniform(0, 1), random.uniform(0, 1)] as const);
      const { average, shares } = compareRuns(
        runOf(pair.map(([a]) => a)),
        runOf(pair.map(([, b]) => b)),
        PATHS,
      );
      if (average.p <= 0.05) alarms.average++;
      if (shares.some(({ adjusted }) => adjusted <= 0.05)) alarms.table++;
    }
    expect(alarms.average).toBeLessThanOrEqual(23);
    expect(alarms.table).toBeLessThanOrEqual(23);
    expect(alarms.average).toBeGreaterThan(0);
  });
});
