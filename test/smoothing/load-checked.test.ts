import { describe, expect, it } from 'vitest';
import { loadChecked } from '../../src/smoothing/load-checked.ts';
import type { HalfSettings, VotesCounted } from '../../src/smoothing/sampling-protocol.ts';
import type { Reply, ReplyTo, Request, RequestOf } from '../../src/smoothing/worker-protocol.ts';
import type { WorkerSeat } from '../../src/smoothing/worker-seat.ts';

const settings: HalfSettings = {
  ...{ model: new Uint8Array(), latentDims: [2], classes: 2, batch: 2, provider: 'cuda', precision: 'fp32' },
};

/** A thread whose device gives these logits, and the CPU ones. */
function device(onDevice: number, votesCounted: VotesCounted = 'graph'): WorkerSeat {
  let provider = '';
  function replyTo(request: Request): Reply {
    if (request.kind === 'load') provider = request.settings.provider;
    if (request.kind === 'load') return { kind: 'load', noise: 'n', votesCounted };
    if (request.kind === 'unload') return { kind: 'unload' };
    return { kind: 'logits', logits: new Float32Array(4).fill(provider === 'cpu' ? 1 : onDevice) };
  }
  return {
    ask: <K extends Request['kind']>(request: RequestOf<K>) =>
      Promise.resolve(replyTo(request) as ReplyTo<K>),
    unload: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

describe('a right half on several devices', () => {
  it('is compared with the CPU on each of them', async () => {
    const { providerDifference } = await loadChecked([device(1), device(1.0001)], 0, settings);
    expect(providerDifference).toBeCloseTo(1e-4, 6);
    await expect(loadChecked([device(1), device(1.01)], 0, settings)).rejects.toThrow('differently');
  });

  it('has its votes counted in the graph only where each of them counts well', async () => {
    expect((await loadChecked([device(1), device(1)], 0, settings)).votesCounted).toBe('graph');
    expect((await loadChecked([device(1), device(1, 'host')], 0, settings)).votesCounted).toBe('host');
  });
});
