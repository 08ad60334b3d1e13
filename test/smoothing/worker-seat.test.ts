import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { ToolError } from '../../src/ground/errors.ts';
import {
  CONTROL_BYTES,
  ControlWord,
  type CountRequest,
  type HalfSettings,
} from '../../src/smoothing/sampling-protocol.ts';
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

/** Always answers the class. */
const constant = (winner: 0 | 1): HalfSettings => ({
  model: linearModel([[0], [0]], [1 - winner, winner]),
  latentDims: [1],
  classes: 2,
  batch: 4,
  provider: 'cpu',
  precision: 'fp32',
});

/** A count whose first `handedOut` samples other workers have taken. */
function counting(half: number, to: number, handedOut = 0): CountRequest {
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  new Int32Array(control)[ControlWord.next] = handedOut;
  const latent = new Float64Array(1);
  return {
    kind: 'count',
    half,
    tally: { kind: 'votes' },
    latents: [latent],
    sigma: 1,
    seed: 1n,
    stage: 1,
    image: 0,
    from: 0,
    to,
    control,
  };
}

describe('a worker', () => {
  it('answers everything outstanding in order of arrival, each for its right half', async () => {
    const seat = started();
    const order: string[] = [];
    const noted = <T>(name: string, answer: Promise<T>): Promise<T> =>
      answer.finally(() => {
        order.push(name);
      });
    const [, , first, logits, second] = await Promise.all([
      noted('load 0', seat.ask<'load'>({ kind: 'load', half: 0, settings: constant(0) })),
      noted('load 1', seat.ask<'load'>({ kind: 'load', half: 1, settings: constant(1) })),
      noted('count 1', seat.ask<'count'>(counting(1, 4000))),
      noted('logits 0', seat.ask<'logits'>({ kind: 'logits', half: 0, rows: Float32Array.of(5) })),
      noted('count 0', seat.ask<'count'>(counting(0, 10))),
    ]);
    expect(order).toEqual(['load 0', 'load 1', 'count 1', 'logits 0', 'count 0']);
    expect(first.tallied).toMatchObject([{ counts: [0, 4000] }]);
    expect([...logits.logits]).toEqual([1, 0]);
    expect(second.tallied).toMatchObject([{ counts: [10, 0] }]);
  });

  it('goes on to the next count when others have taken the rest of this one, without waiting for them', async () => {
    const seat = started();
    await seat.ask<'load'>({ kind: 'load', half: 0, settings: constant(0) });
    const [usedUp, next] = await Promise.all([
      seat.ask<'count'>(counting(0, 1000, 1000)),
      seat.ask<'count'>(counting(0, 12)),
    ]);
    expect(usedUp).toMatchObject({ tallied: [{ counts: [0, 0] }], rows: [] });
    expect(next.tallied).toMatchObject([{ counts: [12, 0] }]);
  });

  it('reports a failure to the request that failed alone', async () => {
    const seat = started();
    const [bad, good] = await Promise.allSettled([
      seat.ask<'load'>({ kind: 'load', half: 0, settings: { ...constant(0), model: Uint8Array.of(1, 2) } }),
      seat.ask<'load'>({ kind: 'load', half: 1, settings: constant(1) }),
    ]);
    expect(bad).toMatchObject({
      status: 'rejected',
      reason: { report: { what: expect.stringMatching(/load/) } },
    });
    expect(good.status).toBe('fulfilled');
    await expect(seat.ask<'count'>(counting(0, 4))).rejects.toMatchObject({
      report: { why: expect.stringContaining('not loaded') },
    });
  });

  it('reports what to do about a batch that does not fit into memory', async () => {
    const asked = started().ask<'load'>({
      kind: 'load',
      half: 0,
      settings: { ...constant(0), batch: 2 ** 30 },
    });
    await expect(asked).rejects.toMatchObject({ report: { remedy: 'Give a smaller --batch.' } });
  });

  it('counts on a right half no more once that is unloaded, and unloading what is not there is nothing', async () => {
    const seat = started();
    await seat.ask<'load'>({ kind: 'load', half: 0, settings: constant(0) });
    const before = seat.ask<'count'>(counting(0, 400));
    await seat.unload(0);
    expect((await before).tallied).toMatchObject([{ counts: [400, 0] }]);
    await expect(seat.ask<'count'>(counting(0, 4))).rejects.toBeInstanceOf(ToolError);
    await seat.unload(0);
  });

  it('finishes what was asked before it closes, and takes nothing afterwards', async () => {
    const seat = started();
    await seat.ask<'load'>({ kind: 'load', half: 0, settings: constant(0) });
    const asked = [seat.ask<'count'>(counting(0, 400)), seat.ask<'count'>(counting(0, 8))];
    await seat.close();
    expect((await Promise.all(asked)).flatMap(({ tallied }) => tallied)).toEqual([
      { counts: [400, 0], nonFinite: 0 },
      { counts: [8, 0], nonFinite: 0 },
    ]);
    await expect(seat.ask<'count'>(counting(0, 4))).rejects.toThrow('closed');
    await seat.close();
  });
});

describe('a worker that dies', () => {
  const dying = fileURLToPath(new URL('dying-worker.mjs', import.meta.url));

  it('is an error that names the exit, for everything outstanding and afterwards, and closing still works', async () => {
    const seat = started(dying);
    const outstanding = await Promise.allSettled([
      seat.ask<'count'>(counting(0, 4)),
      seat.ask<'logits'>({ kind: 'logits', half: 0, rows: new Float32Array(1) }),
      seat.ask<'count'>(counting(1, 4)),
    ]);
    const later = await Promise.allSettled([seat.ask<'count'>(counting(0, 4))]);
    for (const each of [...outstanding, ...later])
      expect(each).toMatchObject({
        status: 'rejected',
        reason: {
          name: 'ToolError',
          report: {
            why: 'it ended with code 3',
            remedy: expect.stringMatching(/^Run the same command again: /),
          },
        },
      });
    await seat.unload(0);
    await seat.close();
  });

  it('while it is closed leaves nobody waiting', async () => {
    const seat = started(dying);
    const asked = seat.ask<'count'>(counting(0, 4));
    const closed = seat.close();
    await expect(asked).rejects.toBeInstanceOf(ToolError);
    await closed;
  });

  it('because its script is broken is an error with the reason', async () => {
    const seat = started(fileURLToPath(new URL('no-such-worker.mjs', import.meta.url)));
    await expect(seat.ask<'count'>(counting(0, 4))).rejects.toMatchObject({
      report: { what: 'a sampling worker died', why: expect.stringContaining('no-such-worker') },
    });
  });
});
