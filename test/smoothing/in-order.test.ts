import { afterEach, describe, expect, it } from 'vitest';
import { inOrder } from '../../src/smoothing/in-order.ts';

/** Numbers from 0, and how far they were read and whether they were closed. */
function numbers(end: number, failAt = Number.POSITIVE_INFINITY) {
  const seen = { read: 0, closed: false };
  async function* generate(): AsyncGenerator<number> {
    try {
      for (let k = 0; k < end; k++) {
        if (k === failAt) throw new Error(`input ${k}`);
        seen.read++;
        yield k;
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, inputs: generate() };
}

/** Works that end when the test says so. */
function works() {
  const open = new Map<number, { resolve(value: string): void; reject(error: Error): void }>();
  const signals = new Map<number, AbortSignal>();
  let most = 0;
  return {
    started: (): number[] => [...signals.keys()],
    open,
    signals,
    most: () => most,
    work(input: number, signal: AbortSignal): Promise<string> {
      signals.set(input, signal);
      return new Promise<string>((resolve, reject) => {
        open.set(input, { resolve, reject });
        most = Math.max(most, open.size);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }).finally(() => open.delete(input));
    },
    finish(input: number): void {
      open.get(input)?.resolve(`done ${input}`);
    },
    fail(input: number): void {
      open.get(input)?.reject(new Error(`work ${input}`));
    },
  };
}

const never = new AbortController().signal;
/** Lets everything happen that needs no timer. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const result of results) list.push(result);
  return list;
}

const unhandled: unknown[] = [];
const note = (reason: unknown): void => {
  unhandled.push(reason);
};
process.on('unhandledRejection', note);
afterEach(async () => {
  await settle();
  expect(unhandled).toEqual([]);
});

describe('results', () => {
  it('come in the order of the inputs, whatever the order of the works', async () => {
    const { inputs, seen } = numbers(40);
    const late = async (k: number): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, (k * 7) % 5));
      return k;
    };
    expect(await all(inOrder(inputs, 4, late, never))).toEqual(Array.from({ length: 40 }, (_, k) => k));
    expect(seen).toEqual({ read: 40, closed: true });
  });

  it('of no inputs are none', async () => {
    expect(await all(inOrder(numbers(0).inputs, 3, works().work, never))).toEqual([]);
  });

  it('are yielded as soon as it is their turn, though the next input is still to come', async () => {
    let push: () => void = () => undefined;
    async function* slow(): AsyncGenerator<number> {
      yield 0;
      await new Promise<void>((resolve) => {
        push = resolve;
      });
      yield 1;
    }
    const results = inOrder(slow(), 4, async (k) => k, never);
    expect(await results.next()).toEqual({ done: false, value: 0 });
    push();
    expect(await results.next()).toEqual({ done: false, value: 1 });
    expect((await results.next()).done).toBe(true);
  });
});

describe('works', () => {
  it('are as many as asked for under way, also while the consumer is busy, and never more', async () => {
    const { work, started, finish, most } = works();
    const results = inOrder(numbers(9).inputs, 3, work, never);
    const first = results.next();
    await settle();
    expect(started()).toEqual([0, 1, 2]);
    // Finished out of turn, a result waits and keeps its place.
    finish(1);
    await settle();
    expect(started()).toEqual([0, 1, 2]);
    finish(0);
    expect((await first).value).toBe('done 0');
    await settle();
    expect(started()).toEqual([0, 1, 2, 3]);
    expect((await results.next()).value).toBe('done 1');
    await settle();
    expect(started()).toEqual([0, 1, 2, 3, 4]);
    expect(most()).toBe(3);
    await results.return();
  });

  it('with one ahead follow each other', async () => {
    const { work, started, finish, most } = works();
    const results = inOrder(numbers(3).inputs, 1, work, never);
    const first = results.next();
    await settle();
    expect(started()).toEqual([0]);
    finish(0);
    await first;
    await settle();
    expect(started()).toEqual([0, 1]);
    expect(most()).toBe(1);
    await results.return();
  });

  it.each([0, -1, 1.5, Number.NaN])('%d at a time are none', async (ahead) => {
    const { inputs, seen } = numbers(3);
    await expect(all(inOrder(inputs, ahead, works().work, never))).rejects.toBeInstanceOf(RangeError);
    expect(seen.read).toBe(0);
  });
});

describe('a failure', () => {
  it('comes after the results before it, and ends the reading', async () => {
    const { work, finish, fail, started } = works();
    const { inputs, seen } = numbers(100);
    const results = inOrder(inputs, 3, work, never);
    const first = results.next();
    await settle();
    fail(1);
    await settle();
    finish(0);
    expect((await first).value).toBe('done 0');
    await expect(results.next()).rejects.toThrow('work 1');
    expect(started()).toEqual([0, 1, 2]);
    expect(seen.closed).toBe(true);
    expect((await results.next()).done).toBe(true);
  });

  it('is the first in order, though a later one was earlier', async () => {
    const { work, fail } = works();
    const results = inOrder(numbers(100).inputs, 3, work, never);
    const first = results.next();
    await settle();
    fail(2);
    await settle();
    fail(0);
    await expect(first).rejects.toThrow('work 0');
  });

  it('aborts the works behind it, and is thrown when they have settled', async () => {
    const ends: (() => void)[] = [];
    const order: string[] = [];
    async function stubborn(k: number, signal: AbortSignal): Promise<number> {
      await new Promise<void>((resolve) => {
        ends[k] = resolve;
      });
      order.push(`settled ${k}, ${signal.aborted ? 'aborted' : 'not aborted'}`);
      throw new Error(`work ${k}`);
    }
    const first = inOrder(numbers(2).inputs, 2, stubborn, never)
      .next()
      .catch((error: Error) => order.push(`thrown: ${error.message}`));
    await settle();
    ends[0]?.();
    await settle();
    ends[1]?.();
    await first;
    expect(order).toEqual(['settled 0, not aborted', 'settled 1, aborted', 'thrown: work 0']);
  });

  it('of a work that throws at once is the same', async () => {
    const results = inOrder(
      numbers(5).inputs,
      2,
      (k) => {
        if (k === 1) throw new Error('at once');
        return Promise.resolve(k);
      },
      never,
    );
    expect((await results.next()).value).toBe(0);
    await expect(results.next()).rejects.toThrow('at once');
  });

  it('of the inputs comes after the results of those before it', async () => {
    const seen: number[] = [];
    const reading = (async () => {
      for await (const k of inOrder(numbers(9, 3).inputs, 5, async (k) => k, never)) seen.push(k);
    })();
    await expect(reading).rejects.toThrow('input 3');
    expect(seen).toEqual([0, 1, 2]);
  });
});

describe('an abort', () => {
  it('yields what is done, then throws the reason, and reads no more', async () => {
    const { work, finish, started } = works();
    const { inputs, seen } = numbers(100);
    const controller = new AbortController();
    const results = inOrder(inputs, 3, work, controller.signal);
    const first = results.next();
    await settle();
    finish(0);
    await first;
    finish(1);
    await settle();
    controller.abort(new Error('Ctrl-C'));
    expect((await results.next()).value).toBe('done 1');
    await expect(results.next()).rejects.toThrow('Ctrl-C');
    expect(started().length).toBe(seen.read);
    expect(seen.read).toBeLessThanOrEqual(4);
    expect(seen.closed).toBe(true);
  });

  it('before the first input reads none', async () => {
    const { inputs, seen } = numbers(3);
    const results = inOrder(inputs, 2, works().work, AbortSignal.abort(new Error('Ctrl-C')));
    await expect(results.next()).rejects.toThrow('Ctrl-C');
    expect(seen.read).toBe(0);
  });

  it('that no work listens to is seen at the next input', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const k of inOrder(numbers(100).inputs, 2, async (k) => k, controller.signal)) {
        seen.push(k);
        if (k === 5) controller.abort(new Error('Ctrl-C'));
      }
    })();
    await expect(reading).rejects.toThrow('Ctrl-C');
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, k) => k));
    expect(seen.length).toBeLessThan(10);
  });
});

describe('a consumer that leaves', () => {
  it('has what is under way aborted and settled, and the inputs closed', async () => {
    const { work, finish, signals, open } = works();
    const { inputs, seen } = numbers(100);
    const leaving = (async () => {
      for await (const _ of inOrder(inputs, 3, work, never)) break;
    })();
    await settle();
    finish(0);
    await leaving;
    expect(signals.get(1)?.aborted).toBe(true);
    expect(open.size).toBe(0);
    expect(seen.closed).toBe(true);
    const { read } = seen;
    await settle();
    expect(seen.read).toBe(read);
  });

  it('before the first result has nothing started', async () => {
    const { work, started } = works();
    await inOrder(numbers(3).inputs, 2, work, never).return();
    expect(started()).toEqual([]);
  });
});
