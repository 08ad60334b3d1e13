/**
 * A folder of PNG and JPEG files: class sub-folders, or one folder with a labels.csv (file,label), or one folder
 * without labels. Files are listed at once and decoded one by one when asked for. Pixels are taken as stored: no
 * colour-profile conversion, no rotation by EXIF. A grey file among colour ones is read as R = G = B.
 */
import { statSync } from 'node:fs';
import { extname, join } from 'node:path';
import sharp, { type Metadata, type OutputInfo } from 'sharp';
import { UsageError } from '../ground/errors.ts';
import {
  assembleDataset,
  type Dataset,
  formatShape,
  type ImageShape,
  type Subset,
  unitPixelsFromInterleaved,
} from './dataset.ts';
import { type LabelFile, readLabelFile } from './label-file.ts';
import { isFile, isFolder, listFolder, messageOf, requireFolder } from './source-file.ts';

const ENDINGS = ['.png', '.jpg', '.jpeg'];

/** Names a subset's own folder may have. */
const SUBSET_FOLDERS = { train: ['train'], test: ['test', 'val'] } as const;

interface Listing {
  /** Paths below the folder, with '/' on every system. */
  readonly files: readonly string[];
  readonly labels: Int32Array | null;
  readonly classNames: readonly string[] | null;
  /** The label file used, by path. */
  readonly labelsFrom: string | null;
}

/**
 * Lists the images and decodes the first one for the shape.
 * @param labelFile labels given by the user instead of those of the folder
 * @throws UsageError for a missing or empty folder, a label file that does not fit, or a first image that is not readable
 */
export async function openImageFolder(folder: string, subset: Subset, labelFile?: string): Promise<Dataset> {
  requireFolder(folder);
  const { home, named } = subsetFolder(folder, subset);
  const listing = labelFile === undefined ? listImages(home) : relabel(listImages(home), labelFile);
  const first = listing.files[0];
  if (first === undefined) {
    throw new UsageError({
      what: 'there are no images in the folder',
      where: home,
      why: `looked for ${ENDINGS.join(', ')} in it and in its sub-folders`,
      remedy: 'Give a folder of images, or of one sub-folder per class.',
    });
  }
  const { shape } = await decode(join(home, first));
  const { files, labels, classNames, labelsFrom } = listing;
  return assembleDataset({
    name: named ? `images ${subset}` : 'images',
    kind: 'images',
    shape,
    length: files.length,
    names: files,
    labels,
    classNames,
    identity: [
      ['files', files.map((file) => `${statSync(join(home, file)).size} ${JSON.stringify(file)}\n`).join('')],
      ['labels', labels === null ? '' : labels.join('\n')],
    ],
    origin: `from ${home}${labelsFrom === null ? '' : `, labels from ${labelsFrom}`}`,
    image: async (index) => {
      const path = join(home, files[index] as string);
      const picture = await decode(path);
      requireShape(picture.shape, path, shape, join(home, first));
      return unitPixelsFromInterleaved(picture.bytes, 0, shape, {
        colours: picture.shape[0],
        stride: picture.stride,
      });
    },
  });
}

/** Whether the folder holds images in one of the ways `openImageFolder` reads. */
export function holdsImages(folder: string): boolean {
  const { files, folders } = listFolder(folder);
  if (files.some(isImage)) return true;
  return folders.some((name) => {
    const inside = listFolder(join(folder, name));
    return (
      inside.files.some(isImage) ||
      inside.folders.some((deeper) => listFolder(join(folder, name, deeper)).files.some(isImage))
    );
  });
}

function isImage(name: string): boolean {
  return ENDINGS.includes(extname(name).toLowerCase());
}

/** The subset's own folder when there is one, else the folder itself, which then serves both subsets. */
function subsetFolder(folder: string, subset: Subset): { home: string; named: boolean } {
  const own = SUBSET_FOLDERS[subset].map((name) => join(folder, name)).find(isFolder);
  if (own !== undefined) return { home: own, named: true };
  const other = Object.values(SUBSET_FOLDERS)
    .flat()
    .find((name) => isFolder(join(folder, name)));
  if (other === undefined) return { home: folder, named: false };
  throw new UsageError({
    what: `the folder has no ${subset} subset`,
    where: folder,
    why: `it has a sub-folder ${other}, but none named ${SUBSET_FOLDERS[subset].join(' or ')}`,
    remedy: 'Choose the other --subset, or give the sub-folder itself.',
  });
}

