/**
 * Whether pixels without labels are on the scale the model was trained with: a network fed 0..1 where it expects 0..255 (or
 * the other way round) sees almost black (or burnt out) images, and answers the same for all of them.
 */
import { scaleFromData } from '../../onnx/preflight/checks/preprocessing.ts';
import type { Finding } from '../../onnx/preflight/finding.ts';

/**
 * @param answers of the model with its preprocessing inside, so that pixels c times as large stand for a scale c times as large
 * @param scale what its preprocessing multiplies pixels by
 * @returns the finding, or null when the answers look right
 */
export async function checkScale(
  answers: (images: readonly Float32Array[]) => Promise<readonly number[]>,
  images: readonly Float32Array[],
  scale: number,
  data: string,
): Promise<Finding | null> {
  const other = scale === 1 ? 255 : 1;
  const sameAnswer = async (pixels: readonly Float32Array[]): Promise<number> => {
    const found = await answers(pixels);
    return Math.max(...found.map((a) => found.filter((b) => a === b).length)) / images.length;
  };
  const now = { scale, sameAnswer: await sameAnswer(images) };
  const then = {
    scale: other,
    sameAnswer: await sameAnswer(images.map((image) => image.map((v) => v * (other / scale)))),
  };
  return scaleFromData(now, then, images.length, data);
}
