/** Scores of logits: against SciPy (tools/golden/lipschitz.py), never steeper than stated, and summed alike in any order. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fineGridOf, gridOf, roundedNoise } from '../../src/smoothing/noise/rounded-noise.ts';
import type { Sampler } from '../../src/smoothing/sampler.ts';
import { createSampler } from '../../src/smoothing/sampler-pool.ts';
import { perLogits, perPair, scoresOf } from '../../src/smoothing/scores/score-map.ts';
import { scoreStatistic } from '../../src/smoothing/scores/score-statistic.ts';
import { drawsIn, meanOf, mirrored, noWeights, sumOfScores } from '../../src/smoothing/scores/score-sums.ts';
import { randomSource } from '../operators/random.ts';
import { linearModel } from './tiny-models.ts';

interface Golden {
  readonly maps: readonly {
    readonly logits: readonly number[];
    readonly temperature: number;
    readonly softmax: readonly number[];
    readonly sparsemax: readonly number[];
  }[];
}
const { maps } = JSON.parse(
  readFileSync(new URL('../fixtures/lipschitz-smoothing.json', import.meta.url), 'utf8'),
) as Golden;

const scored = (map: 'softmax' | 'sparsemax' | 'votes', T: number, logits: Float64Array): Float64Array => {
  const into = new Float64Array(logits.length);
  expect(scoresOf(map, T, logits, 0, into)).toBe(true);
  return into;
};

describe('scores', () => {
  it('are those of SciPy, and sum to 1', () => {
    for (const { logits, temperature, ...golden } of maps)
      for (const map of ['softmax', 'sparsemax'] as const) {
        const ours = scored(map, temperature, Float64Array.from(logits));
        for (const [c, value] of golden[map].entries()) expect(ours[c]).toBeCloseTo(value, 12);
        expect(ours.reduce((sum, s) => sum + s, 0)).toBeCloseTo(1, 14);
      }
  });

  it('of votes are 1 for the first of the largest logits; none are had of a logit that is not finite', () => {
    expect([...scored('votes', 1, Float64Array.of(1, 3, 3))]).toEqual([0, 1, 0]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(scoresOf('softmax', 1, Float64Array.of(1, bad), 0, new Float64Array(2))).toBe(false);
  });

  it('rise no faster than their constants say, and as fast at the worst place', () => {
    const random = randomSource(4);
    for (const map of ['softmax', 'sparsemax'] as const)
      for (const classes of [2, 3, 7]) {
        let steepest = 0;
        let ofLogits = 0;
        for (let k = 0; k < 400; k++) {
          const T = random.uniform(0.2, 3);
          const base = random.normals(classes).map((v) => v * (k % 2 === 0 ? 0.1 : 1));
          const step = random.normals(classes).map((v) => v * 1e-4);
          const moved = scored(
            map,
            T,
            base.map((v, i) => v + (step[i] ?? 0)),
          );
          const rise = Math.max(...scored(map, T, base).map((s, c) => Math.abs((moved[c] ?? 0) - s)));
          const pair = Math.max(...step) - Math.min(...step);
          expect(rise).toBeLessThanOrEqual(((pair * perPair(map, classes)) / T) * (1 + 1e-6));
          expect(rise).toBeLessThanOrEqual(((Math.hypot(...step) * perLogits(map)) / T) * (1 + 1e-6));
          steepest = Math.max(steepest, (rise * T) / (pair * perPair(map, classes)));
          ofLogits = Math.max(ofLogits, (rise * T) / (Math.hypot(...step) * perLogits(map)));
        }
        expect(Math.max(steepest, ofLogits)).toBeGreaterThan(classes === 2 ? 0.99 : 0.6);
      }
  });
});

describe('sums of scores', () => {
  const LOGITS = Float32Array.of(...[1, 2, 2], ...[0, -1, Number.NaN], ...[3, 0.5, 1], ...[5, 4, 3]);
  const scoring = { map: 'softmax', temperature: 2, top: 0 } as const;

  it('come to the same however the draws are dealt, and hold draws that are not finite against the class', () => {
    const whole = scoreStatistic(3, scoring);
    whole.take(LOGITS, 4);
    const [first, second] = [scoreStatistic(3, scoring), scoreStatistic(3, scoring)];
    first.take(LOGITS.subarray(9), 1);
    second.take(LOGITS, 3);
    expect(sumOfScores([first.result(), second.result()])).toEqual(whole.result());
    const { own, others, nonFinite } = whole.result();
    expect([drawsIn(own), drawsIn(others), nonFinite]).toEqual([4, 4, 1]);
    expect([own[0], others.at(-1)]).toEqual([1024, 1024]);
  });

  it('keep the mean to 2^-17, and the mean of the rest of 1 when mirrored', () => {
    const statistic = scoreStatistic(2, { ...scoring, temperature: 1 });
    let mean = 0;
    const random = randomSource(8);
    for (let k = 0; k < 200; k++) {
      const logits = random.float32s(2, 3);
      statistic.take(Float32Array.from(logits), 1);
      mean += 1 / (1 + Math.exp((logits[1] ?? 0) - (logits[0] ?? 0))) / 200;
    }
    const { own, others } = statistic.result();
    expect(Math.abs(meanOf(own) - mean)).toBeLessThan(2 ** -17);
    expect(meanOf(mirrored(own))).toBeCloseTo(1 - meanOf(own), 14);
    expect(meanOf(own) + meanOf(others)).toBeCloseTo(1, 4);
    expect(noWeights().length).toBe(own.length);
  });
});

describe('a sampler', () => {
  const samplers: Sampler[] = [];
  const model = linearModel(
    [
      [1, -2],
      [0.5, 1],
      [-1, 0],
    ],
    [0, 0.2, 0.1],
  );
  beforeAll(async () => {
    for (const [workers, batch] of [
      [1, 7],
      [2, 32],
    ] as const)
      samplers.push(
        await createSampler({
          ...{ model, latentDims: [2], classes: 3, workers, batch, provider: 'cpu', batchable: true },
        }),
      );
  });
  afterAll(() => Promise.all(samplers.map((one) => one.close())));

  const sigma = 0.7;
  const latent = Float64Array.of(0.3, -0.4);
  const draw = { latent, sigma, grid: fineGridOf(sigma), seed: 5n, stage: 1, image: 3, from: 0, to: 1000 };
  const scoring = { map: 'sparsemax', temperature: 2, top: 1 } as const;

  it('gives the same sums with any number of workers and rows per run', async () => {
    const [one, two] = await Promise.all(samplers.map((sampler) => sampler.scores(draw, scoring)));
    expect(one).toEqual(two);
    expect(drawsIn(one?.own ?? [])).toBe(1000);
  });

  it('scores the draws of the finer grid, which anyone can draw again', async () => {
    const rows = Array.from({ length: 40 }, (_, sample) =>
      roundedNoise(latent, sigma, { seed: 5n, stage: 1, image: 3, sample }, fineGridOf(sigma)),
    );
    const logits = await samplers[0]?.logits(Float32Array.from(rows.flatMap((row) => [...row])));
    const expected = scoreStatistic(3, scoring);
    expected.take(logits ?? new Float32Array(0), 40);
    expect(await samplers[1]?.scores({ ...draw, to: 40 }, scoring)).toEqual(expected.result());
    expect(gridOf(sigma) / fineGridOf(sigma)).toBe(256);
    expect(rows.some((row) => row.some((v) => v % gridOf(sigma) !== 0))).toBe(true);
  });
});
