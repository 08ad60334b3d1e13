import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelRefused, ToolError } from '../../src/ground/errors.ts';
import { Stage } from '../../src/smoothing/noise/philox.ts';
import { roundedNoise } from '../../src/smoothing/noise/rounded-noise.ts';
import type { DrawRequest, Sampler } from '../../src/smoothing/sampler.ts';
import { createSampler, type PoolSettings, type RightHalf } from '../../src/smoothing/sampler-pool.ts';
import {
  batchTingedModel,
  convolutionModel,
  gatedBatchModel,
  linearModel,
  logarithmModel,
} from './tiny-models.ts';

const open: Sampler[] = [];
async function sampler(
  settings: Partial<PoolSettings & RightHalf> & Pick<RightHalf, 'model' | 'latentDims' | 'classes'>,
) {
  const made = await createSampler({ workers: 1, batch: 8, provider: 'cpu', batchable: true, ...settings });
  open.push(made);
  return made;
}
afterAll(async () => {
  await Promise.all(open.map((each) => each.close()));
});

const small = { model: convolutionModel(), latentDims: [3, 10, 10], classes: 5 } as const;
const latent = Float64Array.from({ length: 300 }, (_, i) => Math.sin(i) * 0.5);
const draw: DrawRequest = {
  latent,
  sigma: 1,
  seed: 42n,
  stage: Stage.estimation,
  image: 7,
  from: 0,
  to: 500,
};

describe('votes', () => {
  let one: Sampler;
  beforeAll(async () => {
    one = await sampler(small);
  });

  it('are those of the TypeScript noise and a plain argmax of the logits', async () => {
    const { counts, nonFinite } = await one.count({ ...draw, to: 60 });
    const rows = new Float32Array(60 * 300);
    for (let sample = 0; sample < 60; sample++)
      rows.set(roundedNoise(latent, 1, { seed: 42n, stage: 1, image: 7, sample }), sample * 300);
    const logits = await one.logits(rows);
    const expected = [0, 0, 0, 0, 0];
    for (let sample = 0; sample < 60; sample++) {
      const row = [...logits.subarray(sample * 5, sample * 5 + 5)];
      const top = row.indexOf(Math.max(...row));
      expected[top] = (expected[top] ?? 0) + 1;
    }
    expect(counts).toEqual(expected);
    expect(nonFinite).toBe(0);
    expect(counts.filter((count) => count > 0).length).toBeGreaterThan(1);
  });

  it.each([
    { workers: 2, batch: 8 },
    { workers: 3, batch: 1 },
    { workers: 2, batch: 64 },
    { workers: 1, batch: 500 },
    { workers: 2, batch: 1000 },
    { workers: 2, batch: 16, batchable: false },
  ])('do not depend on workers, batch size or batching: %j', async (settings) => {
    const other = await sampler({ ...small, ...settings });
    expect(await other.count(draw)).toEqual(await one.count(draw));
  });

  it('add up over any partition, in any order', async () => {
    const whole = await one.count(draw);
    const sum = [0, 0, 0, 0, 0];
    for (const [from, to] of [
      [333, 500],
      [0, 1],
      [1, 100],
      [100, 333],
      [200, 200],
    ] as const) {
      const { counts } = await one.count({ ...draw, from, to });
      for (const [c, count] of counts.entries()) sum[c] = (sum[c] ?? 0) + count;
    }
    expect(sum).toEqual(whole.counts);
  });

  it('change with the seed, the stage and the image', async () => {
    const base = await one.count(draw);
    expect(await one.count(draw)).toEqual(base);
    for (const change of [{ seed: 43n }, { seed: 42n + 2n ** 32n }, { stage: Stage.selection }, { image: 8 }])
      expect(await one.count({ ...draw, ...change })).not.toEqual(base);
  });

  it('asked for at the same time are the same', async () => {
    const [a, b] = await Promise.all([one.count(draw), one.count(draw)]);
    expect(a).toEqual(b);
  });

  it('go to the first of equal logits', async () => {
    const tie = await sampler({
      model: linearModel([[0], [0], [0]], [1, 2, 2]),
      latentDims: [1],
      classes: 3,
    });
    expect(await tie.count({ ...draw, latent: new Float64Array(1) })).toEqual({
      counts: [0, 500, 0],
      nonFinite: 0,
    });
  });

  it('keep rows with a non-finite logit apart', async () => {
    const logarithm = await sampler({ model: logarithmModel(), latentDims: [2], classes: 2 });
    const { counts, nonFinite } = await logarithm.count({ ...draw, latent: new Float64Array(2), to: 2000 });
    let negative = 0;
    for (let sample = 0; sample < 2000; sample++) {
      const [x = 0] = roundedNoise(new Float64Array(2), 1, { seed: 42n, stage: 1, image: 7, sample });
      if (x <= 0) negative++;
    }
    expect(nonFinite).toBe(negative);
    expect(counts.reduce((sum, count) => sum + count, nonFinite)).toBe(2000);
  });
});

