/**
 * Images in memory. Almost every data set stores bytes, and a pixel b/255 is kept as the byte b: a quarter of the memory
 * (154 MB for CIFAR-10), and the same float32 comes back. A set with other pixel values is kept as float32.
 */
import type { Dataset } from '../datasets/dataset.ts';
import { sizeOf } from '../onnx/model/graph.ts';

export interface ImageStore {
  /** Writes the image's pixels, [C,H,W] in [0,1], to `target` from element `at`. */
  read(index: number, target: Float32Array, at: number): void;
}

/** Images read at the same time: those of a folder are decoded on several threads. */
const READ_TOGETHER = 64;

/**
 * Reads the first `count` images.
 * @throws UsageError when an image cannot be read or has another shape
 */
export async function storeImages(data: Dataset, count: number): Promise<ImageStore> {
  const size = sizeOf(data.shape);
  const bytes = new Uint8Array(count * size);
  for (let start = 0; start < count; start += READ_TOGETHER) {
    const indices = Array.from({ length: Math.min(READ_TOGETHER, count - start) }, (_, k) => start + k);
    const images = await Promise.all(indices.map((index) => data.image(index)));
    for (const [k, image] of images.entries()) {
      if (!toBytes(image, bytes, (start + k) * size)) return storeFloats(data, count, size);
    }
  }
  return {
    read(index, target, at) {
      const from = index * size;
      for (let i = 0; i < size; i++) target[at + i] = (bytes[from + i] as number) / 255;
    },
  };
}

async function storeFloats(data: Dataset, count: number, size: number): Promise<ImageStore> {
  const pixels = new Float32Array(count * size);
  for (let index = 0; index < count; index++) pixels.set(await data.image(index), index * size);
  return { read: (index, target, at) => target.set(pixels.subarray(index * size, (index + 1) * size), at) };
}

/** False when a pixel is not b/255 in float32. */
function toBytes(image: Float32Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < image.length; i++) {
    const pixel = image[i] as number;
    const byte = Math.round(pixel * 255);
    if (Math.fround(byte / 255) !== pixel || byte < 0 || byte > 255) return false;
    bytes[at + i] = byte;
  }
  return true;
}
