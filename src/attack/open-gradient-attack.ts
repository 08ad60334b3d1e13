/** The gradient attack on a classifier cut in two: its network in TensorFlow.js, traced and run by ONNX Runtime. */

import type { Cut } from '../onnx/cuts.ts';
import type { PreparedClassifier } from '../onnx/intake/prepare-classifier.ts';
import { sizeOf } from '../onnx/model/graph.ts';
import { createGradientAttack, type GradientAttack } from './gradient-attack.ts';
import { gradientProgram } from './gradient-step.ts';
import type { Reach } from './perturbation.ts';

export interface GradientAttackOptions extends Reach {
  /** Starts per evaluation. */
  readonly rows: number;
  /** Noise draws per input and step; 0 attacks the classifier without noise, and `cut` must then be the input. */
  readonly draws: number;
  /** Deviation of the noise at the cut. */
  readonly sigma: number;
  readonly seed: bigint;
  readonly threads: number;
}

export interface OpenedGradientAttack extends GradientAttack {
  close(): Promise<void>;
}

/**
 * @throws ModelRefused naming the node that has no gradient here, ToolError where the step cannot be traced; both here, never
 *   during the attack
 */
export async function openGradientAttack(
  classifier: PreparedClassifier,
  cut: Cut,
  { rows, draws, sigma, seed, range, norm, threads }: GradientAttackOptions,
): Promise<OpenedGradientAttack> {
  const { model, inputDims, classes } = classifier;
  // TensorFlow.js takes a second to load; only this needs it.
  const { trainableNetwork } = await import('../training/network.ts');
  const { openEngine } = await import('../training/engines/select-engine.ts');
  const network = trainableNetwork(model, cut.value);
  const imageDims = inputDims.slice(1);
  const latentDims = cut.dims.slice(1);
  const program = gradientProgram({ network, rows, draws, imageDims, latentDims, classes });
  const engine = await openEngine(program, 'onnxruntime', 'cpu', threads);
  try {
    const attack = createGradientAttack(engine, {
      ...{ rows, draws, classes, sigma, seed, range, norm },
      latentSize: sizeOf(latentDims),
    });
    const goal = { from: 0, to: null };
    await attack.look([{ image: new Float32Array(sizeOf(imageDims)), index: 0, start: 0, goal }]);
    return { ...attack, close: () => engine.close() };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
