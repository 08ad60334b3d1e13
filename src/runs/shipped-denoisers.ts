/** The denoisers that come with the program (models/README.md), by the images they are for. */
import { existsSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const FILES: Readonly<Record<string, string>> = {
  '3,32,32': 'denoiser-rgb32.onnx',
  '1,28,28': 'denoiser-digits28.onnx',
};

/** Path of the denoiser for images [C,H,W], from the working folder where it is inside; null where none is shipped. */
export function shippedDenoiser(shape: readonly number[]): string | null {
  const file = FILES[shape.join()];
  if (file === undefined) return null;
  const path = fileURLToPath(new URL(`../../models/${file}`, import.meta.url));
  if (!existsSync(path)) return null;
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') || isAbsolute(fromHere) ? path : fromHere;
}
