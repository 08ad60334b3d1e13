import { describe, expect, it } from 'vitest';
import { gaussianNoise, Stage } from '../../src/smoothing/noise/philox.ts';
import { createTrainingNoise } from '../../src/training/noise.ts';

const COUNT = 20_000;
const noise = createTrainingNoise(9, { training: COUNT, validation: 100 });
/** `training` gives a view that the next call overwrites. */
const step = (epoch: number, k: number): Float32Array => noise.training(epoch, k).slice();

// Statistical tests on fixed seeds: each statistic is standard normal to good accuracy, refused beyond 5.5, which happens
// with probability 3.8e-8; at most 1e-6 for all of this file together, had the seeds been drawn anew.
const REFUSED_BEYOND = 5.5;

describe('the noise of a training step', () => {
  it('is a pure function of seed, epoch and step', () => {
    const first = step(3, 7);
    step(0, 0);
    noise.validation(3, 7);
    expect(step(3, 7)).toEqual(first);
    const again = createTrainingNoise(9, { training: COUNT, validation: 5 * COUNT });
    expect(again.training(3, 7)).toEqual(first);
  });

  it('is the Philox noise of a stage of its own, as the reference defines it', () => {
    const counter = { seed: 9n, image: 3, sample: 7 };
    expect(step(3, 7)).toEqual(gaussianNoise(COUNT, { ...counter, stage: Stage.training }));
    expect(noise.validation(3, 7).slice()).toEqual(
      gaussianNoise(100, { ...counter, stage: Stage.validation }),
    );
  });

  it('shares its stage with nothing else', () => {
    const stages = Object.values(Stage);
    expect(new Set(stages).size).toBe(stages.length);
  });

  it('has mean 0, variance 1 and the fourth moment 3', () => {
    const STEPS = 50;
    const sums = [0, 0, 0];
    for (let k = 0; k < STEPS; k++)
      for (const x of noise.training(1, k))
        for (const [j, power] of [x, x * x, x ** 4].entries()) sums[j] = sums[j]! + power;
    const expected = [0, 1, 3];
    const variance = [1, 2, 96];
    for (const [j, sum] of sums.entries()) {
      const total = COUNT * STEPS;
      const z = (sum / total - expected[j]!) / Math.sqrt(variance[j]! / total);
      expect(Math.abs(z), `statistic ${j}`).toBeLessThan(REFUSED_BEYOND);
    }
  });

  it.each([
    ['the next step', () => step(2, 5)],
    ['the same step of the next epoch', () => step(3, 4)],
    ['epoch and step exchanged', () => step(4, 2)],
    ['another seed', () => createTrainingNoise(10, { training: COUNT, validation: 1 }).training(2, 4)],
    [
      "a certificate's noise under the same seed",
      () => gaussianNoise(COUNT, { seed: 9n, stage: 1, image: 2, sample: 4 }),
    ],
  ])('is uncorrelated with %s', (_, other) => {
    const [a, b] = [step(2, 4), other()];
    const sum = a.reduce((total, x, k) => total + x * b[k]!, 0);
    expect(Math.abs(sum / Math.sqrt(COUNT))).toBeLessThan(REFUSED_BEYOND);
  });
});

describe('uniform numbers of a step', () => {
  it('are a pure function of seed, epoch, step and stream, and the first ones do not depend on how many', () => {
    const long = noise.uniforms(1, 2, 3, 103);
    expect(noise.uniforms(1, 2, 3, 103)).toEqual(long);
    expect(noise.uniforms(1, 2, 3, 50)).toEqual(long.slice(0, 50));
    for (const other of [
      noise.uniforms(2, 2, 3, 103),
      noise.uniforms(1, 3, 3, 103),
      noise.uniforms(1, 2, 4, 103),
    ])
      expect(other).not.toEqual(long);
  });

  it('lie strictly between 0 and 1, with mean 1/2, variance 1/12 and no correlation to the next', () => {
    const n = 100_000;
    const values = noise.uniforms(0, 0, 0, n);
    expect(values.every((u) => u > 0 && u < 1)).toBe(true);
    const centred = Float64Array.from(values, (u) => u - 0.5);
    const mean = centred.reduce((a, b) => a + b, 0) / n;
    const variance = centred.reduce((a, b) => a + b * b, 0) / n;
    const lagged = centred.reduce((a, b, k) => a + b * (centred[k + 1] ?? 0), 0) / n;
    expect(Math.abs(mean) / Math.sqrt(1 / 12 / n)).toBeLessThan(REFUSED_BEYOND);
    expect(Math.abs(variance - 1 / 12) / Math.sqrt(1 / 180 / n)).toBeLessThan(REFUSED_BEYOND);
    expect(Math.abs(lagged) / Math.sqrt(1 / 144 / n)).toBeLessThan(REFUSED_BEYOND);
  });

  it('refuses a stream that would run into another', () => {
    expect(() => noise.uniforms(0, 0, 256, 1)).toThrow(RangeError);
  });
});
