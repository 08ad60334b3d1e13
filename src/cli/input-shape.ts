/** `--input-shape 3,32,32` as dimensions of one row. */
import { UsageError } from '../ground/errors.ts';

export function inputShapeOption(text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const dims = text.split(',').map(Number);
  if (dims.every((dim) => Number.isSafeInteger(dim) && dim > 0)) return dims;
  throw new UsageError({
    what: `--input-shape ${text} is not a shape`,
    remedy: 'Write the shape of one image without the batch axis, e.g. --input-shape 3,32,32.',
  });
}
