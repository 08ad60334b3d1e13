/**
 * Decodes PNG, JPEG and WebP files as common readers do: what a decoder only warns about (stray bytes before a marker) is
 * read, and a file cut short is not. Pixels are taken as stored: no colour-profile conversion, no rotation by EXIF.
 */
import sharp, { type Metadata, type OutputInfo } from 'sharp';
import { UsageError } from '../ground/errors.ts';
import type { ImageShape } from './dataset.ts';
import { damageOf, imageFormat, isRead } from './image-format.ts';
import { messageOf } from './source-file.ts';

export interface Picture {
  /** One channel for a grey image, three for a colour one. */
  readonly shape: ImageShape;
  /** Interleaved bytes, `stride` per pixel: the colours, then alpha where the file has it (opaque, and ignored). */
  readonly bytes: Uint8Array;
  readonly stride: number;
}

/** Far above what any network takes as one image; a few bytes of PNG may claim to be thousands of times as much. */
const MOST_PIXELS = 2 ** 26;

/**
 * @param accept told the shape that the file states, before anything is unpacked; it may throw
 * @throws UsageError with the code `unreadable-image` for a damaged file, without it for an image that is whole but has no
 * 8-bit grey or RGB pixels of its own (CMYK, 16 bits, transparent, animated) or is too large; what `accept` throws
 */
export async function decodeImage(
  path: string,
  accept: (shape: ImageShape) => void = () => {},
): Promise<Picture> {
  // Never what the library makes of other files: it would draw an SVG.
  const format = imageFormat(path);
  if (format === null || !isRead(format)) throw unreadable(path, damageOf(path));
  let metadata: Metadata;
  let decoded: { data: Buffer; info: OutputInfo };
  try {
    const picture = sharp(path, { ignoreIcc: true, failOn: 'error', limitInputPixels: false });
    metadata = await picture.metadata();
    refuseUnusual(metadata, path);
    accept(shapeOf(metadata));
    decoded = await picture.raw().toBuffer({ resolveWithObject: true });
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    // The decoder may say the same several times.
    throw unreadable(path, [...new Set(messageOf(cause).trim().split('\n'))].join('; '), cause);
  }
  const { data, info } = decoded;
  const stride = info.channels;
  if (metadata.hasAlpha) refuseTransparent(data, stride, path);
  return { shape: shapeOf(metadata), bytes: data, stride };
}

const shapeOf = ({ space, height, width }: Metadata): ImageShape => [space === 'b-w' ? 1 : 3, height, width];

const unreadable = (path: string, why: string, cause?: unknown): UsageError =>
  new UsageError({
    code: 'unreadable-image',
    what: 'an image cannot be read',
    where: path,
    why,
    remedy: 'Replace or remove the file.',
    ...(cause === undefined ? {} : { cause }),
  });

function refuseUnusual({ space, depth, pages, width, height }: Metadata, where: string): void {
  const refuse = (what: string, remedy: string): never => {
    throw new UsageError({ what, where, remedy });
  };
  if (width * height > MOST_PIXELS)
    refuse(`the image claims ${width}×${height} pixels`, 'Resize all images to what the model takes first.');
  if ((pages ?? 1) > 1) refuse(`the image is an animation of ${pages} frames`, 'Save one frame as PNG.');
  if (space === 'cmyk') refuse('the image is CMYK', 'Save it as RGB.');
  if (depth !== 'uchar')
    refuse(`the image has ${depth} pixels, not bytes`, 'Save it with 8 bits per channel.');
}

function refuseTransparent(data: Buffer, stride: number, where: string): void {
  for (let i = stride - 1; i < data.length; i += stride) {
    if (data[i] === 255) continue;
    throw new UsageError({
      what: 'the image has transparent pixels',
      where,
      remedy: 'Flatten it onto a background first.',
    });
  }
}
