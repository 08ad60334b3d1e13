/** What the network alone answers, without noise: reported with every certificate, and not certified. */
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../onnx/model/codec.ts';
import { argmax } from '../onnx/runtime/check-rows.ts';
import { openSession, runRows } from '../onnx/runtime/session.ts';

export interface NetworkAnswers {
  /** The class of the largest score, the first of equals; null where a score is not finite. @param pixels [C,H,W] in [0,1] */
  answer(pixels: Float32Array): Promise<number | null>;
  /** The same of several images, in one pass where the network takes batches. */
  answers(images: readonly Float32Array[]): Promise<readonly (number | null)[]>;
  close(): Promise<void>;
}

/** One session on the CPU. Throws ModelRefused when ONNX Runtime does not take the model. */
export async function networkAnswers(classifier: PreparedClassifier): Promise<NetworkAnswers> {
  const { model, inputDims, whyNotBatchable } = classifier;
  const session = await openSession(encodeModel(model.proto), model.path);
  const ofRows = async (rows: readonly Float32Array[]): Promise<(number | null)[]> => {
    const { data } = await runRows(session, rows, inputDims.slice(1));
    const size = data.length / rows.length;
    return rows.map((_, k) => {
      const scores = data.subarray(k * size, (k + 1) * size);
      return scores.every(Number.isFinite) ? argmax(scores) : null;
    });
  };
  const answer = async (pixels: Float32Array): Promise<number | null> => (await ofRows([pixels]))[0] ?? null;
  return {
    answer,
    async answers(images) {
      if (whyNotBatchable === null) return ofRows(images);
      const each: (number | null)[] = [];
      for (const pixels of images) each.push(await answer(pixels));
      return each;
    },
    close: () => session.close(),
  };
}
