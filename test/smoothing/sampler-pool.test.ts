import { afterEach, describe, expect, it } from 'vitest';
import { ModelRefused, ToolError } from '../../src/ground/errors.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import type { DrawRequest, Sampler } from '../../src/smoothing/sampler.ts';
import {
  createSampler,
  openPool,
  type PoolSettings,
  type RightHalf,
  type SamplerPool,
} from '../../src/smoothing/sampler-pool.ts';
import type { VoteCounts } from '../../src/smoothing/votes/vote-counts.ts';
import { batchTingedModel, convolutionModel, linearModel } from './tiny-models.ts';

const pools: SamplerPool[] = [];
function opened(settings: Partial<PoolSettings> = {}): SamplerPool {
  const pool = openPool({ provider: 'cpu', workers: 2, batch: 8, ...settings });
  pools.push(pool);
  return pool;
}
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

const convolution: RightHalf = {
  model: convolutionModel(),
  latentDims: [3, 10, 10],
  classes: 5,
  batchable: true,
};
const linear: RightHalf = {
  model: linearModel(
    [
      [1, 0.5],
      [-1, 0.25],
      [0, -1],
    ],
    [0, 0.1, 0.2],
  ),
  latentDims: [2],
  classes: 3,
  batchable: true,
};

/** The k-th of many draws around different centres. */
function draw({ latentDims }: RightHalf, k: number, to = 300): DrawRequest {
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const latent = Float64Array.from({ length: size }, (_, i) => Math.sin(i + k) * 0.5);
  return { latent, sigma: 1, seed: 42n, stage: Stage.estimation, image: k, from: 0, to };
}

const forever = 2 ** 29;
const sum = ({ counts, nonFinite }: VoteCounts): number => counts.reduce((a, b) => a + b, nonFinite);

/** Each of the draws asked of a sampler of its own, one after the other. */
async function alone(half: RightHalf, draws: readonly DrawRequest[]): Promise<VoteCounts[]> {
  const sampler = await createSampler({ ...half, provider: 'cpu', workers: 1, batch: 3 });
  const votes: VoteCounts[] = [];
  for (const each of draws) votes.push(await sampler.count(each));
  await sampler.close();
  return votes;
}

describe('two right halves in one pool', () => {
  const ks = Array.from({ length: 12 }, (_, k) => k);
  const ofConvolution = ks.map((k) => draw(convolution, k));
  const ofLinear = ks.map((k) => draw(linear, k, 1000));

  it.each([
    { workers: 1, batch: 8 },
    { workers: 2, batch: 16 },
    { workers: 3, batch: 1 },
  ])('with all their requests outstanding give the counts of each alone: %j', async (settings) => {
    const pool = opened(settings);
    const [one, two] = await Promise.all([pool.load(convolution), pool.load(linear)]);
    const asked = ks.map((k) =>
      Promise.all([one.count(ofConvolution[k] as DrawRequest), two.count(ofLinear[k] as DrawRequest)]),
    );
    const votes = await Promise.all(asked);
    expect(votes.map(([first]) => first)).toEqual(await alone(convolution, ofConvolution));
    expect(votes.map(([, second]) => second)).toEqual(await alone(linear, ofLinear));
    expect(new Set(votes.map((pair) => JSON.stringify(pair))).size).toBeGreaterThan(6);
  });

  it('share the threads, and have a batch each', async () => {
    const pool = opened({ workers: 2, batch: 8 });
    expect([pool.provider, pool.workers]).toEqual(['cpu', 2]);
    const samplers: Sampler[] = [
      await pool.load(convolution),
      await pool.load({ ...linear, largestBatch: 3 }),
      await pool.load({ ...linear, batchable: false }),
      await pool.load({ model: batchTingedModel(), latentDims: [2], classes: 2, batchable: true }),
    ];
    expect(samplers.map(({ batch }) => batch)).toEqual([8, 3, 1, 1]);
    expect(samplers.map(({ workers }) => workers)).toEqual([2, 2, 2, 2]);
    const rows = Float32Array.of(1, 2, 3, 4);
    const [, three, single] = samplers as [Sampler, Sampler, Sampler, Sampler];
    expect(await three.logits(rows)).toEqual(await single.logits(rows));
  });

  it('go on without each other: one is loaded while another counts, and unloaded while it goes on', async () => {
    const pool = opened();
    const first = await pool.load(convolution);
    const asked = [0, 1, 2].map((k) => first.count(draw(convolution, k)));
    const second = await pool.load(linear);
    const others = [0, 1].map((k) => second.count(draw(linear, k)));
    const closed = first.close();
    await expect(first.count(draw(convolution, 3))).rejects.toThrow('closed');
    await expect(first.logits(new Float32Array(300))).rejects.toThrow('closed');
    others.push(second.count(draw(linear, 2)));
    await closed;
    await first.close();
    others.push(second.count(draw(linear, 3)));
    expect(await Promise.all(asked)).toEqual(
      await alone(
        convolution,
        [0, 1, 2].map((k) => draw(convolution, k)),
      ),
    );
    expect(await Promise.all(others)).toEqual(
      await alone(
        linear,
        [0, 1, 2, 3].map((k) => draw(linear, k)),
      ),
    );
  });
});

