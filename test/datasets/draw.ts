/** Pictures for folders of images, drawn by a function of the pixel. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

interface Drawn {
  readonly channels?: 1 | 2 | 3 | 4;
  readonly width?: number;
  readonly height?: number;
  readonly pixel?: (x: number, y: number, channel: number) => number;
}

/** Writes a picture; its format goes by the ending of `name`. Missing folders are made. */
export async function draw(folder: string, name: string, drawn: Drawn = {}): Promise<void> {
  const { channels = 3, width = 6, height = 4, pixel = () => 128 } = drawn;
  const bytes = Buffer.from(
    Array.from({ length: width * height * channels }, (_, i) => {
      const at = Math.floor(i / channels);
      return pixel(at % width, Math.floor(at / width), i % channels);
    }),
  );
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  const picture = sharp(bytes, { raw: { width, height, channels } });
  await (channels < 3 ? picture.toColourspace('b-w') : picture).toFile(join(folder, name));
}
