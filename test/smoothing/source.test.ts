import { describe, expect, it } from 'vitest';
import { createKernelSource } from '../../src/smoothing/noise/kernel-source.ts';
import { gridOf, NOISE_ID, roundedNoise } from '../../src/smoothing/noise/rounded-noise.ts';

const counter = { seed: 5n, stage: 1, image: 3, sample: 40 };
const here = Float64Array.from({ length: 6 }, (_, i) => i / 7);
const there = here.map((value) => 1 - value);

const bits = (x: Float32Array): number[] => [...new Int32Array(x.slice().buffer)];

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

  it.each(['gaussian', 'uniform'] as const)(
    'places %s noise drawn once around several centres as if it were drawn for each, bit for bit',
    (kind) => {
      for (const size of [1, 3, 6, 16, 17, 50]) {
        const alone = createKernelSource([size], 3, kind);
        const together = createKernelSource([size], 3, kind, 3);
        const centre = Float64Array.from({ length: size }, (_, i) => Math.sin(i) * 3);
        for (const sigma of [0.3, 2]) {
          // What lies in the rows and behind them must not matter.
          together.rows.data.fill(9);
          together.draw(sigma, gridOf(sigma), counter, 2);
          for (const around of [centre, centre.map((x) => 1e6 * x), centre.map((x) => -x)]) {
            together.place(around, 0, 2);
            alone.fill(around, sigma, gridOf(sigma), counter, 2);
            const drawn = 2 * size;
            expect(bits(together.rows.data.subarray(0, drawn))).toEqual(
              bits(alone.rows.data.subarray(0, drawn)),
            );
            expect([...together.rows.data.subarray(drawn)]).toEqual(new Array(size).fill(9));
            together.place(around, 1, 1);
            expect(bits(together.rows.data.subarray(0, size))).toEqual(
              bits(alone.rows.data.subarray(size, drawn)),
            );
            together.rows.data.fill(9, drawn);
          }
        }
      }
    },
  );

  it('draws noise alone only where room was made for it', () => {
    expect(() => createKernelSource([6], 3).draw(1, gridOf(1), counter, 2)).toThrow(RangeError);
    expect(() => createKernelSource([6], 3, 'gaussian', 3).draw(1, gridOf(1), counter, 4)).toThrow(
      RangeError,
    );
  });

  it('places only what was drawn, and no more rows than the batch has', () => {
    const source = createKernelSource([6], 2, 'gaussian', 4);
    source.draw(1, gridOf(1), counter, 3);
    const centre = new Float64Array(6);
    source.place(centre, 1, 2);
    expect(() => source.place(centre, 2, 2)).toThrow(RangeError);
    expect(() => source.place(centre, 0, 3)).toThrow(RangeError);
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
