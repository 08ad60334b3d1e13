import { afterEach, describe, expect, it } from 'vitest';
import { ModelRefused, ToolError } from '../../src/ground/errors.ts';
import { drawGroup } from '../../src/smoothing/draw-group.ts';
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
import { batchTingedModel, convolutionModel, gatedBatchModel, linearModel } from './tiny-models.ts';

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

describe('draws around several centres that share their noise', () => {
  const around = (k: number): DrawRequest => ({ ...draw(convolution, k), image: 4 });

  it.each([
    { workers: 1, batch: 8 },
    { workers: 2, batch: 1 },
    { workers: 3, batch: 16 },
  ])('give each the votes that it has alone: %j', async (settings) => {
    const sampler = await opened(settings).load(convolution);
    const requests = [0, 1, 2, 3, 4].map(around);
    const heard = requests.map(() => 0);
    const votes = await sampler.countTogether(
      requests.map((request, k) => ({
        ...request,
        onProgress: (done: number) => {
          heard[k] = done;
        },
      })),
    );
    expect(votes).toEqual(await alone(convolution, requests));
    expect(heard).toEqual([300, 300, 300, 300, 300]);
    expect(new Set(votes.map((each) => JSON.stringify(each))).size).toBeGreaterThan(2);
    // And a lone one after them.
    expect(await sampler.count(around(7))).toEqual((await alone(convolution, [around(7)]))[0]);
  });

  it('are refused where the noise is not the same', async () => {
    const sampler = await opened().load(linear);
    const request = draw(linear, 1);
    for (const other of [
      { ...request, image: 2 },
      { ...request, sigma: 2 },
      { ...request, seed: 1n },
      { ...request, stage: 9 },
      { ...request, to: 299 },
      { ...request, grid: 2 ** -5 },
    ])
      expect(() => sampler.countTogether([request, other])).toThrow('draws of different noise');
    expect(() => sampler.countTogether([])).toThrow('no draws');
  });

  it('are refused where the rows see each other around any of them', async () => {
    const sampler = await opened({ workers: 1, batch: 8 }).load({
      ...{ model: gatedBatchModel(), latentDims: [2], classes: 2, batchable: true },
    });
    const at = (value: number): DrawRequest => ({
      ...draw(linear, 1),
      latent: Float64Array.of(value, value),
    });
    await expect(sampler.countTogether([at(0), at(9), at(0)])).rejects.toThrow('see each other');
    expect(await sampler.countTogether([at(0), at(0)])).toHaveLength(2);
  });
});

describe('a group of images that share their noise', () => {
  it('is drawn once all present have asked, what is the same noise together, and does not wait for who left', async () => {
    const asked: number[][] = [];
    const sampler = {
      countTogether: async (requests: readonly DrawRequest[]) => {
        asked.push(requests.map(({ latent }) => latent[0] ?? 0));
        return requests.map(({ latent }) => ({ counts: [latent[0] ?? 0], nonFinite: 0 }));
      },
    } as unknown as Sampler;
    const request = (k: number, to = 10): DrawRequest => ({
      ...draw(linear, 0, to),
      latent: Float64Array.of(k, 0),
    });
    const group = drawGroup(3);
    const first = group.count(sampler, request(1));
    const second = group.count(sampler, request(2, 20));
    await Promise.resolve();
    expect(asked).toEqual([]);
    const third = group.count(sampler, request(3));
    expect(await Promise.all([first, second, third])).toEqual(
      [1, 2, 3].map((k) => ({ counts: [k], nonFinite: 0 })),
    );
    expect(asked).toEqual([[1, 3], [2]]);
    const left = group.count(sampler, request(4));
    group.leave();
    const last = group.count(sampler, request(5));
    expect(await Promise.all([left, last])).toHaveLength(2);
    expect(asked.at(-1)).toEqual([4, 5]);
    const alone = group.count(sampler, request(6));
    group.leave();
    expect(await alone).toEqual({ counts: [6], nonFinite: 0 });
  });

  it('tells everybody who waits of a failure', async () => {
    const sampler = { countTogether: () => Promise.reject(new Error('broken')) } as unknown as Sampler;
    const group = drawGroup(2);
    const both = [group.count(sampler, draw(linear, 0)), group.count(sampler, draw(linear, 0))];
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
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
