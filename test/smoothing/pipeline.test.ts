import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ModelRefused, ToolError } from '../../src/ground/errors.ts';
import { workerFile } from '../../src/ground/worker-file.ts';
import { pipelined } from '../../src/onnx/compose/pipelined.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { startPipeline } from '../../src/smoothing/pipeline/pipeline.ts';
import type { DrawRequest } from '../../src/smoothing/sampler.ts';
import { openPool, type RightHalf, type SamplerPool } from '../../src/smoothing/sampler-pool.ts';
import type { HalfSettings } from '../../src/smoothing/sampling-protocol.ts';
import {
  batchTingedModel,
  convolutionModel,
  gatedBatchModel,
  linearModel,
  unaryModel,
} from './tiny-models.ts';

const forever = 2 ** 29;
const CPU = { provider: 'cpu', precision: 'fp32' } as const;
const KINDS = ['gaussian', 'uniform'] as const;
const ONE_DEVICE: readonly [number, ...number[]] = [0];
const SMALLEST = { workers: 1, batch: 1, centres: 2, devices: ONE_DEVICE, kind: 0, from: 0, draws: 1 };
/** One producer has to make every part around more centres than it has memory for. */
const MANY = { workers: 1, batch: 8, centres: 9, devices: ONE_DEVICE, kind: 0, from: 3, draws: 70 };
const WIDE = 20_000;
const waves = (phase: number): number[] => Array.from({ length: WIDE }, (_, i) => Math.sin(i + phase));

