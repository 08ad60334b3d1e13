/** Schedules: what the text means at every epoch, and what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { parseSchedule } from '../../src/training/schedules.ts';

const RATE = { option: '--rate', least: 0, most: Number.POSITIVE_INFINITY };
const SHARE = { option: '--lambda', least: 0, most: 1 };

/** Values after the given epochs of a run. */
function values(text: string, epochs: number, at: readonly number[]): number[] {
  const schedule = parseSchedule(text, RATE);
  return at.map((epoch) => schedule.at(epoch, epochs));
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  for (const [i, e] of expected.entries())
    expect(Math.abs(found[i]! - e)).toBeLessThanOrEqual(1e-12 * Math.abs(e) + 1e-15);
}

describe('a schedule', () => {
  it('is constant when it is one number', () => {
    expect(values('1e-3', 10, [0, 3.7, 10])).toEqual([1e-3, 1e-3, 1e-3]);
  });

  it('goes straight from A to B over the run', () => {
    expectClose(values('0.8:0.4', 10, [0, 2.5, 5, 10]), [0.8, 0.7, 0.6, 0.4]);
  });

  it('reaches B at the end of its span, a share of the run or a number of epochs, and stays', () => {
    expectClose(values('1:0.7@50%', 20, [0, 5, 10, 15, 20]), [1, 0.85, 0.7, 0.7, 0.7]);
    expectClose(values('1:0.7@400', 600, [0, 200, 400, 600]), [1, 0.85, 0.7, 0.7]);
    expectClose(values('0:1@40', 20, [20]), [0.5]);
  });

  it('falls in steps at whole periods', () => {
    expectClose(
      values('step:1e-3,0.1,50', 150, [0, 49.99, 50, 99, 100, 149.9]),
      [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5],
    );
  });

  it('holds, then falls geometrically to its end', () => {
    // The SPLITZ code over 600 epochs: constant until 325, then to 1e-6.
    expectClose(values('exp:1e-3,1e-6,325', 600, [0, 325, 462.5, 600]), [1e-3, 1e-3, 10 ** -4.5, 1e-6]);
    expectClose(values('exp:1e-2,1e-4', 10, [5, 7.5, 10]), [1e-2, 1e-3, 1e-4]);
  });

  it('is at its start when the span to hold it is longer than the run', () => {
    expect(values('exp:1e-3,1e-6,325', 15, [0, 7, 15])).toEqual([1e-3, 1e-3, 1e-3]);
    expect(values('cosine:1,20', 10, [0, 5, 10])).toEqual([0, 0.25, 0.5]);
  });

  it('warms up, then follows a cosine to 0 or to B', () => {
    expectClose(values('cosine:1,2', 10, [0, 1, 2, 6, 10]), [0, 0.5, 1, 0.5, 0]);
    expectClose(values('cosine:0.8:0.4', 8, [0, 2, 4, 8]), [0.8, 0.6 + 0.2 * Math.SQRT1_2, 0.6, 0.4]);
    expectClose(values('cosine:1,10%', 100, [5, 10]), [0.5, 1]);
  });

  it.each([
    ['1e-3', '0.001'],
    ['0.8:0.4', '0.8 to 0.4 over the run'],
    ['0.8:0.4@60%', '0.8 to 0.4 over 60% of the run'],
    ['0:1@1', '0 to 1 over 1 epoch'],
    ['step:1e-3,0.1,50', '0.001, times 0.1 every 50 epochs'],
    ['exp:1e-3,1e-6,325', '0.001 for 325 epochs, then geometrically to 0.000001'],
    ['cosine:1e-3', '0.001 to 0 along a cosine'],
    ['cosine:0.1:0.01,5', '0 to 0.1 over 5 epochs, then 0.1 to 0.01 along a cosine'],
  ])('%s reads as "%s"', (text, words) => {
    expect(parseSchedule(text, RATE).describe()).toBe(words);
    expect(parseSchedule(` ${text} `, RATE).text).toBe(text);
  });

  const part = fc.integer({ min: 0, max: 1000 }).map((k) => k / 1000);
  const positive = part.map((p) => Math.max(p, 0.001));
  const span = fc.oneof(
    fc.integer({ min: 0, max: 100 }).map((p) => `${p}%`),
    fc.integer({ min: 0, max: 300 }).map((n) => `${n}`),
  );
  const anySchedule = fc.oneof(
    part.map((a) => `${a}`),
    fc.tuple(part, part, span).map(([a, b, s]) => `${a}:${b}@${s}`),
    fc.tuple(part, positive, fc.integer({ min: 1, max: 50 })).map(([a, f, k]) => `step:${a},${f},${k}`),
    fc.tuple(positive, positive, span).map(([a, b, s]) => `exp:${a},${b},${s}`),
    fc.tuple(part, part, span).map(([a, b, s]) => `cosine:${a}:${b},${s}`),
  );

  it('stays within what its values may be, at every epoch and outside the run', () => {
    fc.assert(
      fc.property(
        anySchedule,
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: -0.5, max: 1.5, noNaN: true }),
        (text, epochs, progress) => {
          const value = parseSchedule(text, SHARE).at(progress * epochs, epochs);
          expect(value).toBeGreaterThanOrEqual(-1e-15);
          expect(value).toBeLessThanOrEqual(1 + 1e-15);
        },
      ),
      { seed: 11, numRuns: 1000 },
    );
  });

  it('does not move before the start and after the end of the run', () => {
    fc.assert(
      fc.property(anySchedule, fc.integer({ min: 1, max: 200 }), (text, epochs) => {
        const schedule = parseSchedule(text, SHARE);
        expect(schedule.at(-3, epochs)).toBe(schedule.at(0, epochs));
        expect(schedule.at(epochs + 3, epochs)).toBe(schedule.at(epochs, epochs));
      }),
      { seed: 12, numRuns: 500 },
    );
  });
});

describe('a schedule is refused', () => {
  it.each([
    ['', /"" is not a number/],
    ['fast', /"fast" is not a number/],
    ['1:2:3', undefined],
    ['1@50%', undefined],
    ['1:0@50%@2', undefined],
    ['1:0@120%', /"120%" is not part of a run/],
    ['1:0@-3', /"-3" is not part of a run/],
    ['-1', /-1 is not at least 0/],
    ['1:NaN', /"NaN" is not a number/],
    ['1:Infinity', /"Infinity" is not a number/],
    ['step:1,0.1', undefined],
    ['step:1,2,10', /the factor 2 is not in \(0,1\]/],
    ['step:1,0.1,0', /0 epochs are not a period/],
    ['exp:1', undefined],
    ['exp:1,0', /needs values above 0/],
    ['cosine:1,5,5', undefined],
    ['cosine:', /"" is not a number/],
  ])('"%s"', (text, why) => {
    const report = refusalOf(() => parseSchedule(text, RATE));
    expect(report.what).toBe(`"${text}" is not a schedule`);
    expect(report.where).toBe('--rate');
    if (why === undefined) expect(report.why).toBeUndefined();
    else expect(report.why).toMatch(why);
    expect(report.remedy).toContain('0.8:0.4@60%');
  });

  it('when a value is outside of what the option takes', () => {
    expect(refusalOf(() => parseSchedule('0.8:1.4', SHARE)).why).toBe('1.4 is not in [0, 1]');
  });
});

function refusalOf(action: () => unknown): UsageError['report'] {
  try {
    action();
  } catch (error) {
    if (error instanceof UsageError) return error.report;
    throw error;
  }
  throw new Error('nothing was refused');
}
