/** Folders of PNG and JPEG files that the test draws itself. */
import { readFileSync, statSync, truncateSync } from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { firstReadable, readableImages, readImage } from '../../src/datasets/readable-images.ts';
import { UsageError } from '../../src/ground/errors.ts';
import { draw } from './draw.ts';
import { refusal, temporaryFolder, write } from './files.ts';

const ramp = (x: number, y: number, channel: number): number => 40 * x + 10 * y + channel;
const plane = Array.from({ length: 24 }, (_, i) => Math.fround(ramp(i % 6, Math.floor(i / 6), 0) / 255));
const open = (folder: string, labels?: string) =>
  openDataset(folder, { subset: 'test', ...(labels === undefined ? {} : { labels }) });

describe('image folders', () => {
  test('a colour PNG comes back byte for byte, channel first', async () => {
    const folder = temporaryFolder();
    await draw(folder, 'a.png', { pixel: ramp });
    const data = await open(folder);
    expect(data.shape).toEqual([3, 4, 6]);
    const expected = [0, 1, 2].flatMap((c) =>
      Array.from({ length: 24 }, (_, i) => Math.fround(ramp(i % 6, Math.floor(i / 6), c) / 255)),
    );
    expect(Array.from(await data.image(0))).toEqual(expected);
    expect([data.length, data.labels]).toEqual([1, null]);
  });

  test('a grey PNG has one channel', async () => {
    const grey = temporaryFolder();
    await draw(grey, 'a.png', { channels: 1, pixel: ramp });
    const data = await open(grey);
    expect(data.shape).toEqual([1, 4, 6]);
    expect(Array.from(await data.image(0))).toEqual(plane);
  });

  test('a grey JPEG and an opaque RGBA PNG are read', async () => {
    const jpeg = temporaryFolder();
    await draw(jpeg, 'a.JPG', { channels: 1 });
    expect((await open(jpeg)).shape).toEqual([1, 4, 6]);
    const rgba = temporaryFolder();
    await draw(rgba, 'a.png', { channels: 4, pixel: (x, y, c) => (c === 3 ? 255 : ramp(x, y, c)) });
    const data = await open(rgba);
    expect(data.shape).toEqual([3, 4, 6]);
    expect((await data.image(0))[24]).toBe(Math.fround(1 / 255));
  });

  test('class sub-folders are numbered in the order of their names, numbers by their value', async () => {
    const named = temporaryFolder();
    for (const name of ['dog/1.png', 'cat/2.png', 'cat/1.png']) await draw(named, name);
    const animals = await open(named);
    expect(animals.classNames).toEqual(['cat', 'dog']);
    expect(Array.from(animals.labels ?? [])).toEqual([0, 0, 1]);
    const numbered = temporaryFolder();
    for (const name of ['10/a.png', '2/a.png']) await draw(numbered, name);
    expect(Array.from((await open(numbered)).labels ?? [])).toEqual([10, 2]);
  });

  test('train and test sub-folders are the subsets', async () => {
    const folder = temporaryFolder();
    for (const name of ['train/x/1.png', 'train/y/1.png', 'test/y/1.png', 'test/x/1.png'])
      await draw(folder, name);
    const test = await open(folder);
    expect([test.kind, test.name, test.length]).toEqual(['images', `${basename(folder)} test`, 2]);
    const only = temporaryFolder();
    await draw(only, 'train/x/1.png');
    expect(await refusal(() => open(only))).toMatch(/no test subset.*sub-folders are subsets \(train\)/);
  });

  test('labels.csv gives label and order, with a header or without', async () => {
    for (const text of [
      'file,label\nb.png,4\n"a.png",2\n',
      'b.png,4\r\na.png,2\r\n',
      'label,note,file\n4,x,b.png\n2,"y, z",./a.png',
    ]) {
      const folder = temporaryFolder();
      await draw(folder, 'a.png', { pixel: () => 1 });
      await draw(folder, 'b.png', { pixel: () => 2 });
      write(folder, 'labels.csv', text);
      const data = await open(folder);
      expect(Array.from(data.labels ?? [])).toEqual([4, 2]);
      expect((await data.image(0))[0]).toBe(Math.fround(2 / 255));
    }
  });

  test('a label file of the user takes the place of the folder names', async () => {
    const folder = temporaryFolder();
    for (const name of ['cat/1.png', 'dog/1.png']) await draw(folder, name);
    const byName = write(folder, 'mine.csv', 'file,label\ndog/1.png,281\ncat/1.png,151\n');
    const byPosition = write(folder, 'mine.txt', '5\n6\n');
    expect(Array.from((await open(folder, byName)).labels ?? [])).toEqual([281, 151]);
    const data = await open(folder, byPosition);
    expect(Array.from(data.labels ?? [])).toEqual([5, 6]);
    expect(data.classNames).toBeNull();
    expect(data.describe()).toContain(byPosition);
  });

  test('the digest changes with a label, a name and a size, and images are decoded only when asked for', async () => {
    const folder = temporaryFolder();
    await draw(folder, 'x/a.png');
    await draw(folder, 'y/b.png');
    write(join(folder, 'y'), 'broken.png', 'not a picture');
    const data = await open(folder);
    expect(data.length).toBe(3);
    expect(await refusal(() => data.image(2))).toMatch(/cannot be read.*broken\.png/);
    const digests = [data.digest];
    write(join(folder, 'y'), 'broken.png', 'still not a picture');
    digests.push((await open(folder)).digest);
    await draw(folder, 'z/c.png');
    digests.push((await open(folder)).digest);
    expect(new Set(digests).size).toBe(3);
  });

  test.each<[string, (jpeg: Buffer, scan: number) => Buffer]>([
    [
      'six stray bytes before a marker',
      (jpeg, scan) => Buffer.concat([jpeg.subarray(0, scan), Buffer.alloc(6, 1), jpeg.subarray(scan)]),
    ],
    [
      'the scan parameters of another kind of JPEG, as some phones write them',
      (jpeg, scan) => {
        const changed = Buffer.from(jpeg);
        // Start of spectral selection, its end, and approximation: the last three bytes of the scan header.
        changed.set([0, 0, 0], scan + 2 + jpeg.readUInt16BE(scan + 2) - 3);
        return changed;
      },
    ],
  ])('jpeg-warnings: a JPEG with %s is read, to the same pixels', async (_, damage) => {
    const folder = temporaryFolder();
    await draw(folder, 'a.jpg', { pixel: ramp });
    const jpeg = readFileSync(join(folder, 'a.jpg'));
    const scan = jpeg.indexOf(Buffer.of(0xff, 0xda));
    const damaged = damage(jpeg, scan);
    expect(damaged).not.toEqual(jpeg);
    write(folder, 'b.jpg', damaged);
    const data = await open(folder);
    expect(await data.image(1)).toEqual(await data.image(0));
  });

  test.each<[string, string, (bytes: Buffer) => Buffer]>([
    ['an empty file', 'b.png', () => Buffer.alloc(0)],
    ['a text', 'b.jpg', () => Buffer.from('<html>not found</html>')],
    ['a Git LFS pointer', 'b.png', () => Buffer.from('version https://git-lfs.github.com/spec/v1\n')],
    ['a PNG cut short', 'b.png', (png) => png.subarray(0, -20)],
    [
      'a PNG with a wrong byte in its pixels',
      'b.png',
      (png) => {
        const changed = Buffer.from(png);
        const at = changed.indexOf('IDAT') + 12;
        changed[at] = (changed[at] ?? 0) ^ 0xff;
        return changed;
      },
    ],
  ])('%s is an image that cannot be read, as programs can tell', async (_, name, contents) => {
    const folder = temporaryFolder();
    await draw(folder, 'a.png', { pixel: ramp });
    write(folder, name, contents(readFileSync(join(folder, 'a.png'))));
    const data = await open(folder);
    const read = await readImage(data, 1);
    expect(read).toBeInstanceOf(UsageError);
    expect((await readableImages(data, [0, 1])).map(({ index }) => index)).toEqual([0]);
    expect(await refusal(() => data.image(1))).toMatch(/an image cannot be read.*Replace or remove/);
  });

  test('the first image that can be read gives the shape; a folder without one is refused', async () => {
    const folder = temporaryFolder();
    write(folder, 'a.png', '');
    write(folder, 'b.png', 'text');
    expect(await refusal(() => open(folder))).toMatch(
      /none of the 2 images can be read.*a\.png: the file is empty/,
    );
    await draw(folder, 'c.png');
    const data = await open(folder);
    expect([data.length, data.shape]).toEqual([3, [3, 4, 6]]);
    expect((await firstReadable(data, 2)).map(({ index }) => index)).toEqual([2]);
  });

  test.each<[string, (folder: string) => Promise<unknown>, RegExp]>([
    [
      'another size',
      (f) => draw(f, 'b.png', { width: 7 }),
      /7×4 pixels in a set of 6×4.*b\.png.*a\.png is 3×4×6, this one 3×4×7/,
    ],
    [
      'more pixels than any network takes, before they are unpacked',
      async (f) => {
        const claimed = Buffer.from(
          await sharp({ create: { width: 6, height: 4, channels: 3, background: 'red' } })
            .png()
            .toBuffer(),
        );
        claimed.writeUInt32BE(30_000, 16);
        claimed.writeUInt32BE(30_000, 20);
        claimed.writeUInt32BE(crc32(claimed.subarray(12, 29)), 29);
        write(f, 'b.png', claimed);
      },
      /claims 30000×30000 pixels.*b\.png/,
    ],
    [
      'more than one frame',
      (f) =>
        sharp(Buffer.from(Array.from({ length: 6 * 8 * 3 }, (_, i) => i)), {
          raw: { width: 6, height: 8, channels: 3, pageHeight: 4 },
        })
          .webp({ loop: 0, delay: [100, 100], lossless: true })
          .toFile(join(f, 'b.webp')),
      /animation of 2 frames.*b\.webp/,
    ],
    ['transparent pixels', (f) => draw(f, 'b.png', { channels: 4, pixel: () => 9 }), /transparent.*b\.png/],
    [
      'a file cut short',
      async (f) => {
        await draw(f, 'b.jpg', { pixel: (x, y) => (x * 37 + y * 91) % 256 });
        truncateSync(join(f, 'b.jpg'), statSync(join(f, 'b.jpg')).size - 20);
      },
      /cannot be read.*b\.jpg/,
    ],
    [
      '16 bits per channel',
      (f) =>
        sharp(Buffer.alloc(6 * 4 * 6), {
          raw: { width: 6, height: 4, channels: 3, depth: 'ushort' } as never,
        })
          .toColourspace('rgb16')
          .png()
          .toFile(join(f, 'b.png')),
      /ushort pixels.*b\.png/,
    ],
    [
      'CMYK',
      (f) =>
        sharp({ create: { width: 6, height: 4, channels: 3, background: 'red' } })
          .toColourspace('cmyk')
          .jpeg()
          .toFile(join(f, 'b.jpg')),
      /CMYK.*b\.jpg/,
    ],
  ])('an image with %s is refused by name', async (_, add, said) => {
    const folder = temporaryFolder();
    await draw(folder, 'a.png');
    await add(folder);
    const data = await open(folder);
    expect(await refusal(() => data.image(1))).toMatch(said);
  });

  test.each([
    ['grey-first', 'a.png', 'b.png'],
    ['grey last', 'b.png', 'a.png'],
  ])('grey and colour images mix only on request: %s', async (_, grey, colour) => {
    const folder = temporaryFolder();
    await draw(folder, grey, { channels: 1, pixel: ramp });
    await draw(folder, colour);
    const data = await open(folder);
    expect(await refusal(() => data.image(1))).toMatch(
      /(a grey image in a set of colour|a colour image in a set of grey) ones.*b\.png.*--channels grey-to-rgb/,
    );
    const asked = await openDataset(folder, { subset: 'test', greyAsRgb: true });
    expect(asked.shape).toEqual([3, 4, 6]);
    expect(asked.describe()).toContain('grey read as R = G = B');
    const at = grey === 'a.png' ? 0 : 1;
    expect(Array.from(await asked.image(at))).toEqual([...plane, ...plane, ...plane]);
    expect(await asked.image(1 - at)).toEqual(Float32Array.from({ length: 72 }, () => 128 / 255));
  });

  test('a grey image with an opaque alpha channel is grey', async () => {
    const folder = temporaryFolder();
    await draw(folder, 'c.png', { channels: 2, pixel: (x, y, c) => (c === 1 ? 255 : ramp(x, y, 0)) });
    expect(Array.from(await (await open(folder)).image(0))).toEqual(plane);
  });

  test.each<[string, string, RegExp]>([
    ['a file that is not there', 'file,label\na.png,1\nc.png,2\n', /names c\.png, which is not there/],
    ['a file twice', 'file,label\na.png,1\na.png,2\n', /names a\.png twice/],
    ['too few files', 'file,label\na.png,1\n', /2 images but 1 labels/],
    [
      'a class name for a label',
      'file,label\na.png,cat\nb.png,1\n',
      /label "cat" is not a class index.*line 2/,
    ],
    ['an empty label', 'file,label\na.png,\nb.png,1\n', /label "" is not a class index.*line 2/],
    ['a lonely quote', 'file,label\na.png,1\n"b.png,1\n', /quotes on line 3/],
    ['no label column', 'file,colour,size\na.png,1,2\n', /no column of labels.*file, colour, size/],
    ['nothing in it', '\n', /label file is empty/],
  ])('a labels.csv with %s is refused in words', async (_, text, said) => {
    const folder = temporaryFolder();
    await draw(folder, 'a.png');
    await draw(folder, 'b.png');
    write(folder, 'labels.csv', text);
    expect(await refusal(() => open(folder))).toMatch(said);
  });

  test('images both alongside and inside class folders, or none at all, are refused', async () => {
    const both = temporaryFolder();
    for (const name of ['a.png', 'x/b.png']) await draw(both, name);
    expect(await refusal(() => open(both))).toMatch(
      /both in the folder and in its sub-folders.*a\.png.*x\/b\.png/,
    );
    expect(await refusal(() => openDataset(`images:${temporaryFolder()}`, { subset: 'test' }))).toMatch(
      /no images/,
    );
  });
});
