/**
 * Whether the pixels come on the scale the model was trained with, judged by what it answers on images: a network fed
 * 0..1 where it expects 0..255 (or the other way round) sees almost black (or burnt out) images. Told, never applied.
 */
import type { Dataset } from '../datasets/dataset.ts';
import { argmax } from '../onnx/check-rows.ts';
import { openClassifier } from '../onnx/classifier.ts';
import { encodeModel } from '../onnx/codec.ts';
import type { Model } from '../onnx/model.ts';
import { type ScaleAnswers, scaleFromData } from '../onnx/preflight/checks/preprocessing.ts';
import type { Finding } from '../onnx/preflight/finding.ts';
import { type Preprocessing, prependPreprocessing } from '../onnx/preprocessing.ts';
import { runRows, withSession } from '../onnx/session.ts';

/** Enough to tell 90 % from 10 %, few enough to take no time. */
const IMAGES = 64;

/**
 * @param output name of the output with the scores, where there are several
 * @returns the finding, or null when the images look right
 * @throws UsageError when the images do not fit the model
 */
export async function checkScale(
  model: Model,
  output: string | undefined,
  data: Dataset,
  preprocessing: Preprocessing,
): Promise<Finding | null> {
  const opened = await openClassifier(model, output === undefined ? {} : { output });
  const count = Math.min(IMAGES, data.length);
  const indices = Array.from({ length: count }, (_, k) => Math.floor((k * data.length) / count));
  const images = await Promise.all(indices.map((index) => data.image(index)));
  const labels = data.labels && indices.map((index) => data.labels?.[index] ?? -1);
  const at = async (scale: number): Promise<ScaleAnswers> => {
    const canonical = prependPreprocessing(opened.model, { ...preprocessing, scale });
    const answers = await withSession(encodeModel(canonical.proto), model.path, async (session) => {
      const found: number[] = [];
      for (const image of images) found.push(argmax((await runRows(session, [image], data.shape)).data));
      return found;
    });
    return {
      scale,
      accuracy: labels && answers.filter((answer, k) => answer === labels[k]).length / count,
      sameAnswer: Math.max(...answers.map((a) => answers.filter((b) => a === b).length)) / count,
    };
  };
  const now = await at(preprocessing.scale);
  const other = await at(preprocessing.scale === 1 ? 255 : 1);
  return scaleFromData(now, other, count, data.name);
}
