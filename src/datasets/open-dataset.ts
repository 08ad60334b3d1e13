/**
 * From what the user writes after `--data` to a data set: `KIND:PLACE`, `glyphs[:SEED]`, or a path whose kind shows.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { holdsCifar10, openCifar10 } from './cifar10.ts';
import { holdsImages, requireSameLength } from './class-folders.ts';
import { assembleDataset, type Dataset, type DatasetKind, type Subset } from './dataset.ts';
import { DEFAULT_GLYPH_SEED, openGlyphs } from './glyph-set.ts';
import { openImageFolder } from './image-folder.ts';
import { readLabelFile } from './label-file.ts';
import { idxKind, openMnist } from './mnist.ts';
import { openNpz } from './npz.ts';
import { isFile, isFolder } from './source-file.ts';

export interface DatasetOptions {
  readonly subset: Subset;
  /** A label file that takes the place of the data's own labels. */
  readonly labels?: string;
  /** Whether grey images are read as colour ones, R = G = B; otherwise grey and colour images do not mix. */
  readonly greyAsRgb?: boolean;
}

const FORMS = 'mnist:FOLDER, cifar10:FOLDER, fashion:FOLDER, images:FOLDER, npz:FILE, glyphs[:SEED]';

/**
 * Opens `mnist:FOLDER`, `cifar10:FOLDER`, `fashion:FOLDER`, `images:FOLDER`, `npz:FILE` (or an .npy), `glyphs[:SEED]`, or
 * a bare path to any of these that shows its kind.
 * @throws UsageError when there is nothing there, its kind is not known, it is damaged, or the labels do not fit
 */
export async function openDataset(spec: string, options: DatasetOptions): Promise<Dataset> {
  const { kind, place } = parseSpec(spec);
  if (kind === 'images') return openImageFolder(place, options);
  const data = openStored(kind, place, options);
  return options.greyAsRgb === true && data.shape[0] === 1 ? withGreyRepeated(data) : data;
}

/** A data set whose images are stored together. */
function openStored(
  kind: Exclude<DatasetKind, 'images'>,
  place: string,
  { subset, labels }: DatasetOptions,
): Dataset {
  switch (kind) {
    case 'mnist':
    case 'fashion':
      return relabelled(openMnist(place, subset, kind), labels);
    case 'cifar10':
      return relabelled(openCifar10(place, subset), labels);
    case 'npz':
      return relabelled(openNpz(place, subset), labels);
    case 'glyphs':
      return relabelled(openGlyphs(glyphSeed(place), subset), labels);
  }
}

/** The same grey images with three equal channels. */
function withGreyRepeated(data: Dataset): Dataset {
  const [, rows, columns] = data.shape;
  return {
    ...data,
    shape: [3, rows, columns],
    describe: () => `${data.describe()}, grey read as R = G = B`,
    image: async (index) => {
      const grey = await data.image(index);
      const pixels = new Float32Array(3 * grey.length);
      for (let c = 0; c < 3; c++) pixels.set(grey, c * grey.length);
      return pixels;
    },
  };
}

const KINDS: readonly DatasetKind[] = ['mnist', 'cifar10', 'fashion', 'images', 'npz', 'glyphs'];

/** Whether the text names a kind of data that has to lie somewhere, without saying where: "mnist". */
export function isKindOnly(spec: string): boolean {
  return spec !== 'glyphs' && KINDS.some((kind) => kind === spec);
}

/** The kind of data a text names, without opening them. Throws UsageError when it does not name one. */
export const kindOf = (spec: string): DatasetKind => parseSpec(spec).kind;

function parseSpec(spec: string): { kind: DatasetKind; place: string } {
  if (spec === 'glyphs') return { kind: 'glyphs', place: '' };
  const colon = spec.indexOf(':');
  const kind = KINDS.find((name) => name === spec.slice(0, Math.max(0, colon)));
  if (kind === undefined) {
    const path = expanded(spec);
    return { kind: recognise(path), place: path };
  }
  const place = expanded(spec.slice(colon + 1));
  if (place !== '') return { kind, place };
  throw new UsageError({
    what: `nothing follows "${kind}:"`,
    where: `--data ${spec}`,
    remedy: `Write one of ${FORMS}.`,
  });
}

/** The home folder for a leading "~", which no shell expands behind "images:". */
function expanded(place: string): string {
  return /^~(?=$|[/\\])/u.test(place) ? join(homedir(), place.slice(1)) : place;
}

function recognise(path: string): DatasetKind {
  if (isFile(path) && /\.np[yz]$/i.test(path)) return 'npz';
  if (isFolder(path)) {
    const idx = idxKind(path);
    if (idx !== null) return idx;
    if (holdsCifar10(path)) return 'cifar10';
    if (holdsImages(path)) return 'images';
  }
  const there = isFile(path) || isFolder(path);
  throw new UsageError({
    what: there ? 'no data set is recognised at this path' : 'there is no such data set',
    where: `--data ${path}`,
    why: there
      ? 'looked for .npz and .npy, MNIST IDX files, CIFAR-10 batches, and images'
      : 'it is neither a path that exists nor a known kind',
    remedy: `Write one of ${FORMS}.`,
  });
}

function glyphSeed(text: string): number {
  if (text === '') return DEFAULT_GLYPH_SEED;
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed <= 0xffffffff) return seed;
  throw new UsageError({
    what: `"${text}" is not a seed for the glyphs`,
    where: `--data glyphs:${text}`,
    remedy: 'Write an integer from 0 to 4294967295, or "glyphs" alone.',
  });
}

/** The data set with the labels of a file; the digest covers both. */
function relabelled(data: Dataset, path: string | undefined): Dataset {
  if (path === undefined) return data;
  const { labels, files, bytes } = readLabelFile(path);
  if (files !== null) {
    throw new UsageError({
      what: 'the label file goes by file name, but this data set has no file per image',
      where: path,
      remedy: 'Give one class index per line, or a CSV whose only column is "label".',
    });
  }
  requireSameLength(data.length, labels.length, path);
  const { name, kind, shape, length, classNames } = data;
  return assembleDataset({
    ...{ name, kind, shape, length, labels, classNames },
    identity: [
      ['data', data.digest],
      ['labels', bytes],
    ],
    origin: `${data.origin}, labels from ${path}`,
    image: data.image,
  });
}
