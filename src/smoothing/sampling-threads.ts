/** Threads that each make noise and run a session on it: the way to use all cores of the CPU. */
import { tallyOn } from './count-on-workers.ts';
import { loadChecked, logitsOf, type Seats, unloadAll } from './load-checked.ts';
import type { Threads } from './threads.ts';
import { startWorker } from './worker-seat.ts';

export function startSamplers(workers: number): Threads {
  const seats: Seats = [startWorker(), ...Array.from({ length: workers - 1 }, () => startWorker())];
  return {
    load: (half, settings) => loadChecked(seats, half, settings),
    tally: (half, requests, tally, arithmetic) => tallyOn(seats, half, requests, tally, arithmetic),
    logits: (half, rows) => logitsOf(seats[0], half, rows),
    unload: (half) => unloadAll(seats, half),
    close: () => Promise.all(seats.map((seat) => seat.close())).then(() => {}),
  };
}
