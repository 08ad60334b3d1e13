/**
 * Works several inputs ahead and yields the results in the order of the inputs: while one waits for the main thread, the
 * sampling workers are at the next.
 */

/**
 * Reads an input whenever fewer than `ahead` works are under way or wait for their turn, and yields the result of each. A
 * failure ends the reading. What comes before it is still yielded; what comes after it is aborted, and the failure is thrown
 * once that has settled, in whatever way. A consumer that leaves the loop has the rest aborted and settled likewise.
 * @param ahead at least 1
 * @param work its signal is aborted with `signal`, and when nobody will take its result
 * @param signal aborting ends the reading: a failure in the place of the next input. `inputs` that may wait for long should
 *               listen to it as well, since the read under way is waited for
 * @throws the first failure in the order of the inputs: of `work`, of `inputs`, or the signal's reason.
 *         RangeError when `ahead` is not a positive integer
 */
export async function* inOrder<I, O>(
  inputs: AsyncIterable<I>,
  ahead: number,
  work: (input: I, signal: AbortSignal) => Promise<O>,
  signal: AbortSignal,
): AsyncGenerator<O, void, undefined> {
  if (!Number.isSafeInteger(ahead) || ahead < 1) throw new RangeError(`ahead is ${ahead}`);
  const abandoned = new AbortController();
  const either = AbortSignal.any([signal, abandoned.signal]);
  const source = inputs[Symbol.asyncIterator]();
  /** In the order of the inputs: what is under way, and what waits for its turn. */
  const works: Promise<O>[] = [];
  let reading: Promise<void> | null = null;
  let ended = false;
  let exhausted = false;

  function enter(result: Promise<O>): void {
    // Not lost: it is thrown in its turn, unless something before it fails or the consumer leaves.
    result.catch(() => {
      ended = true;
    });
    works.push(result);
  }

  async function read(): Promise<void> {
    try {
      signal.throwIfAborted();
      // Stays so where it throws.
      exhausted = true;
      const next = await source.next();
      exhausted = next.done === true;
      if (next.done === true) ended = true;
      else if (!ended) enter(work(next.value, either));
    } catch (error) {
      ended = true;
      enter(Promise.reject(error));
    }
  }

  /** Reads alongside the works, one input at a time, so that no result waits for an input still to come. */
  function fill(): void {
    if (ended || reading !== null || works.length >= ahead) return;
    reading = read().finally(() => {
      reading = null;
      fill();
    });
  }

  try {
    for (;;) {
      fill();
      const first = works[0];
      if (first !== undefined) {
        const result = await first;
        works.shift();
        fill();
        yield result;
      } else if (reading !== null) await reading;
      else return;
    }
  } finally {
    ended = true;
    abandoned.abort();
    await Promise.allSettled(works);
    await reading;
    // As a `for await` would: not where the source ended or failed by itself.
    if (!exhausted) await source.return?.();
  }
}
