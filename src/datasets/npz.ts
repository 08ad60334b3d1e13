/**
 * NumPy data: an NPZ archive with the images in `x` or `images` and the labels in `y` or `labels` (or, per subset,
 * `x_test`, `y_test`, `x_train`, `y_train` as Keras publishes them), or a single NPY array of images.
 * Images are uint8, or float32/float64 in [0,1]; (N,H,W), (N,C,H,W) or (N,H,W,C) with C = 1 or 3.
 */
import { type UnzipFileInfo, unzipSync } from 'fflate';
import { UsageError } from '../ground/errors.ts';
import {
  assembleDataset,
  type Dataset,
  type ImageShape,
  type Subset,
  unitPixels,
  unitPixelsFromInterleaved,
} from './dataset.ts';
import { readNpyLabels } from './label-file.ts';
import { looksLikeNpy, type NpyArray, parseNpy } from './npy.ts';
import { messageOf, readBytes } from './source-file.ts';

/**
 * Reads the images and, if there are any, the labels.
 * @throws UsageError for a missing or damaged file, arrays of other names, another element type, a layout that could
 * be read in two ways, a value outside [0,1], or a different number of labels
 */
export function openNpz(file: string, subset: Subset): Dataset {
  const bytes = readBytes(file);
  const names = looksLikeNpy(bytes) ? ['x'] : arrayNames(bytes, file);
  const imagesName = pick(names, [`x_${subset}`, `${subset}_images`, 'x', 'images']);
  const labelsName = pick(names, [`y_${subset}`, `${subset}_labels`, 'y', 'labels']);
  if (imagesName === undefined) {
    throw new UsageError({
      what: 'there are no images in the NPZ file',
      where: file,
      why: `it holds ${names.join(', ') || 'no arrays'}; looked for x_${subset}, ${subset}_images, x, images`,
      remedy: 'Save it as numpy.savez(file, x=images, y=labels).',
    });
  }
  const wanted = [imagesName, ...(labelsName === undefined ? [] : [labelsName])];
  const arrays = looksLikeNpy(bytes) ? new Map([['x', bytes]]) : unzipArrays(bytes, file, wanted);
  const imagesWhere = looksLikeNpy(bytes) ? file : `${file}, array ${imagesName}`;
  const images = parseNpy(arrays.get(imagesName) as Uint8Array, imagesWhere);
  const { shape, interleaved } = imageLayout(images.shape, imagesWhere);
  const read = pixelReader(images, shape, interleaved, imagesWhere);
  const length = images.shape[0] as number;
  const labels =
    labelsName === undefined
      ? null
      : readNpyLabels(arrays.get(labelsName) as Uint8Array, `${file}, array ${labelsName}`);
  if (labels !== null && labels.length !== length) {
    throw new UsageError({
      what: `${length} images but ${labels.length} labels`,
      where: `${file}, arrays ${imagesName} and ${labelsName}`,
      remedy: 'Save one label per image.',
    });
  }
  return assembleDataset({
    name: imagesName.includes(subset) ? `npz ${subset}` : 'npz',
    kind: 'npz',
    shape,
    length,
    labels,
    classNames: null,
    identity: [
      ['images', arrays.get(imagesName) as Uint8Array],
      ['labels', labelsName === undefined ? '' : (arrays.get(labelsName) as Uint8Array)],
    ],
    origin: `from ${imagesWhere}`,
    image: read,
  });
}

/** An array that unpacks to more than this is unpacked only when it was not packed suspiciously well. */
const UNSUSPICIOUS = 1 << 26;
/** Images pack to a half, drawings to a twentieth. */
const BEST_PACKED = 100;

/** Bytes that an entry takes in the list of an archive, at least. */
const LEAST_ENTRY = 46;

const ARRAY = /\.npy$/u;

/** The arrays that an archive says it holds; none is unpacked. */
function arrayNames(bytes: Uint8Array, file: string): string[] {
  const names: string[] = [];
  unzipped(bytes, file, ({ name }) => {
    if (ARRAY.test(name)) names.push(name.replace(ARRAY, ''));
    return false;
  });
  return names;
}

