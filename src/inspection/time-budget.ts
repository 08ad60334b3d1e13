/**
 * A time budget kept without interrupting anything: a task starts only when it should end in time, by its size and
 * by how long tasks of its kind took so far.
 */

/** Units of work per millisecond on two slow cores; only ever corrected downwards, since a late task is worse than none. */
const FIRST_RATES = { build: 9e3, norm: 4e5 } as const;
/** Smaller tasks measure the clock and the compiler's warming up. */
const TELLING_MILLISECONDS = 100;

export type TaskKind = keyof typeof FIRST_RATES;

export interface TimeBudget {
  /** The task's result; null, without starting it, when it would not end in time. */
  spend<T>(kind: TaskKind, work: number, task: () => T): T | null;
}

export function timeBudget(milliseconds: number, now: () => number = () => performance.now()): TimeBudget {
  const end = now() + milliseconds;
  const rates: Record<TaskKind, number> = { ...FIRST_RATES };
  return {
    spend(kind, work, task) {
      const began = now();
      if (began + work / rates[kind] > end) return null;
      const result = task();
      const spent = now() - began;
      if (spent > TELLING_MILLISECONDS) rates[kind] = Math.min(rates[kind], work / spent);
      return result;
    },
  };
}
