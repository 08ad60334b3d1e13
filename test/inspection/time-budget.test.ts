/** A time budget is kept: what would not end in time is not started. */
import { describe, expect, it } from 'vitest';
import { timeBudget } from '../../src/inspection/time-budget.ts';

describe('a time budget', () => {
  it('starts what fits and leaves out what does not', () => {
    let clock = 0;
    const budget = timeBudget(1000, () => clock);
    expect(budget.spend('build', 9e3 * 900, () => 'done')).toBe('done');
    clock = 200;
    let started = false;
    const task = (): void => {
      started = true;
    };
    expect(budget.spend('build', 9e3 * 900, task)).toBeNull();
    expect(started).toBe(false);
    expect(budget.spend('build', 9e3 * 700, () => 'done')).toBe('done');
  });

  it('learns from a slow task, and never counts on a fast one', () => {
    let clock = 0;
    const budget = timeBudget(10_000, () => clock);
    const lasting = (milliseconds: number) => (): true => {
      clock += milliseconds;
      return true;
    };
    // Ten times slower than assumed: 4e8 are now thought to take 10 s, not 1 s.
    expect(budget.spend('norm', 4e7, lasting(1000))).toBe(true);
    expect(budget.spend('norm', 4e8, lasting(1))).toBeNull();
    expect(budget.spend('norm', 3e8, lasting(200))).toBe(true);
    expect(budget.spend('norm', 4e8, lasting(1))).toBeNull();
    expect(budget.spend('build', 9e3 * 1000, lasting(1))).toBe(true);
  });

  it('of no time starts only what takes none', () => {
    const budget = timeBudget(0, () => 5);
    expect(budget.spend('norm', 1, () => 1)).toBeNull();
    expect(budget.spend('build', 0, () => 1)).toBe(1);
  });
});
