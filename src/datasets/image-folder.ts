/**
 * A folder of PNG, JPEG and WebP files as a data set. Files are listed at once (`class-folders.ts`) and decoded one by one
 * when asked for.
 */
import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../ground/errors.ts';
import { listImages } from './class-folders.ts';
import {
  assembleDataset,
  type Dataset,
  formatShape,
  type ImageShape,
  type Subset,
  unitPixelsFromInterleaved,
} from './dataset.ts';
import { decodeImage } from './decode-image.ts';
import { isUnreadable } from './readable-images.ts';
import { requireFolder } from './source-file.ts';
import { subsetFolder } from './subset-folders.ts';

export interface ImageFolderOptions {
  readonly subset: Subset;
  /** A label file that takes the place of the folder's own labels. */
  readonly labels?: string;
  /** Whether grey images are read as colour ones, R = G = B; otherwise all must be of the kind of the first. */
  readonly greyAsRgb?: boolean;
}

/**
 * Lists the images and decodes the first that can be read, for the shape.
 * @throws UsageError for a missing folder, what `listImages` throws, and a folder without a readable image
 */
export async function openImageFolder(
  folder: string,
  { subset, labels: labelFile, greyAsRgb = false }: ImageFolderOptions,
): Promise<Dataset> {
  requireFolder(folder);
  const { home, own } = subsetFolder(folder, subset);
  const { files, labels, classNames, labelsFrom, notes } = listImages(home, labelFile);
  const first = await firstReadable(home, files);
  const [colours, rows, columns] = first.shape;
  const shape: ImageShape = [greyAsRgb ? 3 : colours, rows, columns];
  return assembleDataset({
    // As people call it: "40 images of vehicles".
    name: own ? `${basename(resolve(folder))} ${subset}` : basename(resolve(folder)),
    kind: 'images',
    shape,
    length: files.length,
    names: files,
    labels,
    classNames,
    notes,
    identity: [
      ['files', files.map((file) => `${sizeOf(join(home, file))} ${JSON.stringify(file)}\n`).join('')],
      ['labels', labels === null ? '' : labels.join('\n')],
    ],
    origin: [
      `from ${home}`,
      ...(labelsFrom === null ? [] : [`labels from ${labelsFrom}`]),
      ...(greyAsRgb ? ['grey read as R = G = B'] : []),
    ].join(', '),
    image: async (index) => {
      const path = join(home, files[index] as string);
      const picture = await decodeImage(path, (stated) =>
        requireShape(stated, path, { ...first, shape }, greyAsRgb),
      );
      return unitPixelsFromInterleaved(picture.bytes, 0, shape, {
        colours: picture.shape[0],
        stride: picture.stride,
      });
    },
  });
}

/** Bytes of a file; none where a link leads nowhere. */
const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

interface First {
  readonly path: string;
  readonly shape: ImageShape;
}

async function firstReadable(home: string, files: readonly string[]): Promise<First> {
  let why: UsageError | undefined;
  for (const file of files) {
    const path = join(home, file);
    try {
      return { path, shape: (await decodeImage(path)).shape };
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      why ??= error;
    }
  }
  throw new UsageError({
    what: `none of the ${files.length} images can be read`,
    where: home,
    why: `${why?.report.where ?? ''}: ${why?.report.why ?? ''}`,
    remedy: 'Fetch the data again.',
    cause: why,
  });
}

/** @param shape of the image at `path`; one channel for a grey image */
function requireShape(shape: ImageShape, path: string, first: First, greyAsRgb: boolean): void {
  const expected = first.shape;
  const sameSize = shape[1] === expected[1] && shape[2] === expected[2];
  if (sameSize && (shape[0] === expected[0] || greyAsRgb)) return;
  const kinds = shape[0] === 1 ? ['a grey image', 'colour ones'] : ['a colour image', 'grey ones'];
  throw new UsageError({
    what: sameSize
      ? `${kinds[0]} in a set of ${kinds[1]}`
      : `an image of ${shape[2]}×${shape[1]} pixels in a set of ${expected[2]}×${expected[1]}`,
    where: path,
    why: `${first.path} is ${formatShape(expected)}, this one ${formatShape(shape)} (channels × rows × columns)`,
    remedy: sameSize
      ? 'Add --channels grey-to-rgb to read grey images as R = G = B (grey-to-bgr for a model that takes BGR), or save them all as RGB or all as grey.'
      : 'Resize all images to one size first.',
  });
}