/** The arrays of these names; the others are not unpacked. Throws UsageError before unpacking one that would fill the memory. */
function unzipArrays(bytes: Uint8Array, file: string, wanted: readonly string[]): Map<string, Uint8Array> {
  const entries = unzipped(bytes, file, ({ name, size, originalSize }) => {
    if (!ARRAY.test(name) || !wanted.includes(name.replace(ARRAY, ''))) return false;
    const packed = Math.min(size, bytes.length);
    if (originalSize <= UNSUSPICIOUS || originalSize <= BEST_PACKED * packed) return true;
    throw new UsageError({
      what: `the array ${name.replace(ARRAY, '')} would unpack to ${originalSize} bytes`,
      where: file,
      why: `it has ${size} in the archive, less than a hundredth: that is not image data, and it was not unpacked`,
      remedy: 'Get the file again from its source, or save it with numpy.savez, which does not pack.',
    });
  });
  return new Map(Object.entries(entries).map(([name, contents]) => [name.replace(ARRAY, ''), contents]));
}

function unzipped(
  bytes: Uint8Array,
  file: string,
  filter: (entry: UnzipFileInfo) => boolean,
): Record<string, Uint8Array> {
  // An archive may claim four billion entries.
  let left = bytes.length / LEAST_ENTRY;
  try {
    return unzipSync(bytes, {
      filter(entry) {
        if (left-- < 0) throw new Error('it lists more entries than it has room for');
        return filter(entry);
      },
    });
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError({
      what: 'not an NPZ or NPY file, or one that is cut short',
      where: file,
      why: messageOf(cause),
      remedy: 'Save it with numpy.savez or numpy.save.',
      cause,
    });
  }
}

function pick(held: readonly string[], names: readonly string[]): string | undefined {
  return names.find((name) => held.includes(name));
}

function imageLayout(
  dimensions: readonly number[],
  where: string,
): { shape: ImageShape; interleaved: boolean } {
  const shown = `(${dimensions.join(', ')})`;
  const isChannels = (size: number | undefined): boolean => size === 1 || size === 3;
  const [length, a, b, c] = dimensions;
  if (dimensions.includes(0) || length === undefined) {
    throw new UsageError({
      what: `the array of images is empty: shape ${shown}`,
      where,
      remedy: 'Save at least one image.',
    });
  }
  if (dimensions.length === 3) return { shape: [1, a as number, b as number], interleaved: false };
  if (dimensions.length === 4) {
    const first = isChannels(a);
    const last = isChannels(c);
    if (first && !last) return { shape: [a as number, b as number, c as number], interleaved: false };
    if (last && !first) return { shape: [c as number, a as number, b as number], interleaved: true };
    if (first && last) {
      throw new UsageError({
        what: `images of shape ${shown} could be (N,C,H,W) or (N,H,W,C)`,
        where,
        why: 'both the second and the last size are 1 or 3, so either could be the channels',
        remedy:
          'Save grey images as (N,H,W), or colour images in a shape where only one of the two is 1 or 3.',
      });
    }
  }
  throw new UsageError({
    what: `images of shape ${shown} are not read`,
    where,
    why: '(N,H,W), (N,C,H,W) and (N,H,W,C) with C = 1 or 3 are read',
    remedy: 'Reshape the array before saving it.',
  });
}

function pixelReader(
  array: NpyArray,
  shape: ImageShape,
  interleaved: boolean,
  where: string,
): (index: number) => Promise<Float32Array> {
  const [channels, rows, columns] = shape;
  const area = rows * columns;
  const count = channels * area;
  if (array.type === 'uint8') {
    return interleaved
      ? async (index) => unitPixelsFromInterleaved(array.bytes, index * count, shape)
      : async (index) => unitPixels(array.bytes, index * count, count);
  }
  if (array.type !== 'float32' && array.type !== 'float64') {
    throw new UsageError({
      what: `images of type ${array.type} are not read`,
      where,
      why: 'uint8 (0..255), float32 and float64 (0..1) are read',
      remedy: 'Convert them: images.astype("uint8"), or images.astype("float32") / 255.',
    });
  }
  for (let i = 0; i < array.size; i++) {
    const value = array.at(i);
    if (!(value >= 0 && value <= 1)) {
      throw new UsageError({
        what: `image ${Math.floor(i / count)} holds ${value}; pixels given as floats must lie in [0,1]`,
        where,
        why: 'certified radii are stated in pixels from 0 to 1, so the scale must be known',
        remedy: 'Divide by 255 if they are 0..255; undo a normalisation and pass it as --mean and --std.',
      });
    }
  }
  return async (index) => {
    const pixels = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const stored = interleaved ? (i % area) * channels + Math.floor(i / area) : i;
      pixels[i] = array.at(index * count + stored);
    }
    return pixels;
  };
}
