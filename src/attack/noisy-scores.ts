/** Soft scores of noisy copies of inputs by ONNX Runtime alone: what a search without gradients uses. */

import type { Cut } from '../onnx/cuts.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { sizeOf } from '../onnx/model/graph.ts';
import { type OpenSession, openSession, runRows, type Session } from '../onnx/runtime/session.ts';
import { splitModel } from '../onnx/split.ts';
import { createNoiseKernel } from '../smoothing/noise/noise-kernel.ts';
import { keyWords, Stage } from '../smoothing/noise/philox.ts';
import { logSoftProbabilities } from './soft-margin.ts';

export interface NoisyScores {
  readonly classes: number;
  /** [C,H,W] */
  readonly imageDims: readonly number[];
  /** log p̄ of each input under the same draws, those of image `index`: differences are not blurred by the noise. */
  soft(inputs: readonly Float32Array[], index: number): Promise<Float64Array[]>;
}

export interface OpenedNoisyScores extends NoisyScores {
  close(): Promise<void>;
}

/** Rows that are run together. */
const BATCH = 32;

/**
 * @param draws noise draws per input; 0 for the classifier without noise, cut at the input
 * @throws ModelRefused when ONNX Runtime does not take a half
 */
export async function openNoisyScores(
  classifier: PreparedClassifier,
  cut: Cut,
  { draws, sigma, seed }: { readonly draws: number; readonly sigma: number; readonly seed: bigint },
): Promise<OpenedNoisyScores> {
  const { model, batchable, classes, inputDims } = classifier;
  const split = splitModel(model, cut);
  const imageDims = inputDims.slice(1);
  const latentDims = cut.dims.slice(1);
  const size = sizeOf(latentDims);
  const kernel = createNoiseKernel(Math.max(1, draws * size));
  const [k0, k1] = keyWords(seed);

  const rows = async (session: Session, all: readonly Float32Array[], dims: readonly number[]) => {
    const batch = batchable ? BATCH : 1;
    const results: Float32Array[] = [];
    for (let start = 0; start < all.length; start += batch)
      results.push((await runRows(session, all.slice(start, start + batch), dims)).data);
    return Float32Array.from(results.flatMap((part) => [...part]));
  };
  const right = await openSession(split.right, model.path);
  let left: OpenSession | null;
  try {
    left = split.left === null ? null : await openSession(split.left, model.path);
  } catch (error) {
    await right.close();
    throw error;
  }
  return {
    classes,
    imageDims,
    async soft(inputs, index) {
      const flat = left === null ? null : await rows(left, inputs, imageDims);
      const latents = inputs.map((input, i) => flat?.subarray(i * size, (i + 1) * size) ?? input);
      const noisy: Float32Array[] = draws === 0 ? [...latents] : [];
      for (let q = 0; q < draws; q++) {
        kernel.exports.fill(kernel.base, size, Stage.attack, index, q, k0, k1);
        for (const latent of latents)
          noisy.push(latent.map((value, i) => value + sigma * (kernel.floats[i] as number)));
      }
      const logits = await rows(right, noisy, latentDims);
      return logSoftProbabilities(logits, Math.max(1, draws), inputs.length, classes);
    },
    async close() {
      await right.close();
      await left?.close();
    },
  };
}
