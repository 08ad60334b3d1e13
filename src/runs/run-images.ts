/**
 * Looks at the images of a run before it starts, so that what is wrong with them is known before hours are spent: files that
 * cannot be decoded, and images that are equal.
 */
import { createHash } from 'node:crypto';
import type { Dataset } from '../datasets/dataset.ts';
import { type ReadImage, readImage } from '../datasets/readable-images.ts';
import { UsageError } from '../ground/errors.ts';
import { listed } from '../ground/listed.ts';
import { type Context, note } from '../methods/context.ts';
import { equalImages, equalImagesInWords, type Identified } from '../statistics/equal-images.ts';

/** SHA-256 of pixels as little-endian float32. */
export function pixelDigest(pixels: Float32Array): string {
  const bytes = Buffer.alloc(4 * pixels.length);
  for (const [i, value] of pixels.entries()) bytes.writeFloatLE(value, 4 * i);
  return createHash('sha256').update(bytes).digest('hex');
}

/** Images read at the same time: those of a folder are decoded on several threads. */
const READ_TOGETHER = 16;

type Telling = Pick<Context, 'signal' | 'tell'>;

interface Seen {
  readonly readable: readonly Identified[];
  readonly unreadable: readonly (readonly [index: number, why: UsageError])[];
}

/**
 * The images of the run that cannot be decoded, by index: the run leaves them out and says so. What else there is to know
 * about its images is told as notes.
 * @param planned the images the run would take, in its order
 * @param max how many of them it certifies
 * @param strict whether one that cannot be decoded ends the run
 * @throws UsageError for one with `strict`, when none can be decoded, and for whatever else is wrong with an image; the signal's
 * reason when aborted
 */
export async function unreadableImages(
  data: Dataset,
  planned: readonly number[],
  max: number,
  strict: boolean,
  context: Telling,
): Promise<number[]> {
  const { readable, unreadable } = await lookAt(data, planned, max, context);
  if (unreadable.length > 0) {
    const found = described(data, unreadable);
    if (strict) {
      throw new UsageError({
        what: 'images of the run cannot be read',
        ...found,
        remedy: 'Replace or remove them, or omit --strict-images to leave them out of the run.',
      });
    }
    if (readable.length === 0) throw noneReadable(found);
    note(context, leftOutNote(found, 'Replace them, or use --strict-images to stop here.'));
  }
  for (const text of equalImagesInWords(equalImages(readable))) note(context, `warning ${text}`);
  return unreadable.map(([index]) => index);
}

/**
 * Those of the images that can be decoded, for commands that keep no account of the others; a note names what is left out.
 * @throws UsageError when none can be decoded, and as `unreadableImages`
 */
export async function withoutUnreadable(
  data: Dataset,
  indices: readonly number[],
  context: Telling,
): Promise<readonly number[]> {
  // Images that are stored together are not damaged one by one.
  if (data.names === undefined) return indices;
  const { readable, unreadable } = await lookAt(data, indices, Infinity, context);
  if (unreadable.length === 0) return indices;
  const found = described(data, unreadable);
  if (readable.length === 0) throw noneReadable(found);
  note(context, leftOutNote(found, 'Replace them.'));
  return readable.map(({ index }) => index);
}

async function lookAt(
  data: Dataset,
  planned: readonly number[],
  max: number,
  { signal }: Telling,
): Promise<Seen> {
  const readable: Identified[] = [];
  const unreadable: [number, UsageError][] = [];
  for (let at = 0; at < planned.length && readable.length < max; ) {
    const together = Math.min(READ_TOGETHER, max - readable.length);
    const indices = planned.slice(at, at + together);
    at += together;
    const images = await Promise.all(indices.map((index) => readImage(data, index)));
    signal.throwIfAborted();
    for (const [k, image] of images.entries()) {
      if (image instanceof UsageError) unreadable.push([indices[k] ?? 0, image]);
      else readable.push(identified(data, image));
    }
  }
  return { readable, unreadable };
}

const identified = ({ labels }: Dataset, { index, pixels }: ReadImage): Identified => ({
  index,
  label: labels?.[index] ?? null,
  sha256: pixelDigest(pixels),
});

interface Described {
  readonly where: string;
  readonly why: string;
}

/** Which images, and what is wrong with the first. */
function described(data: Dataset, unreadable: Seen['unreadable']): Described {
  const names = unreadable.map(([index]) => data.names?.[index] ?? `image ${index}`);
  const why = unreadable[0]?.[1].report.why ?? '';
  return { where: data.describe(), why: `${listed(names, 'image', 10)}; the first: ${why}` };
}

const noneReadable = (found: Described): UsageError =>
  new UsageError({ what: 'no image of the run can be read', ...found, remedy: 'Replace or remove them.' });

const leftOutNote = ({ why }: Described, remedy: string): string =>
  `warning images that cannot be read are left out: ${why}. ${remedy}`;

/** An image left out of a run as unreadable that can be read after all, or null. Throws the signal's reason when aborted. */
export async function readableAfterAll(
  data: Dataset,
  leftOut: readonly number[],
  signal: AbortSignal,
): Promise<number | null> {
  for (const index of leftOut) {
    signal.throwIfAborted();
    if (!((await readImage(data, index)) instanceof UsageError)) return index;
  }
  return null;
}
