/** The right half of a network at a cut, proved to be one and loaded into the workers. */
import { pipelined } from '../../onnx/compose/pipelined.ts';
import type { Cut } from '../../onnx/cuts.ts';
import type { PreparedClassifier } from '../../onnx/intake/prepare-classifier.ts';
import type { Shapes } from '../../onnx/intake/shapes.ts';
import { sizeOf } from '../../onnx/model/graph.ts';
import { proveSplit, splitModel } from '../../onnx/split.ts';
import type { Provider } from '../../smoothing/arithmetic.ts';
import type { NoiseKind } from '../../smoothing/noise/kind.ts';
import type { Sampler } from '../../smoothing/sampler.ts';
import type { SamplerPool } from '../../smoothing/sampler-pool.ts';

export interface RightHalf {
  readonly sampler: Sampler;
  /** The left half as ONNX bytes; null at the input. */
  readonly left: Uint8Array | null;
  /** Largest |right(left(x)) - model(x)| seen. */
  readonly composition: number;
}

/** Bytes that the widest tensor of a batch may take: ONNX Runtime holds a few of that size, on the CPU in every worker. */
const WIDEST = { cpu: 64 * 2 ** 20, graphicsCard: 2 ** 30 };

/** Rows that fit; 224 x 224 networks have tensors of 10 MB per image. No count depends on it. */
export function largestBatch(shapes: Shapes, provider: Provider): number {
  const bytes = provider === 'cpu' ? WIDEST.cpu : WIDEST.graphicsCard;
  let widest = 1;
  for (const { dims } of shapes.values()) widest = Math.max(widest, sizeOf(dims));
  return Math.max(1, Math.floor(bytes / (4 * widest)));
}

/**
 * @param probes images that the two halves together are compared with the whole on
 * @throws ModelRefused when they differ, ToolError when the provider is absent
 */
export async function openRightHalf(
  { model, batchable, classes, shapes }: PreparedClassifier,
  cut: Cut,
  pool: SamplerPool,
  probes: readonly Float32Array[],
  noise: NoiseKind = 'gaussian',
): Promise<RightHalf> {
  const split = splitModel(model, cut);
  const proof = await proveSplit(model, cut, split, probes);
  const sampler = await pool.load({
    ...{ model: split.right, latentDims: cut.dims.slice(1), classes, batchable },
    largestBatch: largestBatch(shapes, pool.provider),
    noise,
    pipelined: (parts) => pipelined(split.right, classes, parts),
  });
  return { sampler, left: split.left, composition: proof.largestDifference };
}
