/** One count, or several that share their noise, shared among the workers: the samples are handed out batch by batch as workers become free. */
import { ModelRefused } from '../ground/errors.ts';
import type { Arithmetic } from './arithmetic.ts';
import { LARGEST_SIGMA, SMALLEST_SIGMA } from './noise/rounded-noise.ts';
import { agree } from './providers.ts';
import type { DrawRequest } from './sampler.ts';
import { CONTROL_BYTES, ControlWord, type CountRequest, type RowComparison } from './sampling-protocol.ts';
import type { Tally, TallyResult } from './tally.ts';
import { MOST_DRAWS } from './votes/looks.ts';
import type { WorkerSeat } from './worker-seat.ts';

/** @throws RangeError when a request does not fit a latent of `size` values, or its counter or samples 32-bit words */
export function checkDraw({ latent, sigma, image, from, to }: DrawRequest, size: number): void {
  if (latent.length !== size) throw new RangeError(`a latent of ${latent.length} values, expected ${size}`);
  if (!(sigma >= SMALLEST_SIGMA && sigma <= LARGEST_SIGMA)) throw new RangeError(`sigma is ${sigma}`);
  if (!(Number.isSafeInteger(image) && image >= 0 && image < 2 ** 32))
    throw new RangeError(`image is ${image}`);
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to && to < 2 ** 32))
    throw new RangeError(`samples ${from} to ${to}`);
  if (to - from > MOST_DRAWS) throw new RangeError(`more than ${MOST_DRAWS} samples at once`);
}

/**
 * Requests around several centres are for the same draws of the same noise.
 * @throws RangeError when they are not, or there is none
 */
export function sharedDraws(requests: readonly DrawRequest[]): DrawRequest {
  const [first] = requests;
  if (first === undefined) throw new RangeError('no draws');
  const noise = noiseKey(first);
  for (const request of requests)
    if (noiseKey(request) !== noise) throw new RangeError('draws of different noise are not made together');
  return first;
}

/** Equal for requests that draw the same noise. */
export const noiseKey = (request: DrawRequest): string => {
  const { sigma, grid = null, seed, stage, image, from, to, continued = false } = request;
  return JSON.stringify([sigma, grid, String(seed), stage, image, from, to, continued]);
};

/**
 * What the workers tallied of checked requests that share their noise: for each request, a part of each worker. Puts them into the
 * queue of every worker before it returns.
 * @param half number of the right half, loaded at every seat
 * @throws as `Sampler.count`
 */
export async function tallyOn(
  seats: readonly WorkerSeat[],
  half: number,
  requests: readonly DrawRequest[],
  tally: Tally,
  arithmetic: Arithmetic,
): Promise<readonly (readonly TallyResult[])[]> {
  const { signal, onProgress: _, latent: __, ...draw } = sharedDraws(requests);
  const latents = requests.map(({ latent }) => latent);
  const heard = (done: number): void => {
    for (const { onProgress } of requests) onProgress?.(Math.floor(done / requests.length));
  };
  signal?.throwIfAborted();
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const words = new Int32Array(control);
  const stop = (): void => {
    Atomics.store(words, ControlWord.stop, 1);
  };
  const request: CountRequest = { kind: 'count', half, tally, ...draw, latents, control };
  const done = seats.map(() => 0);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const replies = await Promise.allSettled(
      seats.map((seat, index) => {
        const report = (value: number): void => {
          done[index] = value;
          heard(done.reduce((sum, part) => sum + part, 0));
        };
        const answer = seat.ask(request, report);
        // One worker's failure stops the others too: a part of the draws is useless.
        answer.catch(stop);
        return answer;
      }),
    );
    signal?.throwIfAborted();
    const parts: TallyResult[][] = requests.map(() => []);
    for (const reply of replies) {
      if (reply.status === 'rejected') throw reply.reason;
      for (const rows of reply.value.rows) requireIndependentRows(arithmetic, rows);
      for (const [k, tallied] of reply.value.tallied.entries()) parts[k]?.push(tallied);
    }
    for (const { onProgress } of requests) onProgress?.(draw.to - draw.from);
    return parts;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * The rows of a batch of actual draws, against the same rows alone: equal to the bit on the CPU, within rounding elsewhere.
 * What was compared when the right half was loaded was noise of another place and size, which a network can tell from this.
 */
export function requireIndependentRows(
  { provider, precision }: Arithmetic,
  { together, alone }: RowComparison,
): void {
  const at = together.findIndex((value, i) => !Object.is(value, alone[i]));
  if (at < 0 || (provider !== 'cpu' && agree(precision, alone, together))) return;
  throw new ModelRefused({
    what: 'the rows of a batch see each other',
    where: 'right half, first batch of the draws around an image',
    why: `a logit is ${together[at]} beside other rows and ${alone[at]} alone, although the rows compared before the run agreed`,
    remedy: 'Run one row at a time with --batch 1. An honest classifier has no reason to look at its batch.',
  });
}
