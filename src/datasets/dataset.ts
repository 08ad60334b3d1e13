/**
 * What every data set is to the rest of the product: a fixed, ordered list of images in [0,1], each of one shape, with
 * an optional label each. Whatever the file format holds, an image leaves here as float32 in channel, row, column
 * order; a stored byte b becomes b/255 rounded to the nearest float32.
 */
import { createHash } from 'node:crypto';

export type DatasetKind = 'mnist' | 'cifar10' | 'fashion' | 'images' | 'npz' | 'glyphs';

export type Subset = 'train' | 'test';

/** [channels, rows, columns] */
export type ImageShape = readonly [channels: number, rows: number, columns: number];

export interface Dataset {
  /** The kind and, where it has one, the part: "mnist test". */
  readonly name: string;
  readonly kind: DatasetKind;
  readonly shape: ImageShape;
  /** Number of images. */
  readonly length: number;
  /** One class index per image, or null for data without labels. */
  readonly labels: Int32Array | null;
  /** File name of each image within the data set; absent where images are not files. */
  readonly names?: readonly string[];
  /** Class names by class index, where the data include them. */
  readonly classNames: readonly string[] | null;
  /**
   * sha256 (hex) that identifies images, order and labels: over the uncompressed bytes of the files; for a folder of
   * images over its list of paths, sizes and labels; for glyphs over the settings and the first images drawn.
   */
  readonly digest: string;
  /** How the data were understood where that is not plain, for people, a line each: which folder has which label. */
  readonly notes?: readonly string[];
  /** Where the data come from, for people: "from PATH", "drawn with seed 1". */
  readonly origin: string;
  /** One line for people: what it is, how many, of which shape, with labels or without, from where. */
  describe(): string;
  /**
   * The image as float32 in [0,1], length C·H·W, in channel, row, column order; a fresh array at every call.
   * @throws RangeError when `index` is not an integer in [0, length)
   * @throws UsageError when the image's own file cannot be read or is not of the data set's shape
   */
  image(index: number): Promise<Float32Array>;
}

/** What a reader of one format has to supply; `assembleDataset` adds what is the same for all of them. */
export interface DatasetParts extends Omit<Dataset, 'digest' | 'describe'> {
  /** Named contents that identify the data, in a fixed order. */
  readonly identity: readonly (readonly [name: string, contents: Uint8Array | string])[];
}

/** Adds the digest, the description and the index check. */
export function assembleDataset(parts: DatasetParts): Dataset {
  const { identity, image, ...rest } = parts;
  const digest = manifestDigest(identity);
  return {
    ...rest,
    digest,
    describe: () =>
      `${rest.name}: ${rest.length.toLocaleString('en-US')} images of ${formatShape(rest.shape)}, ${
        rest.labels === null ? 'without labels' : 'labelled'
      }, ${rest.origin}`,
    image: async (index) => {
      if (!Number.isInteger(index) || index < 0 || index >= rest.length) {
        throw new RangeError(`image ${index} of a data set of ${rest.length} images`);
      }
      return image(index);
    },
  };
}

/** sha256 of the lines "name sha256-of-contents", so that neither names nor boundaries between parts can blur. */
function manifestDigest(identity: DatasetParts['identity']): string {
  const manifest = createHash('sha256');
  for (const [name, contents] of identity) {
    manifest.update(`${JSON.stringify(name)} ${createHash('sha256').update(contents).digest('hex')}\n`);
  }
  return manifest.digest('hex');
}

/** "1×28×28 (channels × rows × columns)" without the legend: shapes are printed channel first everywhere. */
export function formatShape(shape: readonly number[]): string {
  return shape.join('×');
}

const BYTE_TO_UNIT = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** `count` stored bytes from `start` as float32 in [0,1]: each is byte/255 rounded to nearest. */
export function unitPixels(bytes: Uint8Array, start: number, count: number): Float32Array {
  const pixels = new Float32Array(count);
  for (let i = 0; i < count; i++) pixels[i] = BYTE_TO_UNIT[bytes[start + i] as number] as number;
  return pixels;
}

/**
 * The same for interleaved pixels (row, column, channel): the result is channel, row, column.
 * @param stored how each pixel is stored: `colours` of its `stride` bytes are colours; one colour is used for all channels
 */
export function unitPixelsFromInterleaved(
  bytes: Uint8Array,
  start: number,
  [channels, rows, columns]: ImageShape,
  stored: { readonly colours: number; readonly stride: number } = { colours: channels, stride: channels },
): Float32Array {
  const area = rows * columns;
  const pixels = new Float32Array(channels * area);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < area; i++) {
      const byte = bytes[start + i * stored.stride + Math.min(c, stored.colours - 1)] as number;
      pixels[c * area + i] = BYTE_TO_UNIT[byte] as number;
    }
  }
  return pixels;
}
