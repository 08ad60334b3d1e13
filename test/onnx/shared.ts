/** The shared folder of real models and data; tests that need it skip when it is absent. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

export const sharedFolder = fileURLToPath(new URL('../../../shared', import.meta.url));
export const noShared = existsSync(`${sharedFolder}/models`)
  ? null
  : 'the shared models are not on this machine';

/** Title of a suite that needs them, with the reason when it is skipped. */
export function titled(title: string): string {
  return noShared === null ? title : `${title} (skipped: ${noShared})`;
}

export function modelFiles(folder: string): string[] {
  if (noShared !== null) return [];
  return readdirSync(`${sharedFolder}/models/${folder}`)
    .filter((f) => !f.endsWith('.data'))
    .map((f) => `${sharedFolder}/models/${folder}/${f}`);
}

export interface CatalogueEntry {
  readonly file: string;
  readonly dataset?: 'mnist' | 'cifar-10';
  readonly layout?: 'nchw' | 'nhwc' | 'hw' | 'flat';
  readonly scale?: '0..1' | '0..255';
  readonly mean?: number[];
  readonly std?: number[];
  readonly firstTestOutput?: number[];
}

export function catalogue(): CatalogueEntry[] {
  if (noShared !== null) return [];
  return JSON.parse(readFileSync(`${sharedFolder}/catalogue.json`, 'utf8')) as CatalogueEntry[];
}

export interface Image {
  readonly pixels: Float32Array;
  readonly shape: [number, number, number];
}

const images = new Map<string, Image>();

/** First test image, pixels in [0,1], with its [C,H,W]. */
export function firstImage(dataset: 'mnist' | 'cifar-10'): Image {
  const known = images.get(dataset);
  if (known !== undefined) return known;
  const cifar = dataset === 'cifar-10';
  const file = cifar ? 'cifar-10/test_batch.bin.gz' : 'mnist/t10k-images-idx3-ubyte.gz';
  const bytes = gunzipSync(readFileSync(`${sharedFolder}/data/${file}`));
  const [offset, size] = cifar ? [1, 3072] : [16, 784];
  const pixels = Float32Array.from(bytes.subarray(offset, offset + size), (v) => Math.fround(v / 255));
  const image: Image = { pixels, shape: cifar ? [3, 32, 32] : [1, 28, 28] };
  images.set(dataset, image);
  return image;
}
