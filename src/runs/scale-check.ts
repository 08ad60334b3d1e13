/**
 * Whether the pixels are on the scale the model was trained with, judged by what it answers on images: a network fed
 * 0..1 where it expects 0..255 (or the other way round) sees almost black (or burnt out) images. Reported, never applied.
 */
import type { Dataset } from '../datasets/dataset.ts';
import { readableImages } from '../datasets/readable-images.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../onnx/model/codec.ts';
import { sizeOf } from '../onnx/model/graph.ts';
import { type ScaleAnswers, scaleFromData } from '../onnx/preflight/checks/preprocessing.ts';
import type { Finding } from '../onnx/preflight/finding.ts';
import { argmax } from '../onnx/runtime/check-rows.ts';
import { runRows, withSession } from '../onnx/runtime/session.ts';

/** Enough to tell 90 % from 10 %, few enough to take no time; fewer of large images, whose networks take longer. */
const IMAGES = { usual: 64, large: 32 } as const;
const LARGE = 2 ** 15;

/**
 * @param classifier with its preprocessing inside, so that pixels c times as large stand for a scale c times as large
 * @param scale what its preprocessing multiplies pixels by
 * @returns the finding, or null when the images look right
 * @throws UsageError when an image cannot be read
 */
export async function checkScale(
  { model }: PreparedClassifier,
  data: Dataset,
  scale: number,
): Promise<Finding | null> {
  const most = Math.min(sizeOf(data.shape) < LARGE ? IMAGES.usual : IMAGES.large, data.length);
  const indices = Array.from({ length: most }, (_, k) => Math.floor((k * data.length) / most));
  const images = await readableImages(data, indices);
  const count = images.length;
  if (count === 0) return null;
  const labels = data.labels && images.map(({ index }) => data.labels?.[index] ?? -1);
  const other = scale === 1 ? 255 : 1;
  const [now, then] = await withSession(encodeModel(model.proto), model.path, async (session) => {
    const at = async (wanted: number): Promise<ScaleAnswers> => {
      const found: number[] = [];
      for (const { pixels: image } of images) {
        const pixels = wanted === scale ? image : image.map((v) => v * (wanted / scale));
        found.push(argmax((await runRows(session, [pixels], data.shape)).data));
      }
      return {
        scale: wanted,
        accuracy: labels && found.filter((answer, k) => answer === labels[k]).length / count,
        sameAnswer: Math.max(...found.map((a) => found.filter((b) => a === b).length)) / count,
      };
    };
    return [await at(scale), await at(other)] as const;
  });
  return scaleFromData(now, then, count, data.name);
}