const pools: SamplerPool[] = [];
/** On the CPU, with one thread for the session: what a graphics card gets. */
function piped(
  workers: number,
  batch: number,
  pipeline = true,
  devices: readonly [number, ...number[]] = [0],
): SamplerPool {
  const pool = openPool({ provider: 'cpu', workers, batch, pipeline, devices });
  pools.push(pool);
  return pool;
}
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function half(model: Uint8Array, latentDims: readonly number[], classes: number): RightHalf {
  const inParts = (parts: number) => pipelined(model, classes, parts);
  return { model, latentDims, classes, batchable: true, pipelined: inParts };
}
const convolution = half(convolutionModel(), [3, 10, 10], 5);
const tie = half(
  linearModel(
    [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
    [1, 2, 2],
  ),
  [2],
  3,
);

function draw({ latentDims }: RightHalf, k = 0, to = 300): DrawRequest {
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const latent = Float64Array.from({ length: size }, (_, i) => Math.sin(i + k) * 0.5);
  return { latent, sigma: 1, seed: 42n, stage: Stage.estimation, image: k, from: 0, to };
}

describe('a pipeline gives the counts of the sampler', () => {
  const layouts = [
    [1, 1],
    [2, 7],
    [3, 64],
    [5, 3],
    [2, 1000],
  ] as const;

  it('around any number of centres that share their noise, on any number of devices', async () => {
    const each = await Promise.all(KINDS.map((noise) => piped(2, 8, false).load({ ...convolution, noise })));
    const layout = fc.record({
      workers: fc.integer({ min: 1, max: 4 }),
      batch: fc.integer({ min: 1, max: 40 }),
      centres: fc.integer({ min: 1, max: 5 }),
      devices: fc.constantFrom<readonly [number, ...number[]]>([0], [0, 1], [2, 0, 1]),
      kind: fc.nat({ max: 1 }),
      from: fc.nat({ max: 100 }),
      draws: fc.nat({ max: 150 }),
    });
    await fc.assert(
      fc.asyncProperty(layout, async ({ workers, batch, centres, devices, kind, from, draws }) => {
        const noise = KINDS[kind] ?? 'gaussian';
        const requests = Array.from({ length: centres }, (_, k) => ({
          ...draw(convolution, k),
          ...{ image: 4, from, to: from + draws },
        }));
        const pool = piped(workers, batch, true, devices);
        const sampler = await pool.load({ ...convolution, noise });
        const [together, ...alone] = await Promise.all([
          sampler.countTogether(requests),
          ...requests.map((request) => each[kind]?.count(request)),
        ]);
        await pool.close();
        expect(together).toEqual(alone);
      }),
      { numRuns: 8, seed: 7, examples: [[SMALLEST], [MANY]] },
    );
  });

  it('around centres that share their noise, parts of which are made in several turns of the kernel', async () => {
    const wide = half(linearModel([waves(0), waves(1)], [0, 0]), [WIDE], 2);
    const requests = [0, 0.02, 0.04].map((scale) => ({
      ...{ ...draw(wide, 0, 100), image: 4 },
      latent: Float64Array.from(waves(0), (value) => scale * value),
    }));
    const [one, two] = await Promise.all([piped(1, 12).load(wide), piped(1, 8, false).load(wide)]);
    const alone = await Promise.all(requests.map((request) => two.count(request)));
    expect(await one.countTogether(requests)).toEqual(alone);
    expect(new Set(alone.map(({ counts }) => counts[0])).size).toBe(3);
    expect(Math.max(...alone.flatMap(({ counts }) => counts))).toBeLessThan(100);
  });

  it('on two devices, for many images at once', async () => {
    const [one, two] = await Promise.all([
      piped(3, 16, true, [0, 1]).load(convolution),
      piped(2, 8, false).load(convolution),
    ]);
    const requests = Array.from({ length: 6 }, (_, k) => draw(convolution, k, 50 * k));
    const [counts, expected] = await Promise.all(
      [one, two].map((sampler) => Promise.all(requests.map((request) => sampler.count(request)))),
    );
    expect(counts).toEqual(expected);
    const scoring = { map: 'softmax', temperature: 1, top: 1 } as const;
    expect(await one.scores(draw(convolution), scoring)).toEqual(
      await two.scores(draw(convolution), scoring),
    );
  });

  it.each(layouts)('with %i producers and batches of %i', async (workers, batch) => {
    const requests = [
      draw(convolution),
      draw(convolution, 1, 1),
      { ...draw(convolution, 2), from: 17 },
      draw(convolution, 3, 0),
    ];
    const [one, two] = await Promise.all([
      piped(workers, batch).load(convolution),
      piped(2, 8, false).load(convolution),
    ]);
    const [counts, expected] = await Promise.all(
      [one, two].map((sampler) => Promise.all(requests.map((request) => sampler.count(request)))),
    );
    expect(counts).toEqual(expected);
    expect(one.votesCounted).toBe('graph');
    expect(one.noise).toBe(two.noise);
  });

  it.each([
    ['NaN', half(unaryModel('Sqrt'), [2], 2)],
    ['an infinity', half(unaryModel('Reciprocal'), [2], 2)],
    ['no largest but a tie', tie],
  ])('for rows with %s', async (what, each) => {
    const request = { ...draw(each, 0, 1000), latent: new Float64Array(2), grid: 2 ** -4 };
    const [one, two] = await Promise.all([piped(2, 12).load(each), piped(1, 8, false).load(each)]);
    const counts = await one.count(request);
    expect(counts).toEqual(await two.count(request));
    expect(one.votesCounted).toBe('graph');
    expect(counts.nonFinite > 0).toBe(what !== 'no largest but a tie');
  });

  it('where the votes are counted on the host, and rows are made by one producer at a time', async () => {
    const { pipelined: _, ...plain } = convolution;
    const [one, two] = await Promise.all([piped(3, 8).load(plain), piped(1, 8, false).load(plain)]);
    expect(one.votesCounted).toBe('host');
    expect(await one.count(draw(plain))).toEqual(await two.count(draw(plain)));
  });

  it('and its scores and logits', async () => {
    const [one, two] = await Promise.all([
      piped(3, 16).load(convolution),
      piped(1, 8, false).load(convolution),
    ]);
    const scoring = { map: 'softmax', temperature: 1, top: 1 } as const;
    expect(await one.scores(draw(convolution), scoring)).toEqual(
      await two.scores(draw(convolution), scoring),
    );
    const rows = Float32Array.from({ length: 33 * 300 }, (_, i) => Math.cos(i));
    expect(await one.logits(rows)).toEqual(await two.logits(rows));
  });

  it('with uniform noise, another seed and another grid', async () => {
    const uniform = { ...convolution, noise: 'uniform' } as const;
    const request = { ...draw(convolution), seed: 2n ** 40n, grid: 2 ** -4 };
    const [one, two] = await Promise.all([piped(2, 16).load(uniform), piped(1, 8, false).load(uniform)]);
    expect(await one.count(request)).toEqual(await two.count(request));
  });

  it('for many images and two right halves at once, whose latents differ in size', async () => {
    const pool = piped(3, 16);
    const [one, two] = await Promise.all([pool.load(convolution), pool.load(tie)]);
    const ks = Array.from({ length: 8 }, (_, k) => k);
    const counted = await Promise.all(
      ks.flatMap((k) => [one.count(draw(convolution, k)), two.count(draw(tie, k))]),
    );
    const alone = await piped(1, 8, false).load(convolution);
    for (const k of ks) {
      expect(counted[2 * k]).toEqual(await alone.count(draw(convolution, k)));
      expect(counted[2 * k + 1]).toEqual({ counts: [0, 300, 0], nonFinite: 0 });
    }
  });
});

describe('a pipeline keeps what the sampler promises', () => {
  it('an abort ends one count and no other', async () => {
    const sampler = await piped(2, 8).load(convolution);
    const controller = new AbortController();
    const { signal } = controller;
    const before = sampler.count(draw(convolution));
    const onProgress = () => controller.abort(new Error('enough'));
    const long = sampler.count({ ...draw(convolution, 1, forever), signal, onProgress });
    const waiting = sampler.count({ ...draw(convolution, 2, forever), signal });
    const after = sampler.count(draw(convolution, 0));
    await expect(long).rejects.toThrow('enough');
    await expect(waiting).rejects.toThrow('enough');
    expect(await after).toEqual(await before);
    await expect(sampler.count({ ...draw(convolution), signal })).rejects.toThrow('enough');
  });

  it('progress goes up, to the end', async () => {
    const sampler = await piped(2, 8, true, [0, 1]).load(convolution);
    const seen: number[] = [];
    const onProgress = (done: number) => seen.push(done);
    const request = draw(convolution, 0, 10_000);
    await sampler.countTogether([
      { ...request, onProgress },
      { ...draw(convolution, 1, 10_000), image: 0 },
    ]);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toBe(10_000);
  });

  it('rows that see each other where the draws are, are refused', async () => {
    const gated = await piped(2, 8).load(half(gatedBatchModel(), [2], 2));
    const near = { ...draw(tie), latent: new Float64Array(2) };
    await gated.count(near);
    const far = { ...near, latent: Float64Array.of(9, 9) };
    await expect(gated.count(far)).rejects.toBeInstanceOf(ModelRefused);
    await gated.count({ ...far, continued: true });
  });

  it('rows that depend on their batch in the last bit are run alone', async () => {
    const tinged = half(batchTingedModel(), [2], 2);
    const [one, two] = await Promise.all([piped(2, 8).load(tinged), piped(1, 1, false).load(tinged)]);
    expect(one.batch).toBe(1);
    expect(await one.count(draw(tinged))).toEqual(await two.count(draw(tinged)));
  });

  it('a right half that cannot be loaded leaves the others alone', async () => {
    const pool = piped(2, 8);
    const sampler = await pool.load(convolution);
    await expect(
      pool.load({ ...convolution, model: Uint8Array.of(1), pipelined: () => null }),
    ).rejects.toBeInstanceOf(ToolError);
    await expect(pool.load({ ...convolution, classes: 6 })).rejects.toBeInstanceOf(ModelRefused);
    expect((await sampler.count(draw(convolution))).nonFinite).toBe(0);
  });

  it('what was asked is finished before it closes, and nothing is taken afterwards', async () => {
    const sampler = await piped(2, 8).load(convolution);
    const asked = [sampler.count(draw(convolution)), sampler.count(draw(convolution, 1, 100))];
    await sampler.close();
    expect((await Promise.all(asked)).map(({ counts }) => counts.reduce((a, b) => a + b))).toEqual([
      300, 100,
    ]);
    await expect(sampler.count(draw(convolution))).rejects.toThrow('closed');
  });
});

describe('a thread of a pipeline that dies', () => {
  const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const built = {
    session: workerFile('#session-thread', 'it'),
    producer: workerFile('#noise-producer', 'it'),
  };
  const settings: HalfSettings = {
    ...{ model: convolution.model, latentDims: convolution.latentDims, classes: 5, batch: 8 },
    ...CPU,
  };

  it.each([
    ['a producer', { ...built, producer: script('dying-producer.mjs') }],
    ['the session of one of two devices', { ...built, session: script('dying-session.mjs') }],
  ])('%s: is an error for every count, and closing still works', async (_, scripts) => {
    const threads = await startPipeline(2, [0, 1], scripts);
    await threads.load(0, settings);
    const counts = [0, 1].map((k) =>
      threads.tally(0, [draw(convolution, k, forever)], { kind: 'votes' }, CPU),
    );
    for (const each of await Promise.allSettled(counts))
      expect(each).toMatchObject({ reason: { report: { why: 'it ended with code 3' } } });
    await threads.unload(0);
    await threads.close();
  });

  it('because its script is broken is an error with the reason', async () => {
    const broken = { ...built, producer: script('no-such-worker.mjs') };
    await expect(startPipeline(1, [0], broken)).rejects.toMatchObject({
      report: { what: 'a sampling worker died', why: expect.stringContaining('no-such-worker') },
    });
  });
});