function listImages(folder: string): Listing {
  const { files, folders } = listFolder(folder);
  const images = files.filter(isImage);
  const csv = join(folder, 'labels.csv');
  const classes = folders
    .map((name) => ({ name, images: listFolder(join(folder, name)).files.filter(isImage) }))
    .filter((group) => group.images.length > 0);
  if (images.length > 0 && classes.length > 0) {
    throw new UsageError({
      what: 'images lie both in the folder and in its sub-folders',
      where: folder,
      why: `${images[0]} in the folder, ${classes[0]?.name}/${classes[0]?.images[0]} below it`,
      remedy: 'Use one sub-folder per class, or one folder with a labels.csv.',
    });
  }
  if (classes.length > 0 && isFile(csv)) {
    return relabel(
      { files: classes.flatMap(filesOf), labels: null, classNames: null, labelsFrom: null },
      csv,
    );
  }
  if (classes.length > 0) return labelledByFolder(classes);
  const listing = { files: images, labels: null, classNames: null, labelsFrom: null };
  return isFile(csv) ? relabel(listing, csv) : listing;
}

interface ClassFolder {
  readonly name: string;
  readonly images: readonly string[];
}

const filesOf = ({ name, images }: ClassFolder): string[] => images.map((file) => `${name}/${file}`);

/** Folders named by number are their class index; others are numbered in code-point order, as torchvision does. */
function labelledByFolder(classes: readonly ClassFolder[]): Listing {
  const numbered = classes.every(({ name }) => /^\d{1,9}$/.test(name));
  return {
    files: classes.flatMap(filesOf),
    labels: Int32Array.from(
      classes.flatMap(({ name, images }, i) => images.map(() => (numbered ? Number(name) : i))),
    ),
    classNames: numbered ? null : classes.map(({ name }) => name),
    labelsFrom: null,
  };
}

/** Labels by file name where the label file has names (it then also chooses and orders the images), else by position. */
function relabel(listing: Listing, path: string): Listing {
  const file: LabelFile = readLabelFile(path);
  const present = new Set(listing.files);
  if (file.files === null) {
    requireSameLength(listing.files.length, file.labels.length, path);
    return { ...listing, labels: file.labels, classNames: null, labelsFrom: path };
  }
  const names = file.files.map((name) => name.replace(/^\.\//, ''));
  const missing = names.find((name) => !present.has(name));
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (missing !== undefined || twice !== undefined) {
    throw new UsageError({
      what:
        missing === undefined
          ? `the label file names ${twice} twice`
          : `the label file names ${missing}, which is not there`,
      where: path,
      remedy: 'Write the path of each image below the folder once, as in "dogs/1.png,3".',
    });
  }
  requireSameLength(listing.files.length, names.length, path);
  return { files: names, labels: file.labels, classNames: null, labelsFrom: path };
}

/** @throws UsageError naming both numbers */
export function requireSameLength(images: number, labels: number, path: string): void {
  if (images === labels) return;
  throw new UsageError({
    what: `${images} images but ${labels} labels`,
    where: path,
    remedy: 'Give one label for each image of the data set, in its order.',
  });
}

interface Picture {
  readonly shape: ImageShape;
  /** Interleaved bytes, `stride` per pixel: the colours, then alpha where the file has it (opaque, and ignored). */
  readonly bytes: Uint8Array;
  readonly stride: number;
}

async function decode(path: string): Promise<Picture> {
  let metadata: Metadata;
  let decoded: { data: Buffer; info: OutputInfo };
  try {
    const picture = sharp(path, { ignoreIcc: true, failOn: 'warning' });
    metadata = await picture.metadata();
    decoded = await picture.raw().toBuffer({ resolveWithObject: true });
  } catch (cause) {
    throw new UsageError({
      what: 'an image cannot be read',
      where: path,
      why: messageOf(cause),
      remedy: 'Replace or remove the file.',
      cause,
    });
  }
  const refuse = (what: string, remedy: string): never => {
    throw new UsageError({ what, where: path, remedy });
  };
  if (metadata.space === 'cmyk') refuse('the image is CMYK', 'Save it as RGB.');
  if (metadata.depth !== 'uchar')
    refuse(`the image has ${metadata.depth} pixels, not bytes`, 'Save it with 8 bits per channel.');
  const { data, info } = decoded;
  const stride = info.channels;
  if (metadata.hasAlpha) {
    for (let i = stride - 1; i < data.length; i += stride) {
      if (data[i] !== 255) refuse('the image has transparent pixels', 'Flatten it onto a background first.');
    }
  }
  const grey = metadata.space === 'b-w';
  return { shape: [grey ? 1 : 3, info.height, info.width], bytes: data, stride };
}

function requireShape(shape: ImageShape, path: string, expected: ImageShape, firstPath: string): void {
  const sameSize = shape[1] === expected[1] && shape[2] === expected[2];
  if (sameSize && shape[0] <= expected[0]) return;
  throw new UsageError({
    what: sameSize
      ? 'a colour image in a set of grey ones'
      : `an image of ${shape[2]}×${shape[1]} pixels in a set of ${expected[2]}×${expected[1]}`,
    where: path,
    why: `${firstPath} is ${formatShape(expected)}, this one ${formatShape(shape)} (channels × rows × columns)`,
    remedy: sameSize ? 'Save them all as RGB or all as grey.' : 'Resize all images to one size first.',
  });
}
