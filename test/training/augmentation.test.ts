import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImageShape } from '../../src/datasets/dataset.ts';
import { AUGMENTATIONS, drawPlacement, largestShift, place } from '../../src/training/augmentation.ts';

const CIFAR: ImageShape = [3, 32, 32];

const cases = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  .chain(([c, h, w]) =>
    fc.record({
      shape: fc.constant<ImageShape>([c, h, w]),
      image: fc.array(fc.float({ min: 0, max: 1, noNaN: true }), {
        minLength: c * h * w,
        maxLength: c * h * w,
      }),
      down: fc.integer({ min: -4, max: 4 }),
      across: fc.integer({ min: -4, max: 4 }),
    }),
  );

function placed(
  image: readonly number[],
  shape: ImageShape,
  placement: Parameters<typeof place>[2],
): number[] {
  const target = new Float32Array(image.length + 2).fill(9);
  place(Float32Array.from(image), shape, placement, target, 1);
  expect([target[0], target.at(-1)]).toEqual([9, 9]);
  return [...target.subarray(1, -1)];
}

describe('placing an image', () => {
  it('shifts it exactly, with zeros coming in', () => {
    fc.assert(
      fc.property(cases, ({ shape, image, down, across }) => {
        const [, rows, columns] = shape;
        const result = placed(image, shape, { down, across, mirrored: false });
        for (const [k, pixel] of result.entries()) {
          const [y, x] = [(Math.floor(k / columns) % rows) - down, (k % columns) - across];
          const from = k - down * columns - across;
          const inside = y >= 0 && y < rows && x >= 0 && x < columns;
          expect(pixel).toBe(inside ? image[from] : 0);
        }
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('mirrors it exactly: left and right change places, twice is nothing', () => {
    fc.assert(
      fc.property(cases, ({ shape, image }) => {
        const columns = shape[2];
        const mirror = { down: 0, across: 0, mirrored: true };
        const once = placed(image, shape, mirror);
        for (const [k, pixel] of once.entries())
          expect(pixel).toBe(image[k - (k % columns) + columns - 1 - (k % columns)]);
        expect(placed(once, shape, mirror)).toEqual(image);
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  it('shifts the mirror image when both are asked for', () => {
    fc.assert(
      fc.property(cases, ({ shape, image, down, across }) => {
        const mirrored = placed(image, shape, { down: 0, across: 0, mirrored: true });
        const both = placed(image, shape, { down, across, mirrored: true });
        expect(both).toEqual(placed(mirrored, shape, { down, across, mirrored: false }));
      }),
      { numRuns: 100, seed: 3 },
    );
  });
});

describe('the placement of an image', () => {
  it('is a pure function of seed, epoch and image, and another for another of each', () => {
    const at = (seed: number, epoch: number) =>
      Array.from({ length: 20 }, (_, image) => drawPlacement('crop+flip', CIFAR, { seed, epoch, image }));
    expect(at(1, 2)).toEqual(at(1, 2));
    expect(at(1, 2)).not.toEqual(at(1, 3));
    expect(at(1, 2)).not.toEqual(at(2, 2));
    expect(new Set(at(1, 2).map((placement) => JSON.stringify(placement))).size).toBeGreaterThan(10);
  });

  it.each(AUGMENTATIONS)('%s does what its name says and no more', (augment) => {
    const drawn = Array.from({ length: 200 }, (_, image) =>
      drawPlacement(augment, CIFAR, { seed: 1, epoch: 0, image }),
    );
    expect(drawn.some(({ down, across }) => down !== 0 || across !== 0)).toBe(augment.includes('crop'));
    expect(drawn.some(({ mirrored }) => mirrored)).toBe(augment.includes('flip'));
  });

  it('shifts by up to 4 pixels of 32, 2 of 28, 28 of 224, and at least 1', () => {
    expect(
      [CIFAR, [1, 28, 28], [3, 224, 224], [1, 8, 8]].map((shape) => largestShift(shape as ImageShape)),
    ).toEqual([4, 2, 28, 1]);
  });

  it('takes each of the 9 × 9 × 2 placements equally often', () => {
    // 162 placements, 81,000 draws: chi-square with 161 degrees of freedom, beyond 290 with probability 2e-9.
    const counts = new Map<string, number>();
    for (let image = 0; image < 81_000; image++) {
      const key = JSON.stringify(drawPlacement('crop+flip', CIFAR, { seed: 3, epoch: 1, image }));
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(162);
    expect([...counts.values()].reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0)).toBeLessThan(290);
  });
});
