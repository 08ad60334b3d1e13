/**
 * CIFAR-10, binary version (Krizhevsky 2009): records of one label byte and 3,072 pixel bytes, channel, row, column.
 * `test_batch.bin` is the test subset, `data_batch_1.bin` … `data_batch_5.bin` in this order the training subset.
 */
import { join } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { assembleDataset, type Dataset, type ImageShape, type Subset, unitPixels } from './dataset.ts';
import { findPacked, isFile, isFolder, readBytes, readUnpacked, requireFolder } from './source-file.ts';

const SHAPE: ImageShape = [3, 32, 32];
const PIXELS = 3 * 32 * 32;
const RECORD = 1 + PIXELS;

const BATCHES = {
  train: [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`),
  test: ['test_batch.bin'],
} as const;

/**
 * Reads one subset; class names come from batches.meta.txt when it is there.
 * @throws UsageError for a missing folder or batch, an xz-packed batch, a file that is not whole records, a label above 9
 */
export function openCifar10(folder: string, subset: Subset): Dataset {
  requireFolder(folder);
  const home = cifarFolder(folder) ?? folder;
  const batches = BATCHES[subset].map((name) => readBatch(home, name, subset));
  const perBatch = batches.map((batch) => batch.length / RECORD);
  const length = perBatch.reduce((sum, count) => sum + count, 0);
  const labels = new Int32Array(length);
  const place: { batch: Uint8Array; start: number }[] = [];
  for (const batch of batches) {
    for (let start = 0; start < batch.length; start += RECORD) {
      labels[place.length] = batch[start] as number;
      place.push({ batch, start: start + 1 });
    }
  }
  return assembleDataset({
    name: `cifar10 ${subset}`,
    kind: 'cifar10',
    shape: SHAPE,
    length,
    labels,
    classNames: readClassNames(home),
    identity: batches.map((batch, i) => [BATCHES[subset][i] as string, batch]),
    origin: `from ${home}`,
    image: async (index) => {
      const { batch, start } = place[index] as (typeof place)[number];
      return unitPixels(batch, start, PIXELS);
    },
  });
}

/** Whether the folder holds CIFAR-10 batches, in the way `openCifar10` looks for them (xz-packed ones count). */
export function holdsCifar10(folder: string): boolean {
  return cifarFolder(folder) !== undefined;
}

/** The folder itself, or the one inside it that the published archive unpacks to. */
function cifarFolder(folder: string): string | undefined {
  const names = [...BATCHES.test, ...BATCHES.train].flatMap((name) => [name, `${name}.gz`, `${name}.xz`]);
  return [folder, join(folder, 'cifar-10-batches-bin')]
    .filter(isFolder)
    .find((place) => names.some((name) => isFile(join(place, name))));
}

function readBatch(folder: string, name: string, subset: Subset): Uint8Array {
  const path = findPacked(folder, [name]);
  if (path === undefined) {
    throw new UsageError({
      what: `${name} of CIFAR-10's ${subset} subset is missing`,
      where: folder,
      why: `looked for ${name} and ${name}.gz`,
      remedy:
        'Give the folder of the "binary version" archive (cifar-10-batches-bin), or choose the other --subset.',
    });
  }
  const bytes = readUnpacked(path);
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw new UsageError({
      what: 'not a whole number of CIFAR-10 records',
      where: path,
      why: `${bytes.length} bytes unpacked; a record has ${RECORD} (one label, 3×32×32 pixels)`,
      remedy: 'Fetch the file again: it is cut short, or is not the binary version of CIFAR-10.',
    });
  }
  for (let start = 0; start < bytes.length; start += RECORD) {
    if ((bytes[start] as number) > 9) {
      throw new UsageError({
        what: `record ${start / RECORD} has label ${bytes[start]}, CIFAR-10 has classes 0 to 9`,
        where: path,
        remedy:
          'Give the binary version of CIFAR-10 (CIFAR-100 has two label bytes per record and is not read).',
      });
    }
  }
  return bytes;
}

function readClassNames(folder: string): string[] | null {
  const path = join(folder, 'batches.meta.txt');
  if (!isFile(path)) return null;
  const names = Buffer.from(readBytes(path))
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length === 10) return names;
  throw new UsageError({
    what: `batches.meta.txt names ${names.length} classes, CIFAR-10 has 10`,
    where: path,
    remedy: 'Fetch the file again, or delete it to work without class names.',
  });
}
