/** The published files, where this machine has them: facts counted by NumPy from the same files, to the bit. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Dataset } from '../../src/datasets/dataset.ts';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { refusal, temporaryFolder } from './files.ts';

const SHARED = fileURLToPath(new URL('../../../shared/data/', import.meta.url));
const at = (name: string): string => join(SHARED, name);

async function bytesOf(data: Dataset, index: number): Promise<Uint8Array> {
  const pixels = await data.image(index);
  const bytes = new Uint8Array(pixels.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round((pixels[i] as number) * 255);
  return bytes;
}

async function pixelSum(data: Dataset): Promise<number> {
  let sum = 0;
  for (let index = 0; index < data.length; index++) {
    for (const byte of await bytesOf(data, index)) sum += byte;
  }
  return sum;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const countsOf = (data: Dataset): number[] =>
  Array.from({ length: 10 }, (_, label) => data.labels?.filter((value) => value === label).length ?? 0);

const absent = (name: string): string =>
  existsSync(at(name)) ? '' : ` (skipped: ../shared/data/${name} is not here)`;

describe.skipIf(!existsSync(at('mnist')))(`MNIST as published${absent('mnist')}`, () => {
  test('the test subset has the published labels and pixels', async () => {
    const data = await openDataset(`mnist:${at('mnist')}`, { subset: 'test' });
    expect([data.length, ...data.shape]).toEqual([10_000, 1, 28, 28]);
    expect(Array.from(data.labels ?? []).slice(0, 10)).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    expect(countsOf(data)).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    expect(await pixelSum(data)).toBe(264_923_200);
    expect(sha256(await bytesOf(data, 0))).toBe(
      '8f6a418c9a639f9e14e96feca47a97df2a35a0a68ae2875431c5c80e05536941',
    );
  });

  test('the training subset has the published labels and first image', async () => {
    const data = await openDataset(at('mnist'), { subset: 'train' });
    expect(data.describe()).toMatch(/^mnist train: 60,000 images of 1×28×28, labelled, from .*train-images/);
    expect(Array.from(data.labels ?? []).slice(0, 10)).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    expect(countsOf(data)).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect(sha256(await bytesOf(data, 0))).toBe(
      '23ceaef5eb61f0e70d64ac18fdf0f60df3d5971cf30bbadac7b6ebf07f782d2c',
    );
  });

  test('unpacked files are the same data set, digest included', async () => {
    const folder = temporaryFolder();
    for (const name of ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte']) {
      writeFileSync(join(folder, name), gunzipSync(readFileSync(join(at('mnist'), `${name}.gz`))));
    }
    const packed = await openDataset(`mnist:${at('mnist')}`, { subset: 'test' });
    const unpacked = await openDataset(`mnist:${folder}`, { subset: 'test' });
    expect(unpacked.digest).toBe(packed.digest);
    expect(await unpacked.image(9_999)).toEqual(await packed.image(9_999));
  });
});

describe.skipIf(!existsSync(at('fashion-mnist')))(
  `Fashion-MNIST as published${absent('fashion-mnist')}`,
  () => {
    test('the test subset has the published labels, pixels and class names', async () => {
      const data = await openDataset(at('fashion-mnist'), { subset: 'test' });
      expect(data.kind).toBe('fashion');
      expect(Array.from(data.labels ?? []).slice(0, 10)).toEqual([9, 2, 1, 1, 6, 1, 4, 6, 5, 7]);
      expect(data.classNames?.[data.labels?.[0] ?? -1]).toBe('Ankle boot');
      expect(await pixelSum(data)).toBe(573_469_082);
      expect(sha256(await bytesOf(data, 0))).toBe(
        'ffc7351ed0f8bae542820866086177fa4e0b366b97bf9d998dffdb8dbe138787',
      );
    });
  },
);

describe.skipIf(!existsSync(at('cifar-10')))(`CIFAR-10 as published${absent('cifar-10')}`, () => {
  test('the test subset has the published labels, pixels and class names', async () => {
    const data = await openDataset(at('cifar-10'), { subset: 'test' });
    expect([data.kind, data.length, ...data.shape]).toEqual(['cifar10', 10_000, 3, 32, 32]);
    expect(Array.from(data.labels ?? []).slice(0, 10)).toEqual([3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    expect(data.classNames?.[3]).toBe('cat');
    const first = await bytesOf(data, 0);
    expect([...first.subarray(0, 3), first[1024]]).toEqual([158, 159, 165, 112]);
    expect(sha256(first)).toBe('73eefb0106f2b7a2660668be6875682f6aa9c20820633725642b0cc87dc59198');
    expect(await pixelSum(data)).toBe(3_733_375_634);
  });

  test.skipIf(!existsSync(at('cifar-10/data_batch_1.bin.xz')))(
    'xz-packed batches are refused with the command that unpacks them',
    async () => {
      const said = await refusal(() => openDataset(`cifar10:${at('cifar-10')}`, { subset: 'train' }));
      expect(said).toMatch(/^UsageError 4: .*xz.*data_batch_1\.bin\.xz.*xz -d/);
    },
  );
});
