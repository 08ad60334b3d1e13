import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { ToolError } from '../../src/ground/errors.ts';
import { tallyOn } from '../../src/smoothing/count-on-workers.ts';
import type { DrawRequest } from '../../src/smoothing/sampler.ts';
import type { HalfSettings } from '../../src/smoothing/sampling-protocol.ts';
import { isVotes } from '../../src/smoothing/tally.ts';
import { sumOfVotes } from '../../src/smoothing/votes/vote-counts.ts';
import { startWorker, type WorkerSeat } from '../../src/smoothing/worker-seat.ts';
import { linearModel } from './tiny-models.ts';

const seats: WorkerSeat[] = [];
function started(file?: string): WorkerSeat {
  const seat = startWorker(file);
  seats.push(seat);
  return seat;
}
afterEach(async () => {
  await Promise.all(seats.splice(0).map((seat) => seat.close()));
});

const settings: HalfSettings = {
  model: linearModel([[1], [-1]], [0, 0]),
  latentDims: [1],
  classes: 2,
  batch: 4,
  provider: 'cpu',
  precision: 'fp32',
};
const draw: DrawRequest = {
  ...{ latent: Float64Array.of(0.25), sigma: 1, seed: 7n, stage: 1, image: 0 },
  ...{ from: 0, to: 2 ** 29 },
};
const count = async (workers: readonly WorkerSeat[], request: DrawRequest) => {
  const [parts = []] = await tallyOn(workers, 0, [request], { kind: 'votes' }, settings);
  return sumOfVotes(parts.filter(isVotes), settings.classes);
};

describe('a count on several workers', () => {
  it('ends for all of them when one dies, with every other request of that one; the others go on', async () => {
    const [whole, dying] = [started(), started(fileURLToPath(new URL('dying-worker.mjs', import.meta.url)))];
    await whole.ask<'load'>({ kind: 'load', half: 0, settings });
    const both = await Promise.allSettled([
      count([whole, dying], draw),
      count([whole, dying], { ...draw, image: 1 }),
    ]);
    for (const each of both)
      expect(each).toMatchObject({
        status: 'rejected',
        reason: { report: { what: 'a sampling worker died' } },
      });
    const { counts } = await count([whole], { ...draw, to: 1000 });
    expect(counts.reduce((a, b) => a + b)).toBe(1000);
  });

  it('ends for all of them when one fails, and that one goes on', async () => {
    const [whole, without] = [started(), started()];
    await whole.ask<'load'>({ kind: 'load', half: 0, settings });
    const failing = count([whole, without], draw);
    await expect(failing).rejects.toBeInstanceOf(ToolError);
    await expect(failing).rejects.toMatchObject({ report: { what: expect.stringContaining('failed') } });
    await without.ask<'load'>({ kind: 'load', half: 0, settings });
    const small = { ...draw, to: 1000 };
    expect(await count([whole, without], small)).toEqual(await count([whole], small));
  });
});
