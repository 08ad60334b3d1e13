/** Which folder has which label, and which files are images: nothing moves a label in silence. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { draw } from './draw.ts';
import { refusal, temporaryFolder, write } from './files.ts';

const open = (folder: string, options: { labels?: string; subset?: 'train' | 'test' } = {}) =>
  openDataset(`images:${folder}`, { subset: 'test', ...options });

async function folderOf(...files: string[]): Promise<string> {
  const folder = temporaryFolder();
  for (const name of files) await draw(folder, name);
  return folder;
}

/** A Windows bitmap of one red pixel. */
function bmp(): Buffer {
  const bytes = Buffer.alloc(58);
  bytes.write('BM');
  for (const [at, value] of [
    [2, 58],
    [10, 54],
    [14, 40],
    [18, 1],
    [22, 1],
    [26, 1 + (24 << 16)],
  ] as const)
    bytes.writeUInt32LE(value, at);
  bytes[56] = 255;
  return bytes;
}

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="6" height="4"><rect width="6" height="4"/></svg>';

describe('class-folder-dropped: a class folder', () => {
  test('without an image is refused by name, because later classes would move up', async () => {
    const folder = await folderOf('apple/0.png', 'cherry/0.png');
    mkdirSync(join(folder, 'banana'));
    expect(await refusal(() => open(folder))).toMatch(/no image in 1 class folder: banana.*another number/);
    write(join(folder, 'banana'), 'notes.txt', 'nothing yet');
    expect(await refusal(() => open(folder))).toMatch(/no image in 1 class folder: banana/);
  });

  test('named by number may be empty: no other label depends on it', async () => {
    const folder = await folderOf('0/a.png', '2/a.png');
    mkdirSync(join(folder, '1'));
    expect(Array.from((await open(folder)).labels ?? [])).toEqual([0, 2]);
  });

  test('is read at any depth, in the order of torchvision', async () => {
    const folder = await folderOf('a/x/2.png', 'a/x/y/3.png', 'a/1.png', 'b/z/1.png', 'c/1.png');
    const data = await open(folder);
    expect(data.names).toEqual(['a/1.png', 'a/x/2.png', 'a/x/y/3.png', 'b/z/1.png', 'c/1.png']);
    expect(Array.from(data.labels ?? [])).toEqual([0, 0, 0, 1, 2]);
  });

  test('that is the only one and holds folders alone is more likely the data set, and is refused', async () => {
    const folder = await folderOf('set/cat/1.png', 'set/dog/1.png');
    expect(await refusal(() => open(folder))).toMatch(
      /unclear what the classes are: set.*only folder.*Give .*set/,
    );
    const subsets = await folderOf('a/train/1.png', 'a/test/1.png', 'b/train/1.png');
    expect(await refusal(() => open(subsets))).toMatch(
      /unclear.*a holds only folders \(test, train\).*subsets/,
    );
  });

  test('that a link leads back to is refused, not read for ever', async () => {
    const folder = await folderOf('a/1.png', 'b/1.png');
    symlinkSync(folder, join(folder, 'b', 'again'));
    expect(await refusal(() => open(folder))).toMatch(/reached twice/);
  });

  test('that stands for the same number as another is refused', async () => {
    expect(await refusal(async () => open(await folderOf('1/a.png', '01/a.png')))).toMatch(
      /two folders stand for class 1/,
    );
  });
});

