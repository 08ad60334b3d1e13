/** What stands behind --data and --labels, apart from the formats themselves. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { draw } from './draw.ts';
import { idx, npy, refusal, temporaryFolder, write } from './files.ts';

function twoImages(): string {
  const folder = temporaryFolder();
  write(folder, 't10k-images-idx3-ubyte', idx([2, 1, 1], [0, 255]));
  write(folder, 't10k-labels-idx1-ubyte', idx([2], [1, 2]));
  return folder;
}

describe('--data', () => {
  test.each<[string, () => string, RegExp]>([
    [
      'a path that is not there',
      () => 'no/such/place',
      /there is no such data set.*mnist:FOLDER.*glyphs\[:SEED\]/,
    ],
    ['an unknown kind', () => 'imagenet:somewhere', /there is no such data set.*known kind/],
    ['a kind without a place', () => 'mnist:', /nothing follows "mnist:"/],
    [
      'an empty folder',
      temporaryFolder,
      /no data set is recognised.*looked for .npz and .npy, MNIST IDX files, CIFAR-10/,
    ],
    ['a file of no known kind', () => write(temporaryFolder(), 'data.txt', 'x'), /no data set is recognised/],
  ])('%s is refused, saying what was looked for', async (_, make, said) => {
    const spec = make();
    const report = await refusal(() => openDataset(spec, { subset: 'test' }));
    expect(report).toMatch(said);
    expect(report).toMatch(/^UsageError 4/);
  });
});

/** Two sets as torchvision lays them out, each of one image with the given byte. */
function torchvision(sets: Readonly<Record<string, number>>): string {
  const root = temporaryFolder();
  for (const [name, byte] of Object.entries(sets)) {
    mkdirSync(join(root, name, 'raw'), { recursive: true });
    write(root, `${name}/raw/t10k-images-idx3-ubyte`, idx([1, 1, 1], [byte]));
    write(root, `${name}/raw/t10k-labels-idx1-ubyte`, idx([1], [9]));
  }
  return root;
}

describe('torchvision-shared-root: files of the same names', () => {
  const byteOf = async (spec: string): Promise<[string, number]> => {
    const data = await openDataset(spec, { subset: 'test' });
    return [data.name, Math.round(255 * ((await data.image(0))[0] ?? 0))];
  };

  test('are read from the folder of the kind, when both lie side by side', async () => {
    const root = torchvision({ MNIST: 10, FashionMNIST: 200 });
    expect(await byteOf(`mnist:${root}`)).toEqual(['mnist test', 10]);
    expect(await byteOf(`fashion:${root}`)).toEqual(['fashion test', 200]);
    expect(await byteOf(`${root}/MNIST`)).toEqual(['mnist test', 10]);
    expect(await byteOf(`${root}/FashionMNIST/raw`)).toEqual(['fashion test', 200]);
    expect(await refusal(() => openDataset(root, { subset: 'test' }))).toMatch(
      /both MNIST and Fashion-MNIST.*Write --data mnist:.* or --data fashion:/,
    );
  });

  test.each([
    ['mnist', 'FashionMNIST', 'fashion'],
    ['fashion', 'MNIST', 'mnist'],
  ])('%s is not read from a folder of %s alone, nor from inside it', async (kind, held, right) => {
    const root = torchvision({ [held]: 10 });
    for (const place of [root, `${root}/${held}`, `${root}/${held}/raw`])
      expect(await refusal(() => openDataset(`${kind}:${place}`, { subset: 'test' }))).toMatch(
        new RegExp(`the folder holds ${held}, not .*Write --data ${right}:`),
      );
    expect(await byteOf(root)).toEqual([`${right} test`, 10]);
  });

  test('that lie in a folder of no such name are what they are said to be, or what the path says last', async () => {
    const folder = join(temporaryFolder(), 'fashion');
    mkdirSync(join(folder, 'mnist'), { recursive: true });
    write(folder, 'mnist/t10k-images-idx3-ubyte', idx([1, 1, 1], [7]));
    expect(await byteOf(join(folder, 'mnist'))).toEqual(['mnist test', 7]);
    expect(await byteOf(`fashion:${folder}/mnist`)).toEqual(['fashion test', 7]);
  });
});

describe('a place that begins with ~', () => {
  test('lies in the home folder, behind a kind as well as alone', async () => {
    const home = temporaryFolder();
    vi.stubEnv('HOME', home);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    write(home, 't10k-images-idx3-ubyte', idx([1, 1, 1], [7]));
    write(home, 'one.npy', npy('|u1', [1, 1, 1], Uint8Array.of(9)));
    mkdirSync(join(home, 'pictures'));
    await draw(home, 'pictures/a.png');
    for (const spec of ['mnist:~', 'mnist:~/', '~', 'npz:~/one.npy', '~/one.npy', 'images:~/pictures'])
      expect((await openDataset(spec, { subset: 'test' })).length).toBe(1);
  });
});

describe('grey images read as colour ones', () => {
  test('have three equal channels, whatever they are stored in', async () => {
    const spec = `mnist:${twoImages()}`;
    const grey = await openDataset(spec, { subset: 'test' });
    const colour = await openDataset(spec, { subset: 'test', greyAsRgb: true });
    expect([grey.shape, colour.shape]).toEqual([
      [1, 1, 1],
      [3, 1, 1],
    ]);
    expect([...(await colour.image(1))]).toEqual([1, 1, 1]);
    expect(colour.describe()).toContain('grey read as R = G = B');
  });
});

describe('--labels', () => {
  test.each<[string, string, string | Uint8Array]>([
    ['one per line', 'l.txt', '5\n\n6\n'],
    ['a CSV column', 'l.csv', 'index,label\n0,5\n1,6\n'],
    ['an NPY array', 'l.npy', npy('<i8', [2], BigInt64Array.of(5n, 6n))],
  ])('%s takes the place of the labels of the data and enters the digest', async (_, name, contents) => {
    const folder = twoImages();
    const own = await openDataset(`mnist:${folder}`, { subset: 'test' });
    const labels = write(folder, name, contents);
    const data = await openDataset(`mnist:${folder}`, { subset: 'test', labels });
    expect(Array.from(data.labels ?? [])).toEqual([5, 6]);
    expect(data.digest).not.toBe(own.digest);
    expect(await data.image(1)).toEqual(await own.image(1));
    expect(data.describe()).toContain(`labels from ${labels}`);
  });

  test.each<[string, string, RegExp]>([
    ['of another length', '1\n2\n3\n', /2 images but 3 labels/],
    ['with a class name', '1\ncat\n', /label "cat" is not a class index.*line 2/],
    ['with a negative label', '1\n-1\n', /label "-1" is not a class index/],
    ['with a fraction', '1\n0.5\n', /label "0\.5"/],
    ['that goes by file name', 'file,label\na.png,1\nb.png,2\n', /goes by file name/],
  ])('a label file %s is refused in words', async (_, text, said) => {
    const folder = twoImages();
    const labels = write(folder, 'labels.txt', text);
    expect(await refusal(() => openDataset(`mnist:${folder}`, { subset: 'test', labels }))).toMatch(said);
  });

  test('a missing label file is named', async () => {
    const folder = twoImages();
    expect(await refusal(() => openDataset(folder, { subset: 'test', labels: 'nowhere.txt' }))).toMatch(
      /cannot be read.*nowhere\.txt/,
    );
  });
});