describe('requests in the queue', () => {
  it('are not touched by the abort of one', async () => {
    const sampler = await opened().load(convolution);
    const controller = new AbortController();
    const before = sampler.count(draw(convolution, 0));
    const { signal } = controller;
    const long = sampler.count({
      ...draw(convolution, 1, forever),
      signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    const waiting = sampler.count({ ...draw(convolution, 2, forever), signal });
    const after = sampler.count(draw(convolution, 3));
    await expect(long).rejects.toThrow('enough');
    await expect(waiting).rejects.toThrow('enough');
    expect(await Promise.all([before, after])).toEqual(
      await alone(convolution, [draw(convolution, 0), draw(convolution, 3)]),
    );
  });

  it('hear of their own progress alone', async () => {
    const pool = opened();
    const [one, two] = await Promise.all([pool.load(convolution), pool.load(linear)]);
    const seen: [number[], number[]] = [[], []];
    await Promise.all([
      one.count({ ...draw(convolution, 0, 20_000), onProgress: (done) => seen[0].push(done) }),
      two.count({ ...draw(linear, 0, 100), onProgress: (done) => seen[1].push(done) }),
    ]);
    expect(seen[0]).toEqual([...seen[0]].sort((a, b) => a - b));
    expect(seen[0].at(-1)).toBe(20_000);
    expect(seen[1]).toEqual([100]);
  });

  it('are finished before the pool closes, which takes nothing more', async () => {
    const pool = opened();
    const loading = pool.load(linear);
    const sampler = await pool.load(convolution);
    const asked = [sampler.count(draw(convolution, 0)), sampler.count(draw(convolution, 1, 100))];
    const closed = pool.close();
    await expect(pool.load(linear)).rejects.toThrow('closed');
    await closed;
    expect((await Promise.all(asked)).map(sum)).toEqual([300, 100]);
    await expect((await loading).count(draw(linear, 0))).rejects.toThrow('closed');
    await pool.close();
  });
});

describe('a right half that cannot be loaded', () => {
  it('leaves the others and their requests alone', async () => {
    const pool = opened();
    const sampler = await pool.load(linear);
    const asked = sampler.count(draw(linear, 0));
    await expect(pool.load({ ...convolution, model: Uint8Array.of(1, 2, 3) })).rejects.toBeInstanceOf(
      ToolError,
    );
    await expect(pool.load({ ...convolution, classes: 6 })).rejects.toBeInstanceOf(ModelRefused);
    await expect(pool.load({ ...linear, classes: 0 })).rejects.toBeInstanceOf(RangeError);
    await expect(pool.load({ ...linear, largestBatch: 0 })).rejects.toBeInstanceOf(RangeError);
    const later = sampler.count(draw(linear, 1));
    expect(await Promise.all([asked, later])).toEqual(
      await alone(linear, [draw(linear, 0), draw(linear, 1)]),
    );
  });
});

describe('a pool', () => {
  it('of no workers, or of no rows, is refused', () => {
    expect(() => openPool({ provider: 'cpu', workers: 0, batch: 8 })).toThrow(RangeError);
    expect(() => openPool({ provider: 'cpu', workers: 1, batch: 0.5 })).toThrow(RangeError);
  });

  it('that loaded nothing closes', async () => {
    await opened().close();
  });
});