describe('a long count', () => {
  const forever = { ...draw, to: 2 ** 29 };

  it('ends at an abort, and the sampler goes on', async () => {
    const busy = await sampler({ ...small, workers: 2 });
    const controller = new AbortController();
    const interrupted = busy.count({ ...forever, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('Ctrl-C')), 100);
    await expect(interrupted).rejects.toThrow('Ctrl-C');
    expect((await busy.count(draw)).counts.reduce((sum, count) => sum + count)).toBe(500);
    await expect(busy.count({ ...draw, signal: controller.signal })).rejects.toThrow('Ctrl-C');
  });

  it('reports how far it is', async () => {
    const busy = await sampler({ ...small, workers: 2 });
    const controller = new AbortController();
    const seen: number[] = [];
    const counting = busy.count({
      ...forever,
      signal: controller.signal,
      onProgress: (done) => {
        seen.push(done);
        if (seen.length === 4) controller.abort();
      },
    });
    await expect(counting).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen.length).toBeGreaterThanOrEqual(4);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const last: number[] = [];
    await busy.count({ ...draw, onProgress: (done) => last.push(done) });
    expect(last.at(-1)).toBe(500);
  });
});

describe('what cannot be sampled is refused in words', () => {
  it('a model of another width', async () => {
    const wrong = sampler({ ...small, classes: 6 });
    await expect(wrong).rejects.toBeInstanceOf(ModelRefused);
    await expect(wrong).rejects.toMatchObject({ report: { why: expect.stringContaining('[1, 6]') } });
  });

  it('bytes that are not a model', async () => {
    await expect(sampler({ ...small, model: Uint8Array.of(1, 2, 3) })).rejects.toBeInstanceOf(ToolError);
  });

  it('a fixed batch of one row, asked for eight at a time; row by row it works', async () => {
    const fixed = { model: linearModel([[1], [-1]], [0, 0], 1), latentDims: [1], classes: 2 };
    const rowByRow = await sampler({ ...fixed, batchable: false, batch: 32 });
    expect(rowByRow.batch).toBe(1);
    const { counts } = await rowByRow.count({ ...draw, latent: new Float64Array(1) });
    const free = await sampler({ ...fixed, model: linearModel([[1], [-1]], [0, 0]) });
    expect(counts).toEqual((await free.count({ ...draw, latent: new Float64Array(1) })).counts);
    await expect(sampler(fixed)).rejects.toBeInstanceOf(ModelRefused);
  });

  it('a latent of another size, or samples that are none', async () => {
    const one = await sampler(small);
    expect(() => one.count({ ...draw, latent: new Float64Array(3) })).toThrow(RangeError);
    expect(() => one.count({ ...draw, from: 5, to: 4 })).toThrow(RangeError);
    expect(() => one.count({ ...draw, sigma: 0 })).toThrow(RangeError);
    expect(() => one.logits(new Float32Array(301))).toThrow(RangeError);
  });

  it('anything after close', async () => {
    const closed = await sampler(small);
    await closed.close();
    await closed.close();
    await expect(closed.count(draw)).rejects.toThrow('closed');
  });
});

describe('one fixed function', () => {
  const latentOf = { latentDims: [2], classes: 2 } as const;

  it('rows whose logits depend on the batch in the last bit are run alone, so the batch asked for changes no logit', async () => {
    const tinged = { ...latentOf, model: batchTingedModel() };
    const [eight, two] = [
      await sampler({ ...tinged, batch: 8, workers: 2 }),
      await sampler({ ...tinged, batch: 2 }),
    ];
    expect([eight.batch, two.batch]).toEqual([1, 1]);
    const rows = Float32Array.from({ length: 40 }, (_, i) => Math.cos(i));
    expect(await eight.logits(rows)).toEqual(await two.logits(rows));
  });

  it('rows that see each other only where the certificate draws are found there, and refused', async () => {
    const gated = await sampler({ ...latentOf, model: gatedBatchModel(), batch: 8 });
    // The gate is closed around 0, where everything is compared before the run.
    expect(gated.batch).toBe(8);
    await gated.count({ ...draw, latent: new Float64Array(2) });
    const behind = gated.count({ ...draw, latent: Float64Array.of(9, 9) });
    await expect(behind).rejects.toBeInstanceOf(ModelRefused);
    await expect(behind).rejects.toMatchObject({ report: { remedy: expect.stringContaining('--batch 1') } });
    // Draws that go on from others were compared with them.
    await gated.count({ ...draw, latent: Float64Array.of(9, 9), continued: true });
    const alone = await sampler({ ...latentOf, model: gatedBatchModel(), batch: 1 });
    await alone.count({ ...draw, latent: Float64Array.of(9, 9) });
  });

  it('rows that are the same to the bit keep their batch', async () => {
    expect((await sampler({ ...small, batch: 8 })).batch).toBe(8);
  });
});

const TRAINED = new URL('../../../shared/models/noise-trained/noise_mnist_0.5_ts17.onnx', import.meta.url);

describe.skipIf(!existsSync(TRAINED))(
  'on a trained MNIST network (skipped where shared models are absent)',
  () => {
    it('1, 2 and 3 workers and batches of 1, 8 and 64 give the same votes', async () => {
      const trained = { model: Uint8Array.from(readFileSync(TRAINED)), latentDims: [1, 28, 28], classes: 10 };
      const image = Float32Array.from({ length: 784 }, (_, i) => (Math.sin(i / 9) > 0.6 ? 1 : 0));
      const request = { ...draw, latent: Float64Array.from(image), sigma: 0.5, to: 300 };
      const seen = new Set<string>();
      for (const [workers, batch] of [
        [1, 1],
        [2, 8],
        [3, 64],
      ] as const) {
        const each = await sampler({ ...trained, workers, batch });
        seen.add(JSON.stringify(await each.count(request)));
      }
      expect(seen.size).toBe(1);
    });
  },
);
