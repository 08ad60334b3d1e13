/** What stands behind --data and --labels, apart from the formats themselves. */
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
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