describe('class-folder-dropped, image-folder: the content of a file decides, not its name', () => {
  test.each<[string, string, string | Buffer]>([
    ['BMP', 'banana/0.bmp', bmp()],
    ['BMP', 'banana/0.png', bmp()],
    ['SVG', 'banana/0.svg', SVG],
    ['SVG', 'banana/0.png', SVG],
    ['SVG', 'banana/0.jpg', `\ufeff<?xml version="1.0"?>\n<!-- drawn -->${SVG}`],
    ['GIF', 'banana/0.png', Buffer.from('GIF89a')],
    ['TIFF', 'banana/0.tif', Buffer.from('II*\0....')],
    ['HEIC', 'banana/0.heic', 'damaged'],
  ])('%s in %s is refused by name', async (format, name, contents) => {
    const folder = await folderOf('apple/0.png', 'cherry/0.png');
    mkdirSync(join(folder, 'banana'));
    write(folder, name, contents);
    expect(await refusal(() => open(folder))).toMatch(
      new RegExp(`format that is not read: ${format} .*${name}.*PNG, JPEG and WebP are read.*Convert`),
    );
  });

  test('a WebP is read, and a PNG whatever it is called', async () => {
    const folder = await folderOf('apple/0.webp', 'banana/0.png');
    const png = await sharp({ create: { width: 6, height: 4, channels: 3, background: '#123456' } })
      .png()
      .toBuffer();
    write(join(folder, 'banana'), '1', png);
    write(join(folder, 'banana'), '2.JPG', png);
    const data = await open(folder);
    expect(data.names).toEqual(['apple/0.webp', 'banana/0.png', 'banana/1', 'banana/2.JPG']);
    expect(await data.image(2)).toEqual(await data.image(3));
    expect(Math.round(255 * ((await data.image(2))[0] ?? 0))).toBe(0x12);
  });

  test('other files are left aside, and named', async () => {
    const folder = await folderOf('apple/0.png', 'banana/0.png');
    write(join(folder, 'apple'), 'BM.txt', 'BM is how a bitmap begins, and this text');
    expect((await open(folder)).notes).toContain('left aside 1 file: apple/BM.txt: not images');
  });
});

describe('class-named-test-or-train: sub-folders', () => {
  test('one of which is called test or train are classes, and this is said', async () => {
    for (const [own, subset] of [
      ['test', 'test'],
      ['train', 'train'],
      ['Train', 'test'],
    ] as const) {
      const folder = await folderOf('bus/1.png', 'car/1.png', `${own}/1.png`);
      const data = await open(folder, { subset });
      const names = ['bus', 'car', own].sort();
      expect([data.length, data.classNames, data.name]).toEqual([3, names, basename(folder)]);
      expect(data.notes?.join()).toContain(`${own} is read as a class like the folders beside it`);
    }
  });

  test('all of which are named as subsets are subsets, in any case', async () => {
    const folder = await folderOf('Train/x/1.png', 'Train/y/1.png', 'Val/x/1.png');
    const data = await open(folder);
    expect([data.name, data.names]).toEqual([expect.stringMatching(/ test$/u), ['x/1.png']]);
    expect((await open(folder, { subset: 'train' })).length).toBe(2);
  });

  test('that could be either are refused, with both ways out', async () => {
    const folder = await folderOf('train/x/1.png', 'test/x/1.png', 'extra/1.png');
    expect(await refusal(() => open(folder))).toMatch(
      /sub-folder test could be a subset or a class.*beside extra.*Give .*test itself.*directly into it/,
    );
  });
});

describe('numeric-class-folders: how folders are numbered', () => {
  test('is stated: by name, or by their numbers, which torchvision would sort as text', async () => {
    const named = await open(await folderOf('dog/1.png', 'cat/1.png'));
    expect(named.notes).toEqual(['labels 0 = cat, 1 = dog (class folders in the order of their names)']);
    const folders = Array.from({ length: 12 }, (_, k) => `${k}/a.png`);
    const [note] = (await open(await folderOf(...folders))).notes ?? [];
    expect(note).toMatch(/^labels 0, 1, 2, .*, 10, 11 \(the numbers .*torchvision and Keras would number/);
    const short = (await open(await folderOf('0/a.png', '1/a.png'))).notes;
    expect(short).toEqual(['labels 0, 1 (the numbers that the class folders are named by)']);
  });

  test('is stated by both ends of a long list', async () => {
    const folders = Array.from({ length: 20 }, (_, k) => `class${String.fromCharCode(97 + k)}/1.png`);
    const [note] = (await open(await folderOf(...folders))).notes ?? [];
    expect(note).toContain('5 = classf, …, 18 = classs, 19 = classt (');
  });
});
