/** What the network alone answers, without noise: reported with every certificate, and not certified. */
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { encodeModel } from '../onnx/model/codec.ts';
import { argmax } from '../onnx/runtime/check-rows.ts';
import { openSession, runRows } from '../onnx/runtime/session.ts';

export interface NetworkAnswers {
  /** The class of the largest score, the first of equals; null where a score is not finite. @param pixels [C,H,W] in [0,1] */
  answer(pixels: Float32Array): Promise<number | null>;
  close(): Promise<void>;
}

/** One session on the CPU. Throws ModelRefused when ONNX Runtime does not take the model. */
export async function networkAnswers({ model, inputDims }: PreparedClassifier): Promise<NetworkAnswers> {
  const session = await openSession(encodeModel(model.proto), model.path);
  return {
    async answer(pixels) {
      const { data } = await runRows(session, [pixels], inputDims.slice(1));
      return data.every(Number.isFinite) ? argmax(data) : null;
    },
    close: () => session.close(),
  };
}
