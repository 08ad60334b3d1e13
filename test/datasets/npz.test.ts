/** NumPy files that the test writes itself: every layout and type, and every way of being wrong. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { npy, npz, refusal, temporaryFolder, write } from './files.ts';

const open = (bytes: Uint8Array, name = 'data.npz') => {
  const path = write(temporaryFolder(), name, bytes);
  return openDataset(path, { subset: 'test' });
};

describe('NPZ', () => {
  test('(N,C,H,W) and (N,H,W,C) of the same pictures are the same images', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 3),
        fc.integer({ min: 4, max: 6 }),
        fc.integer({ min: 4, max: 6 }),
        fc.constantFrom('|u1', '<f4', '>f4', '<f8'),
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        async (channels, rows, columns, descr, stream) => {
          const count = 2;
          const bytes = [...stream.take(count * channels * rows * columns)];
          const interleaved = bytes.map((_, i) => {
            const c = i % channels;
            const pixel = Math.floor(i / channels) % (rows * columns);
            const image = Math.floor(i / (channels * rows * columns));
            return bytes[(image * channels + c) * rows * columns + pixel] as number;
          });
          const planar = await open(npz({ x: encode(descr, [count, channels, rows, columns], bytes) }));
          const last = await open(
            npz({ images: encode(descr, [count, rows, columns, channels], interleaved) }),
          );
          for (const data of [planar, last]) {
            expect(data.shape).toEqual([channels, rows, columns]);
            const read = [...(await data.image(0)), ...(await data.image(1))];
            expect(read).toEqual(bytes.map((byte) => Math.fround(byte / 255)));
          }
        },
      ),
      { seed: 5, numRuns: 40 },
    );
  });

  test('(N,H,W) is grey; labels of any integer type are read; a lone .npy is images without labels', async () => {
    const x = npy(
      '|u1',
      [2, 4, 5],
      Uint8Array.from({ length: 40 }, (_, i) => i),
    );
    for (const y of [
      npy('<i8', [2], BigInt64Array.of(7n, 0n)),
      npy('|u1', [2, 1], Uint8Array.of(7, 0)),
      npy('>i2', [2], Uint8Array.of(0, 7, 0, 0)),
    ]) {
      const data = await open(npz({ x, y }));
      expect(Array.from(data.labels ?? [])).toEqual([7, 0]);
      expect(data.shape).toEqual([1, 4, 5]);
    }
    const alone = await open(x, 'images.npy');
    expect(alone.labels).toBeNull();
    expect((await alone.image(1))[3]).toBe(Math.fround(23 / 255));
  });

  test('arrays named by subset are chosen by subset', async () => {
    const one = (value: number) => npy('|u1', [1, 2, 2], new Uint8Array(4).fill(value));
    const bytes = npz({
      x_train: one(51),
      y_train: npy('|i1', [1], Int8Array.of(1)),
      x_test: one(102),
      y_test: npy('|i1', [1], Int8Array.of(2)),
    });
    const path = write(temporaryFolder(), 'keras.npz', bytes);
    for (const [subset, pixel, label] of [
      ['train', 0.2, 1],
      ['test', 0.4, 2],
    ] as const) {
      const data = await openDataset(`npz:${path}`, { subset });
      expect([(await data.image(0))[0], data.labels?.[0]]).toEqual([Math.fround(pixel), label]);
    }
  });

  const grey = npy('|u1', [2, 4, 4], new Uint8Array(32));
  const floats = (value: number) =>
    npy(
      '<f4',
      [2, 2, 4],
      Float32Array.from({ length: 16 }, (_, i) => (i === 9 ? value : 0.5)),
    );
  test.each<[string, Uint8Array, RegExp]>([
    [
      'a shape that reads both ways',
      npz({ x: npy('|u1', [1, 3, 8, 3], new Uint8Array(72)) }),
      /\(1, 3, 8, 3\) could be \(N,C,H,W\) or \(N,H,W,C\)/,
    ],
    [
      'five channels',
      npz({ x: npy('|u1', [1, 5, 8, 8], new Uint8Array(320)) }),
      /\(1, 5, 8, 8\) are not read/,
    ],
    ['flat rows', npz({ x: npy('|u1', [2, 16], new Uint8Array(32)) }), /\(2, 16\) are not read.*Reshape/],
    ['no images', npz({ x: npy('|u1', [0, 4, 4], new Uint8Array(0)) }), /empty/],
    [
      'arrays of other names',
      npz({ data: grey }),
      /it holds data; looked for x_test, test_images, x, images/,
    ],
    ['float pixels of 0..255', npz({ x: floats(255) }), /image 1 holds 255; .*lie in \[0,1\].*Divide by 255/],
    ['negative pixels', npz({ x: floats(-0.25) }), /holds -0\.25/],
    ['a NaN pixel', npz({ x: floats(Number.NaN) }), /holds NaN/],
    ['int64 pixels', npz({ x: npy('<i8', [1, 2, 2], new BigInt64Array(4)) }), /type int64 are not read/],
    ['complex pixels', npz({ x: npy('<c8', [1, 2, 2], new Float32Array(8)) }), /type that is not read/],
    [
      'Fortran order',
      npz({ x: npy('|u1', [2, 4, 4], new Uint8Array(32), true) }),
      /Fortran order.*ascontiguousarray/,
    ],
    [
      'an array cut short',
      npz({ x: grey.subarray(0, -1) }),
      /array x.*cut short|cut short.*array x.*needs 32 bytes, there are 31/,
    ],
    ['an array with bytes left over', npz({ x: Buffer.concat([grey, Buffer.of(0)]) }), /left over/],
    ['an array that is none', npz({ x: Buffer.from('hello, I am not an array') }), /not a NumPy array/],
    [
      'a different number of labels',
      npz({ x: grey, y: npy('<i4', [3], new Int32Array(3)) }),
      /2 images but 3 labels.*arrays x and y/,
    ],
    [
      'one-hot labels',
      npz({ x: grey, y: npy('|u1', [2, 10], new Uint8Array(20)) }),
      /one-dimensional.*argmax/,
    ],
    ['float labels', npz({ x: grey, y: npy('<f4', [2], new Float32Array(2)) }), /array of integers.*float32/],
    [
      'a negative label',
      npz({ x: grey, y: npy('<i4', [2], Int32Array.of(0, -1)) }),
      /label -1 is not a class index.*entry 1/,
    ],
    ['an archive cut short', npz({ x: grey }).subarray(0, -30), /cut short/],
    ['no archive at all', Buffer.from('PK? no'), /not an NPZ or NPY file/],
  ])('an NPZ file with %s is refused in words', async (_, bytes, said) => {
    expect(await refusal(() => open(bytes))).toMatch(said);
  });

  test('a missing file is named', async () => {
    expect(await refusal(() => openDataset('npz:nowhere.npz', { subset: 'test' }))).toMatch(
      /cannot be read.*nowhere\.npz/,
    );
  });
});

function encode(descr: string, shape: readonly number[], bytes: readonly number[]): Buffer {
  if (descr === '|u1') return npy(descr, shape, Uint8Array.from(bytes));
  const unit = bytes.map((byte) => byte / 255);
  if (descr === '<f8') return npy(descr, shape, Float64Array.from(unit));
  const view = new DataView(new ArrayBuffer(4 * unit.length));
  unit.forEach((value, i) => {
    view.setFloat32(4 * i, value, descr === '<f4');
  });
  return npy(descr, shape, view);
}
