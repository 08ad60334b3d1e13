import { describe, expect, it } from 'vitest';
import { openJob } from '../../src/smoothing/pipeline/job.ts';
import { CONTROL_BYTES } from '../../src/smoothing/sampling-protocol.ts';

describe('a count in the thread of the session', () => {
  it('gives the memory of parts back that will not be run any more', async () => {
    const half = {
      ...{
        classes: 2,
        layout: { batch: 4, parts: 2, partRows: 2 },
        noise: 'none',
        votesCounted: 'host' as const,
      },
      run: () => Promise.reject(new Error('not to be run')),
      alone: () => Promise.reject(new Error('not to be run')),
      logits: () => Promise.reject(new Error('not to be run')),
      release: () => Promise.resolve(),
    };
    const job = openJob(
      {
        ...{ kind: 'tally', half: 0, job: 0, tally: { kind: 'votes' }, total: 8, continued: false },
        control: new SharedArrayBuffer(CONTROL_BYTES),
      },
      { half, inTurn: (work) => work(), onProgress: () => {} },
    );
    const back: number[] = [];
    const part = (q: number) => ({
      job: 0,
      q,
      drawn: 2,
      buffer: new ArrayBuffer(8),
      giveBack: () => back.push(q),
    });
    job.arrive(part(1));
    expect(back).toEqual([]);
    job.abandon();
    job.arrive(part(2));
    expect(back).toEqual([1, 2]);
    expect(await job.counted).toEqual({ tallied: [{ counts: [0, 0], nonFinite: 0 }], rows: [] });
  });
});
