/**
 * MNIST and the sets published in its form (Fashion-MNIST, KMNIST, …): two IDX files per subset, packed with gzip or
 * not. IDX (LeCun, "The MNIST database"): two zero bytes, a type byte (8 = unsigned byte), the number of dimensions,
 * each dimension as a big-endian 32-bit integer, then the values, last dimension fastest.
 */
import { join, resolve, sep } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { assembleDataset, type Dataset, type Subset, unitPixels } from './dataset.ts';
import { findPacked, isFolder, openPacked, requireFolder } from './source-file.ts';

/** Longest array of bytes there is on every platform. */
const MOST_BYTES = 2 ** 32;

export type IdxKind = 'mnist' | 'fashion';

/** The folder torchvision keeps each set in, beside the others, with the files in "raw". */
const TORCHVISION: Readonly<Record<IdxKind, string>> = { mnist: 'MNIST', fashion: 'FashionMNIST' };

const other = (kind: IdxKind): IdxKind => (kind === 'mnist' ? 'fashion' : 'mnist');

const PREFIX = { train: 'train', test: 't10k' } as const;

const DIGIT_NAMES = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** The ten classes of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, table 1). */
const FASHION_NAMES = [
  ...['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat'],
  ...['Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
];

/**
 * Reads one subset. The labels file may be absent: the data are then without labels.
 * @throws UsageError for a missing folder or images file, the folder of the other set, a wrong header, a file cut short, or a
 * different number of labels
 */
export function openMnist(folder: string, subset: Subset, kind: IdxKind): Dataset {
  requireFolder(folder);
  refuseOther(folder, subset, kind);
  const home = idxFolder(folder, subset, kind);
  const imagesPath = home && imagesFile(home, subset);
  if (home === undefined || imagesPath === undefined) {
    throw new UsageError({
      what: `there are no IDX images of the ${subset} subset in the folder`,
      where: folder,
      why: `looked for ${PREFIX[subset]}-images-idx3-ubyte and ${PREFIX[subset]}-images.idx3-ubyte, plain or .gz`,
      remedy: 'Give the folder that holds the four IDX files, or choose the other --subset.',
    });
  }
  const images = readIdx(imagesPath, 3);
  const [length, rows, columns] = images.dimensions as [number, number, number];
  const labelsPath = findPacked(home, idxNames(subset, 'labels', 1));
  const labels = labelsPath === undefined ? null : readIdx(labelsPath, 1);
  if (labels !== null && labels.values.length !== length) {
    throw new UsageError({
      what: `${length} images but ${labels.values.length} labels`,
      where: `${imagesPath} and ${labelsPath}`,
      remedy: 'Fetch both files again: they are not of the same subset.',
    });
  }
  const area = rows * columns;
  const tenClasses = labels?.values.every((label) => label < 10) ?? true;
  return assembleDataset({
    name: `${kind} ${subset}`,
    kind,
    shape: [1, rows, columns],
    length,
    labels: labels && Int32Array.from(labels.values),
    classNames: tenClasses ? (kind === 'fashion' ? FASHION_NAMES : DIGIT_NAMES) : null,
    identity: [
      ['images', images.file],
      ['labels', labels?.file ?? ''],
    ],
    origin: `from ${imagesPath}`,
    image: async (index) => unitPixels(images.values, index * area, area),
  });
}

/**
 * Which set the IDX files in a folder are; null where there are none. Both sets have the same file names: torchvision's
 * folders tell them apart, else the last part of the path that has a name of one.
 * @throws UsageError when torchvision's folders of both are there
 */
export function idxKind(folder: string): IdxKind | null {
  const holds = (place: string): boolean =>
    isFolder(join(folder, place)) &&
    (['test', 'train'] as const).some((subset) => imagesFile(join(folder, place), subset) !== undefined);
  if (DIRECT.some(holds)) {
    const part = resolve(folder)
      .split(sep)
      .findLast((name) => /fashion|mnist/iu.test(name));
    return part !== undefined && /fashion/iu.test(part) ? 'fashion' : 'mnist';
  }
  const [first, second] = (['mnist', 'fashion'] as const).filter((kind) => holds(placeOf(kind)));
  if (first === undefined || second === undefined) return first ?? null;
  throw new UsageError({
    what: 'the folder holds both MNIST and Fashion-MNIST',
    where: folder,
    why: `${placeOf(first)} and ${placeOf(second)} are there`,
    remedy: `Write --data mnist:${folder} or --data fashion:${folder}.`,
  });
}

/** Throws UsageError for a folder that torchvision keeps the other set in, and for one that holds that set alone. */
function refuseOther(folder: string, subset: Subset, kind: IdxKind): void {
  const name = TORCHVISION[other(kind)];
  const parts = resolve(folder).split(sep).slice(-2);
  const named = parts.at(-1) === name || (parts[0] === name && parts[1] === 'raw');
  const holdsOther = isFolder(join(folder, placeOf(other(kind))));
  if (!named && (!holdsOther || idxFolder(folder, subset, kind) !== undefined)) return;
  throw new UsageError({
    what: `the folder holds ${name}, not ${TORCHVISION[kind]}`,
    where: named ? folder : join(folder, placeOf(other(kind))),
    why: 'both have files of the same names, so the folder decides which they are',
    remedy: `Write --data ${other(kind)}:${folder}, or give the folder of ${TORCHVISION[kind]}.`,
  });
}

function idxNames(subset: Subset, what: 'images' | 'labels', dimensions: number): string[] {
  const stem = `${PREFIX[subset]}-${what}`;
  return [`${stem}-idx${dimensions}-ubyte`, `${stem}.idx${dimensions}-ubyte`];
}

function imagesFile(folder: string, subset: Subset): string | undefined {
  return findPacked(folder, idxNames(subset, 'images', 3));
}

/** Where the files may lie whichever set they are. */
const DIRECT = ['', 'raw'];

const placeOf = (kind: IdxKind): string => `${TORCHVISION[kind]}/raw`;

/** The folder itself, or the place under it where torchvision keeps the files of this set. */
function idxFolder(folder: string, subset: Subset, kind: IdxKind): string | undefined {
  return [...DIRECT, placeOf(kind)]
    .map((place) => join(folder, place))
    .find((place) => isFolder(place) && imagesFile(place, subset) !== undefined);
}

interface IdxFile {
  readonly dimensions: readonly number[];
  readonly values: Uint8Array;
  readonly file: Uint8Array;
}

/** Unpacks no more than the header states. */
function readIdx(path: string, rank: number): IdxFile {
  const packed = openPacked(path);
  const { beginning } = packed;
  const header = 4 + 4 * rank;
  const view = new DataView(beginning.buffer, beginning.byteOffset, beginning.byteLength);
  const magic = 0x0800 + rank;
  if (beginning.length < 4 || view.getUint32(0) !== magic) {
    throw new UsageError({
      what: 'not an IDX file of unsigned bytes',
      where: path,
      why: `it begins with ${hex(beginning.subarray(0, 4))}, not with ${hex([0, 0, 8, rank])} (${rank} dimensions)`,
      remedy: 'Give the MNIST files as published.',
    });
  }
  if (beginning.length < header) throw wrongLength(path, header, beginning.length, 'the header alone');
  const dimensions = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const count = dimensions.reduce((product, size) => product * size, 1);
  if (count === 0)
    throw new UsageError({
      what: 'the IDX file holds no values',
      where: path,
      remedy: 'Get the file again.',
    });
  const stated = `dimensions ${dimensions.join('×')}`;
  const file = packed.content(Math.min(header + count, MOST_BYTES));
  if (file === null || file.length !== header + count)
    throw wrongLength(path, header + count, file?.length ?? null, stated);
  return { dimensions, values: file.subarray(header), file };
}

/** @param found null: more than can be needed */
function wrongLength(path: string, needed: number, found: number | null, what: string): UsageError {
  const short = found === null ? needed > MOST_BYTES : found < needed;
  return new UsageError({
    what: short ? 'the IDX file is cut short' : 'the IDX file is longer than its header says',
    where: path,
    why: `${what} need ${needed} bytes, the unpacked file has ${found ?? 'more'}`,
    remedy: 'Fetch the file again.',
  });
}

function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ') || 'nothing';
}
