/** MNIST and CIFAR-10 files that the test writes itself, whole and damaged. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { idx, refusal, temporaryFolder, write } from './files.ts';

const IMAGES = 't10k-images-idx3-ubyte';
const LABELS = 't10k-labels-idx1-ubyte';

function mnistFolder(images: Uint8Array, labels?: Uint8Array, ending = ''): string {
  const folder = temporaryFolder();
  write(folder, IMAGES + ending, images);
  if (labels !== undefined) write(folder, LABELS + ending, labels);
  return folder;
}

describe('IDX files', () => {
  test('every byte comes back as byte/255 in float32, at its place, packed or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        fc.boolean(),
        async (count, rows, columns, stream, packed) => {
          const values = [...stream.take(count * rows * columns)];
          const file = idx([count, rows, columns], values);
          const folder = packed ? mnistFolder(gzipSync(file), undefined, '.gz') : mnistFolder(file);
          const data = await openDataset(`mnist:${folder}`, { subset: 'test' });
          expect(data.shape).toEqual([1, rows, columns]);
          const read = [];
          for (let index = 0; index < count; index++) read.push(...(await data.image(index)));
          expect(read).toEqual(values.map((value) => Math.fround(value / 255)));
        },
      ),
      { seed: 11, numRuns: 40 },
    );
  });

  test('a folder without a label file is data without labels', async () => {
    const folder = mnistFolder(idx([2, 1, 1], [0, 255]));
    const data = await openDataset(`mnist:${folder}`, { subset: 'test' });
    expect(data.labels).toBeNull();
    expect(data.describe()).toContain('without labels');
  });

  test('the digest changes with one pixel and with one label', async () => {
    const digest = async (pixel: number, label: number): Promise<string> => {
      const folder = mnistFolder(idx([2, 1, 1], [0, pixel]), idx([2], [3, label]));
      return (await openDataset(`mnist:${folder}`, { subset: 'test' })).digest;
    };
    const digests = [await digest(7, 1), await digest(8, 1), await digest(7, 2)];
    expect(new Set(digests).size).toBe(3);
    expect(await digest(7, 1)).toBe(digests[0]);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
  });

  test('an index outside the data set is a RangeError, not an empty image', async () => {
    const data = await openDataset(`mnist:${mnistFolder(idx([2, 1, 1], [0, 9]))}`, { subset: 'test' });
    for (const index of [-1, 2, 0.5, Number.NaN]) await expect(data.image(index)).rejects.toThrow(RangeError);
  });

  const whole = idx([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  test.each<[string, () => string, RegExp]>([
    ['cut short', () => mnistFolder(whole.subarray(0, -1)), /cut short.*2×2×2 need 24 bytes.*has 23/],
    ['cut in its header', () => mnistFolder(whole.subarray(0, 9)), /cut short.*header alone/],
    [
      'with bytes left over',
      () => mnistFolder(Buffer.concat([whole, Buffer.of(0)])),
      /longer than its header says/,
    ],
    [
      'with labels in place of images',
      () => mnistFolder(idx([2], [1, 2])),
      /begins with 00 00 08 01, not with 00 00 08 03/,
    ],
    ['empty', () => mnistFolder(Buffer.alloc(0)), /begins with nothing/],
    ['of no images', () => mnistFolder(idx([0, 28, 28], [])), /holds no values/],
    ['with a label too few', () => mnistFolder(whole, idx([1], [1])), /2 images but 1 labels/],
    [
      'of a broken gzip stream',
      () => mnistFolder(gzipSync(whole).subarray(0, 20), undefined, '.gz'),
      /cannot be unpacked.*idx3-ubyte\.gz/,
    ],
    ['in an empty folder', temporaryFolder, /no IDX images of the test subset.*t10k-images-idx3-ubyte/],
    ['in a folder that is not there', () => join(temporaryFolder(), 'nowhere'), /does not exist.*nowhere/],
    ['given as a file', () => write(temporaryFolder(), 'file', whole), /must be a folder/],
  ])('an IDX file %s is refused in words', async (_, make, said) => {
    const place = make();
    expect(await refusal(() => openDataset(`mnist:${place}`, { subset: 'test' }))).toMatch(said);
  });
});

function records(labels: readonly number[]): Buffer {
  return Buffer.concat(
    labels.map((label) => Buffer.concat([Buffer.of(label), Buffer.alloc(3072, 10 * label + 1)])),
  );
}

describe('CIFAR-10 binary', () => {
  test('the training subset is the five batches in their order, wherever gzip was used', async () => {
    const folder = join(temporaryFolder(), 'cifar-10-batches-bin');
    mkdirSync(folder);
    for (let batch = 1; batch <= 5; batch++) {
      const bytes = records([batch, 9]);
      if (batch % 2 === 0) write(folder, `data_batch_${batch}.bin.gz`, gzipSync(bytes));
      else write(folder, `data_batch_${batch}.bin`, bytes);
    }
    const data = await openDataset(join(folder, '..'), { subset: 'train' });
    expect(data.kind).toBe('cifar10');
    expect(Array.from(data.labels ?? [])).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    expect(data.classNames).toBeNull();
    expect(Array.from(new Set(await data.image(6)))).toEqual([Math.fround(41 / 255)]);
  });

  test('pixels keep the order channel, row, column', async () => {
    const folder = temporaryFolder();
    const bytes = Buffer.from(records([0]));
    bytes[1 + 1024 * 2 + 32 * 5 + 7] = 255;
    write(folder, 'test_batch.bin', bytes);
    const image = await (await openDataset(folder, { subset: 'test' })).image(0);
    expect(image.indexOf(1)).toBe(1024 * 2 + 32 * 5 + 7);
  });

  test.each<[string, (folder: string) => void, 'train' | 'test', RegExp]>([
    [
      'with half a record',
      (f) => write(f, 'test_batch.bin', records([1]).subarray(0, 2000)),
      'test',
      /whole number.*2000 bytes/,
    ],
    ['with label 10', (f) => write(f, 'test_batch.bin', records([3, 10])), 'test', /record 1 has label 10/],
    [
      'without the third batch',
      (f) => [1, 2, 4, 5].map((i) => write(f, `data_batch_${i}.bin`, records([1]))),
      'train',
      /data_batch_3\.bin .*missing/,
    ],
    [
      'packed with xz',
      (f) => write(f, 'test_batch.bin.xz', 'xz'),
      'test',
      /xz -d -k '.*test_batch\.bin\.xz'/,
    ],
    [
      'with nine class names',
      (f) => [write(f, 'test_batch.bin', records([1])), write(f, 'batches.meta.txt', 'a\n'.repeat(9))],
      'test',
      /names 9 classes/,
    ],
  ])('CIFAR-10 %s is refused in words', async (_, fill, subset, said) => {
    const folder = temporaryFolder();
    fill(folder);
    expect(await refusal(() => openDataset(`cifar10:${folder}`, { subset }))).toMatch(said);
  });
});
