/** An image of a data set as a small PNG in a data URI. */
import sharp from 'sharp';
import type { ImageShape } from '../datasets/dataset.ts';

/** Longest side, pixels; smaller images are kept as they are and enlarged by the browser without smoothing. */
const LONGEST = 112;

/** @param pixels in [0,1], channel, row, column order; only the first or the first three channels are shown */
export async function thumbnail(
  pixels: Float32Array,
  [channels, rows, columns]: ImageShape,
): Promise<string> {
  const shown = channels >= 3 ? 3 : 1;
  const area = rows * columns;
  const bytes = Buffer.alloc(shown * area);
  for (let c = 0; c < shown; c++) {
    for (let i = 0; i < area; i++) {
      const level = Math.round(255 * (pixels[c * area + i] ?? 0));
      bytes[i * shown + c] = Math.max(0, Math.min(255, level));
    }
  }
  const image = sharp(bytes, { raw: { width: columns, height: rows, channels: shown } });
  const small = Math.max(rows, columns) > LONGEST ? image.resize(LONGEST, LONGEST, { fit: 'inside' }) : image;
  const png = await small.png({ compressionLevel: 9 }).toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}
