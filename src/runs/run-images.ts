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
  context: Context,
): Promise<number[]> {
  const seen = await lookAt(data, planned, max, context);
  const { readable, unreadable } = seen;
  if (unreadable.length > 0) tellUnreadable(data, seen, strict, context);
  for (const text of equalImagesInWords(equalImages(readable))) note(context, `warning ${text}`);
  return unreadable.map(([index]) => index);
}

async function lookAt(
  data: Dataset,
  planned: readonly number[],
  max: number,
  { signal }: Context,
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

function tellUnreadable(
  data: Dataset,
  { readable, unreadable }: Seen,
  strict: boolean,
  context: Context,
): void {
  const names = unreadable.map(([index]) => data.names?.[index] ?? `image ${index}`);
  const why = unreadable[0]?.[1].report.why ?? '';
  if (strict || readable.length === 0) {
    throw new UsageError({
      what: readable.length === 0 ? 'no image of the run can be read' : 'images of the run cannot be read',
      where: data.describe(),
      why: `${listed(names, 'image', 10)}; the first: ${why}`,
      remedy: strict
        ? 'Replace or remove them, or omit --strict-images to leave them out of the run.'
        : 'Replace or remove them.',
    });
  }
  note(
    context,
    `warning ${listed(names, 'image', 10)}: cannot be read and left out of the run (the first: ${why}). Replace them, or use --strict-images to stop here.`,
  );
}

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
