import { describe, expect, it } from 'vitest';
import { openJob } from '../../src/smoothing/pipeline/job.ts';
import type { TallyRequest } from '../../src/smoothing/pipeline/pipeline-protocol.ts';
import type { SessionHalf } from '../../src/smoothing/pipeline/session-half.ts';
import { CONTROL_BYTES } from '../../src/smoothing/sampling-protocol.ts';

const half: SessionHalf = {
  ...{ classes: 2, layout: { batch: 4, parts: 2, partRows: 2 }, noise: 'none', votesCounted: 'host' },
  run: () => Promise.reject(new Error('not to be run')),
  alone: () => Promise.reject(new Error('not to be run')),
  logits: () => Promise.reject(new Error('not to be run')),
  release: () => Promise.resolve(),
};

const request: TallyRequest = {
  ...{ kind: 'tally', half: 0, job: 0, tally: { kind: 'votes' }, total: 8, continued: false },
  ...{ centres: 1, session: 0, sessions: 1, control: new SharedArrayBuffer(CONTROL_BYTES) },
};

describe('a count in the thread of a session', () => {
  it('gives the memory of parts back that will not be run any more', async () => {
    const job = openJob(request, { half, inTurn: (work) => work(), onProgress: () => {} });
    const back: number[] = [];
    const part = (q: number) => ({
      ...{ job: 0, q, centre: 0, drawn: 2, buffer: new ArrayBuffer(8) },
      giveBack: () => back.push(q),
    });
    job.arrive(part(1));
    expect(back).toEqual([]);
    job.abandon();
    job.arrive(part(2));
    expect(back).toEqual([1, 2]);
    expect(await job.counted).toEqual({ tallied: [{ counts: [0, 0], nonFinite: 0 }], rows: [] });
  });

  it('runs rows of the first batch around every centre alone, on every device', async () => {
    const run = () => Promise.resolve({ votes: null, logits: new Float32Array(8) });
    const alone = (_: Float32Array, rows: number) => Promise.resolve(new Float32Array(2 * rows));
    // The second device runs the second batch around the first centre, and the first one around the second.
    const job = openJob(
      { ...request, centres: 2, session: 1, sessions: 2 },
      { half: { ...half, run, alone }, inTurn: (work) => work(), onProgress: () => {} },
    );
    for (const [q, centre] of [
      [0, 1],
      [1, 1],
      [3, 0],
      [2, 0],
    ] as const)
      job.arrive({ job: 0, q, centre, drawn: 2, buffer: new ArrayBuffer(16), giveBack: () => {} });
    const { tallied, rows } = await job.counted;
    expect(tallied).toEqual([
      { counts: [4, 0], nonFinite: 0 },
      { counts: [4, 0], nonFinite: 0 },
    ]);
    expect(rows).toHaveLength(2);
  });
});
