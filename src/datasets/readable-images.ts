/** Images where some files may be damaged: a caller that needs some images, and not these, takes those that can be read. */
import { UsageError } from '../ground/errors.ts';
import type { Dataset } from './dataset.ts';

export interface ReadImage {
  readonly index: number;
  readonly pixels: Float32Array;
}

/** Whether an image could not be decoded; other errors are about more than one file. */
export const isUnreadable = (error: unknown): error is UsageError =>
  error instanceof UsageError && error.report.code === 'unreadable-image';

/** The image, or why it cannot be decoded. @throws UsageError for whatever else is wrong with it */
export async function readImage(data: Dataset, index: number): Promise<ReadImage | UsageError> {
  try {
    return { index, pixels: await data.image(index) };
  } catch (error) {
    if (isUnreadable(error)) return error;
    throw error;
  }
}

/** Those of the images that can be decoded, in the order of `indices`. @throws as `readImage` */
export async function readableImages(data: Dataset, indices: readonly number[]): Promise<ReadImage[]> {
  const all = await Promise.all(indices.map((index) => readImage(data, index)));
  return all.flatMap((image) => (image instanceof UsageError ? [] : [image]));
}

/** The first `count` images that can be decoded; fewer where the data have no more. @throws as `readImage` */
export async function firstReadable(data: Dataset, count: number): Promise<ReadImage[]> {
  const found: ReadImage[] = [];
  for (let index = 0; index < data.length && found.length < count; index++)
    found.push(...(await readableImages(data, [index])));
  return found;
}
