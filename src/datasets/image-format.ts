/**
 * The format of an image file by what it begins with, not by its name: a file is read as what it is. Formats that are not
 * read are known too, so that they can be refused by name instead of being passed over.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { extname } from 'node:path';
import { messageOf } from './source-file.ts';

/** What a file among images is: a format that is read, the name of one that is not, or "damaged" (an image by its name only). */
export type ImageFormat = ReadFormat | 'damaged' | (string & {});

/** Formats that are read, as `sharp` names them. */
const READ_FORMATS = { PNG: 'png', JPEG: 'jpeg', WebP: 'webp' } as const;
type ReadFormat = keyof typeof READ_FORMATS;

/** Whether files of this format are read. */
export const isRead = (format: ImageFormat): format is ReadFormat => format in READ_FORMATS;

/** For messages. */
export const READ_FORMATS_IN_WORDS = 'PNG, JPEG and WebP';

/** Long enough for every signature below. */
const HEAD = 512;

const ascii = (text: string, at: number) => (head: Buffer) =>
  head.toString('latin1', at, at + text.length) === text;

const SIGNATURES: readonly (readonly [format: string, holds: (head: Buffer) => boolean])[] = [
  ['PNG', ascii('\x89PNG\r\n\x1a\n', 0)],
  ['JPEG', ascii('\xff\xd8\xff', 0)],
  ['WebP', (head) => ascii('RIFF', 0)(head) && ascii('WEBP', 8)(head)],
  ['GIF', (head) => ascii('GIF87a', 0)(head) || ascii('GIF89a', 0)(head)],
  ['BMP', isBmp],
  ['TIFF', (head) => ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((mark) => ascii(mark, 0)(head))],
  [
    'HEIF or AVIF',
    (head) => ascii('ftyp', 4)(head) && /^(hei|hev|mif|msf|avi)/u.test(head.toString('latin1', 8, 11)),
  ],
  ['JPEG 2000', ascii('\0\0\0\x0cjP  ', 0)],
  ['JPEG XL', ascii('\0\0\0\x0cJXL ', 0)],
  ['Photoshop', ascii('8BPS', 0)],
  ['SVG', (head) => /^\s*</u.test(textOf(head)) && /<svg[\s>]/iu.test(textOf(head))],
];

const textOf = (head: Buffer): string => head.toString('utf8').replace('\ufeff', '');

/** "BM" begins many a text: the reserved bytes and the size of the second header decide. */
function isBmp(head: Buffer): boolean {
  if (head.length < 18 || !ascii('BM', 0)(head) || head.readUInt32LE(6) !== 0) return false;
  return [12, 16, 40, 52, 56, 64, 108, 124].includes(head.readUInt32LE(14));
}

/** Name endings of images, with the format of those that only the ending tells. */
const ENDINGS: ReadonlyMap<string, string> = new Map([
  ...['.png', '.jpg', '.jpeg', '.jpe', '.jfif', '.webp'].map((ending) => [ending, 'damaged'] as const),
  ...['.gif', '.bmp', '.dib', '.tif', '.tiff', '.heic', '.heif', '.avif', '.jp2', '.jxl', '.psd'].map(
    (ending) => [ending, ending.slice(1).toUpperCase()] as const,
  ),
  ...['.svg', '.svgz'].map((ending) => [ending, 'SVG'] as const),
  ...['.ico', '.ppm', '.pgm', '.pbm', '.pnm'].map(
    (ending) => [ending, ending.slice(1).toUpperCase()] as const,
  ),
]);

/** The format of a file, or null when it is not an image by content or by name. A file that cannot be opened goes by its name. */
export function imageFormat(path: string): ImageFormat | null {
  const byName = ENDINGS.get(extname(path).toLowerCase()) ?? null;
  let head: Buffer;
  try {
    head = headOf(path);
  } catch {
    return byName === null ? null : 'damaged';
  }
  return SIGNATURES.find(([, holds]) => holds(head))?.[0] ?? byName;
}

/** Whether the name alone says that the file is an image. */
export const isNamedAsImage = (name: string): boolean => ENDINGS.has(extname(name).toLowerCase());

/** Why a file that is an image by its name only cannot be read. */
export function damageOf(path: string): string {
  try {
    const head = headOf(path);
    if (head.length === 0) return 'the file is empty';
    if (ascii('version https://git-lfs', 0)(head)) return 'it is a Git LFS pointer, not the image';
    return `its content is not an image: it begins with ${head.toString('hex', 0, 8).replace(/..(?!$)/gu, '$& ')}`;
  } catch (cause) {
    return messageOf(cause);
  }
}

/** The first bytes of a file; fewer where it is short. Throws what the file system does. */
function headOf(path: string): Buffer {
  const head = Buffer.alloc(HEAD);
  const file = openSync(path, 'r');
  try {
    return head.subarray(0, readSync(file, head, 0, HEAD, 0));
  } finally {
    closeSync(file);
  }
}
