/** The context of programs that do not bring their own. */
import { availableParallelism } from 'node:os';
import type { Context } from '../methods/context.ts';
import { openPool, type PoolSettings } from '../smoothing/sampler-pool.ts';

/** Everything but the workers. */
export interface Surroundings extends Partial<PoolSettings> {
  readonly signal?: AbortSignal;
  readonly tell?: Context['tell'];
}

/**
 * A context with its own workers, closed at the end: by default one CPU worker per core, and no messages.
 */
export async function* withContext<T, R>(
  use: (context: Context) => AsyncGenerator<T, R>,
  surroundings: Surroundings = {},
): AsyncGenerator<T, R> {
  const context = openContext(surroundings);
  try {
    return yield* use(context);
  } finally {
    await context.resources.close();
  }
}

/** The same, to be closed by the caller: `context.resources.close()`. */
export function openContext({
  provider = 'cpu',
  precision = 'fp32',
  devices,
  workers = availableParallelism(),
  batch = 32,
  signal = new AbortController().signal,
  tell = () => {},
}: Surroundings = {}): Context {
  const pool = openPool({ provider, precision, workers, batch, ...(devices ? { devices } : {}) });
  return { resources: pool, signal, tell };
}
