import { describe, expect, it } from 'vitest';
import { createKernelSource } from '../../src/smoothing/noise/kernel-source.ts';
import { gridOf, NOISE_ID, roundedNoise } from '../../src/smoothing/noise/rounded-noise.ts';

const counter = { seed: 5n, stage: 1, image: 3, sample: 40 };
const here = Float64Array.from({ length: 6 }, (_, i) => i / 7);
const there = here.map((value) => 1 - value);

describe('the source of noise of a worker', () => {
  it('names the noise that result files record', () => {
    expect(createKernelSource([6], 1).id).toBe(NOISE_ID);
  });

  it('fills row i with sample + i of the noise as it is defined, whatever was filled before', () => {
    const source = createKernelSource([2, 3], 4);
    expect(source.rows.dims).toEqual([4, 2, 3]);
    for (const [centre, sigma] of [
      [here, 0.5],
      [there, 0.5],
      [there, 2],
      [here, 2],
      [here, 2],
    ] as const) {
      source.fill(centre, sigma, gridOf(sigma), counter, 4);
      for (let row = 0; row < 4; row++)
        expect(source.rows.data.slice(row * 6, row * 6 + 6)).toEqual(
          roundedNoise(centre, sigma, { ...counter, sample: 40 + row }),
        );
    }
  });

  it('leaves rows beyond the count as they are, and refuses more rows than the batch has', () => {
    const source = createKernelSource([6], 3);
    source.rows.data.fill(9);
    source.fill(here, 1, gridOf(1), counter, 2);
    expect([...source.rows.data.subarray(12)]).toEqual([9, 9, 9, 9, 9, 9]);
    expect([...source.rows.data.subarray(0, 12)]).not.toContain(9);
    expect(() => source.fill(here, 1, gridOf(1), counter, 4)).toThrow(RangeError);
  });
});
