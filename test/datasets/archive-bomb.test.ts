/** Archives of a megabyte that unpack to a gigabyte: refused from their headers, in little time and memory. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { gunzipBeginning, gunzipUpTo } from '../../src/ground/unpack.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { idx, npy, refusal, temporaryFolder, write } from './files.ts';

const open = (spec: string) => openDataset(spec, { subset: 'test' });
const images = npy('|u1', [10, 3, 8, 8], new Uint8Array(1920).fill(9));
const labels = npy('|u1', [10], new Uint8Array(10));
const bomb = new Uint8Array(100 << 20);

/** What `work` adds to the memory held outside V8's heap, in MiB, and what it gives. */
async function measured<T>(
  work: () => Promise<T>,
): Promise<{ readonly mebibytes: number; readonly value: T }> {
  const before = process.memoryUsage().arrayBuffers;
  const value = await work();
  return { mebibytes: (process.memoryUsage().arrayBuffers - before) / 2 ** 20, value };
}

describe('archive-bomb: NPZ', () => {
  it('an array that nobody asked for is not unpacked', async () => {
    const path = write(
      temporaryFolder(),
      'a.npz',
      zipSync({ 'x.npy': images, 'y.npy': labels, 'unrelated.npy': bomb }),
    );
    const { mebibytes, value } = await measured(() => open(`npz:${path}`));
    expect([value.length, value.shape]).toEqual([10, [3, 8, 8]]);
    expect(mebibytes).toBeLessThan(20);
  });

  it('an array of images that packs a thousandfold is refused before it is unpacked', async () => {
    const array = new Uint8Array(bomb.length);
    array.set(images);
    const path = write(temporaryFolder(), 'b.npz', zipSync({ 'x.npy': array, 'y.npy': labels }));
    const { mebibytes, value } = await measured(() => refusal(() => open(`npz:${path}`)));
    expect(value).toMatch(
      /^UsageError 4: the array x would unpack to 104857600 bytes .*it was not unpacked/u,
    );
    expect(mebibytes).toBeLessThan(20);
  });

  it('a list of four billion entries ends at once', async () => {
    const zip = Buffer.from(zipSync({ 'x.npy': images }));
    // The end record said to be one of 64 bits, which states 2^32 - 1 entries.
    const end = zip.length - 22;
    const wide = Buffer.alloc(56);
    wide.writeUInt32LE(0x06064b50, 0);
    wide.writeUInt32LE(0xffffffff, 32);
    wide.writeUInt32LE(zip.readUInt32LE(end + 16), 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    locator.writeUInt32LE(end, 8);
    const path = write(
      temporaryFolder(),
      'c.npz',
      Buffer.concat([zip.subarray(0, end), wide, locator, zip.subarray(end)]),
    );
    const started = performance.now();
    expect(await refusal(() => open(`npz:${path}`))).toMatch(/not an NPZ or NPY file/u);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('archive-bomb: IDX packed with gzip', () => {
  const folderOf = (contents: Uint8Array): string => {
    const folder = temporaryFolder();
    write(folder, 't10k-images-idx3-ubyte.gz', gzipSync(contents));
    return folder;
  };

  it('is unpacked as far as its header says, and refused where there is more', async () => {
    const long = Buffer.concat([idx([10, 4, 4], new Uint8Array(160)), bomb]);
    const { mebibytes, value } = await measured(() => refusal(() => open(`mnist:${folderOf(long)}`)));
    expect(value).toContain('the IDX file is longer than its header says');
    expect(value).toContain('dimensions 10×4×4 need 176 bytes, the unpacked file has more');
    expect(mebibytes).toBeLessThan(120);
  });

  it('of the length that its header says is read', async () => {
    expect((await open(`mnist:${folderOf(idx([10, 4, 4], new Uint8Array(160)))}`)).length).toBe(10);
  });

  it('of dimensions beyond any memory is cut short', async () => {
    const huge = idx([0xffffffff, 0xffff, 0xffff], []);
    expect(await refusal(() => open(`mnist:${folderOf(huge)}`))).toContain('the IDX file is cut short');
  });
});

describe('archive-bomb: any gzip', () => {
  it('gives no more than was agreed on', () => {
    const packed = gzipSync(bomb);
    expect(gunzipUpTo(packed, 1000)).toBeNull();
    expect(gunzipUpTo(gzipSync(images), images.length)).toEqual(images);
    expect(gunzipUpTo(gzipSync(images), images.length - 1)).toBeNull();
    // A kilobyte of it at most a thousandfold.
    expect(gunzipBeginning(packed).length).toBeLessThan(1.1 * 2 ** 20);
  });

  it('labels in a file without a header have a limit, too', async () => {
    const folder = temporaryFolder();
    write(folder, 'a.npz', zipSync({ 'x.npy': images }));
    const path = write(folder, 'labels.txt.gz', gzipSync(new Uint8Array(300 << 20)));
    const refused = await refusal(() =>
      openDataset(`npz:${join(folder, 'a.npz')}`, { subset: 'test', labels: path }),
    );
    expect(refused).toContain('unpacks to more than 256 MiB');
  });
});

const shared = join(sharedFolder, 'cases', 'archive-bomb');
const absent = existsSync(shared) ? '' : ' (skipped: the shared cases are not on this machine)';
it.skipIf(absent !== '')(`archive-bomb: the shared case${absent}`, async () => {
  expect(await refusal(() => open(`npz:${join(shared, 'zb1.npz')}`))).toContain('it was not unpacked');
  expect((await open(`npz:${join(shared, 'zbo.npz')}`)).length).toBe(10);
  expect(await refusal(() => open(`mnist:${join(shared, 'idx')}`))).toContain('longer than its header says');
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(1e9);
});
