import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { drawPlacement, place } from '../../src/training/augmentation.ts';
import {
  type Batch,
  type BatchSettings,
  epochOrder,
  openTrainingBatches,
} from '../../src/training/batches.ts';
import { fakeDataset } from './fake-dataset.ts';

const settings = { classes: 3, batch: 8, validation: 20, augment: 'none', seed: 0 } as const;
const mixed = (count: number): number[] => Array.from({ length: count }, (_, k) => (k * k) % 3);

/** Images whose first two pixels spell their index, so that a batch says which images it holds. */
const numbered = (count: number) =>
  fakeDataset(mixed(count), {
    pixel: (index, i) => (i === 0 ? index % 256 : i === 1 ? Math.floor(index / 256) : 0) / 255,
  });
function indicesOf({ images }: Batch): number[] {
  return Array.from(
    { length: images.length / 4 },
    (_, row) => Math.round(images[4 * row]! * 255) + 256 * Math.round(images[4 * row + 1]! * 255),
  );
}

describe('an epoch', () => {
  it('is a permutation of the training images, for any seed and epoch', () => {
    const images = Int32Array.from({ length: 500 }, (_, k) => 3 * k);
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(), (seed, epoch) => {
        expect(epochOrder(images, seed, epoch).sort()).toEqual(images);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('puts every image in every place equally often', () => {
    // 3! orders of three images, 6,000 epochs: the statistic is chi-square with 5 degrees of freedom, beyond 45 with
    // probability 1.4e-8.
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 6000; epoch++) {
      const order = epochOrder(Int32Array.of(0, 1, 2), 7, epoch).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const statistic = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(counts.size).toBe(6);
    expect(statistic).toBeLessThan(45);
  });

  it('shows each image at most once, none that is held out, and drops only what does not fill a batch', async () => {
    const batches = await openTrainingBatches(numbered(333), settings);
    for (const epoch of [0, 1, 5]) {
      const seen = Array.from({ length: batches.steps }, (_, step) =>
        indicesOf(batches.training(epoch, step)),
      ).flat();
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.some((index) => batches.heldOut.includes(index))).toBe(false);
      expect(333 - batches.heldOut.length - seen.length).toBeLessThan(settings.batch);
    }
  });

  it('differs from the next one', async () => {
    const batches = await openTrainingBatches(numbered(100), settings);
    expect(indicesOf(batches.training(0, 0))).not.toEqual(indicesOf(batches.training(1, 0)));
  });
});

describe('a batch', () => {
  it('is the same whatever was asked before', async () => {
    const first = await openTrainingBatches(numbered(100), { ...settings, augment: 'crop+flip' });
    const second = await openTrainingBatches(numbered(100), { ...settings, augment: 'crop+flip' });
    const forwards = [0, 1, 2].flatMap((epoch) => [0, 1, 2].map((step) => first.training(epoch, step)));
    const backwards = [2, 1, 0].flatMap((epoch) => [2, 1, 0].map((step) => second.training(epoch, step)));
    expect(backwards.reverse()).toEqual(forwards);
  });

  it('holds the pixels of the data set to the bit and one-hot labels of the same images', async () => {
    const data = fakeDataset(mixed(60), { shape: [2, 3, 2] });
    const numberOf = new Map<string, number>();
    for (let index = 0; index < 60; index++) numberOf.set(String(await data.image(index)), index);
    const batches = await openTrainingBatches(data, settings);
    for (const { images, labels } of [
      batches.training(0, 0),
      batches.training(3, 2),
      batches.validation(0),
    ]) {
      for (let row = 0; row < settings.batch; row++) {
        const index = numberOf.get(String(images.subarray(row * 12, (row + 1) * 12)))!;
        const expected = [0, 0, 0];
        expected[data.labels![index]!] = 1;
        expect([...labels.subarray(row * 3, (row + 1) * 3)]).toEqual(expected);
      }
    }
  });

  it('holds the pixels to the bit when they are not bytes either', async () => {
    const pixel = (index: number, i: number): number => Math.fround(Math.sin(index + i) ** 2);
    const data = fakeDataset(mixed(60), { pixel });
    const batches = await openTrainingBatches(data, settings);
    const all = new Set(
      await Promise.all(Array.from({ length: 60 }, async (_, k) => String(await data.image(k)))),
    );
    const { images } = batches.training(0, 1);
    for (let row = 0; row < settings.batch; row++)
      expect(all).toContain(String(images.subarray(4 * row, 4 * row + 4)));
  });

  it('is augmented by the placement of its seed, epoch and image', async () => {
    const seed = 5;
    const data = fakeDataset(mixed(60), { shape: [1, 28, 28] });
    const plain = await openTrainingBatches(data, { ...settings, seed });
    const augmented = await openTrainingBatches(data, { ...settings, seed, augment: 'crop+flip' });
    const heldOut = new Set(plain.heldOut);
    const trained = Int32Array.from({ length: 60 }, (_, k) => k).filter((k) => !heldOut.has(k));
    const image = epochOrder(trained, seed, 4)[settings.batch]!;
    const expected = new Float32Array(784);
    const placement = drawPlacement('crop+flip', data.shape, { seed, epoch: 4, image });
    place(plain.training(4, 1).images.subarray(0, 784), data.shape, placement, expected, 0);
    expect(augmented.training(4, 1).images.subarray(0, 784)).toEqual(expected);
    expect(augmented.validation(0)).toEqual(plain.validation(0));
  });

  it('is refused beyond the end of the epoch', async () => {
    const batches = await openTrainingBatches(numbered(100), settings);
    expect(() => batches.training(0, batches.steps)).toThrow(RangeError);
    expect(() => batches.training(0, -1)).toThrow(RangeError);
  });
});

describe('the images held out', () => {
  it('have every class in its share, to within one image', async () => {
    const labels = Array.from({ length: 1000 }, (_, k) => (k % 10 < 6 ? 0 : k % 10 < 9 ? 1 : 2));
    const { heldOut } = await openTrainingBatches(fakeDataset(labels), { ...settings, validation: 80 });
    expect(heldOut.length).toBe(80);
    for (const [label, share] of [0.6, 0.3, 0.1].entries()) {
      const held = [...heldOut].filter((index) => labels[index] === label).length;
      expect(Math.abs(held - 80 * share)).toBeLessThan(1);
    }
  });

  it('are whole batches, and never more than a tenth', async () => {
    for (const [count, batch, expected] of [
      [1000, 8, 16], // 20 asked for, two batches of 8
      [100, 8, 8], // a tenth is 10
      [100, 32, 10], // less than a batch: all of them, coming again
    ] as const) {
      const batches = await openTrainingBatches(numbered(count), { ...settings, batch });
      expect(batches.heldOut.length).toBe(expected);
      const shown = Array.from({ length: batches.validationSteps }, (_, step) =>
        indicesOf(batches.validation(step)),
      );
      expect(shown.every((batchOf) => batchOf.length === batch)).toBe(true);
      expect([...new Set(shown.flat())].sort((a, b) => a - b)).toEqual([...batches.heldOut]);
    }
  });

  it('leave an image of every class in training', async () => {
    const labels = [...new Array<number>(38).fill(0), 1, 2];
    const { heldOut } = await openTrainingBatches(fakeDataset(labels), { ...settings, validation: 4 });
    expect([...heldOut].every((index) => labels[index] === 0)).toBe(true);
  });

  it('are others under another seed, the same under the same', async () => {
    const held = async (seed: number) =>
      (await openTrainingBatches(numbered(300), { ...settings, seed })).heldOut;
    expect(await held(1)).toEqual(await held(1));
    expect(await held(1)).not.toEqual(await held(2));
  });

  it('come from the first images when --max says how many to use', async () => {
    const batches = await openTrainingBatches(numbered(1000), { ...settings, max: 200 });
    const seen = Array.from({ length: batches.steps }, (_, step) =>
      indicesOf(batches.training(0, step)),
    ).flat();
    expect(Math.max(...batches.heldOut, ...seen)).toBeLessThan(200);
    expect(batches.describe()).toBe('23 steps of 8 of 184 images, 16 held out');
  });
});

describe('data that cannot be trained on are refused', () => {
  const refusal = async (
    labels: readonly number[] | null,
    change: Partial<BatchSettings> & { length?: number } = {},
  ): Promise<string> => {
    const { length, ...rest } = change;
    const data = fakeDataset(labels, length === undefined ? {} : { length });
    const error = await openTrainingBatches(data, { ...settings, ...rest }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UsageError);
    const { what, where, why = '', remedy = '' } = (error as UsageError).report;
    expect(where).toContain('made by a test');
    return `${what}. ${why} ${remedy}`;
  };

  it('without labels', async () => {
    expect(await refusal(null, { length: 50 })).toMatch(/no labels.*--labels FILE/);
  });
  it('without images', async () => {
    expect(await refusal([])).toMatch(/no image/);
  });
  it('with a label that the model has no class for, naming the image', async () => {
    const labels = mixed(50);
    labels[17] = 3;
    expect(await refusal(labels)).toMatch(/image 17 has the label 3, the model has the classes 0 to 2/);
    labels[17] = -1;
    expect(await refusal(labels)).toMatch(/image 17 has the label -1/);
  });
  it('with one class, and says when --max is the reason', async () => {
    expect(await refusal(new Array<number>(50).fill(2))).toMatch(/all 50 images are of class 2.*two classes/);
    const sorted = [...new Array<number>(50).fill(0), ...new Array<number>(50).fill(1)];
    expect(await refusal(sorted, { max: 40 })).toMatch(/all 40 images are of class 0.*--max/);
  });
  it('with fewer images than a batch, and says which --batch would do', async () => {
    expect(await refusal(mixed(50), { batch: 64 })).toMatch(
      /45 training images do not fill one batch of 64.*Lower --batch to 45 or less/,
    );
  });
  it('with nothing to hold out', async () => {
    expect(await refusal([0, 1], { batch: 1 })).toMatch(/2 images are too few/);
  });
});
