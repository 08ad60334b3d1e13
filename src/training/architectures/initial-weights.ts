/**
 * Initial kernels: He's variance 2 / fan-in ("Delving deep into rectifiers", ICCV 2015), drawn evenly from the four levels
 * ±h, ±3h with h = sqrt(2 / fan-in / 5), whose variance is 5h²: no logarithm or cosine, so that every machine makes the same
 * bytes. A pure function of (seed, kernel, place).
 */
import { sizeOf } from '../../onnx/model/graph.ts';
import { keyWords, philox, Stage } from '../../smoothing/noise/philox.ts';

const LEVELS = [-3, -1, 1, 3] as const;
const LEVELS_VARIANCE = 5;
/** Two bits choose a level; a Philox block has 128. */
const PER_WORD = 16;
const PER_BLOCK = 4 * PER_WORD;

/**
 * How a first layer in front of Clip(0, 1) starts: with the variance 1 / (3 fan-in) that PyTorch starts with, because with
 * He's the norm is so large that noise matched to it drowns the clipped signal; and with a bias of half the clip level, so
 * that responses of either sign pass.
 */
export const BEFORE_CLIP = { gain: 1 / Math.sqrt(6), offset: 0.5 } as const;

/** @param index which kernel of the network it is */
export function initialKernel(
  seed: bigint,
  dims: readonly number[],
  fanIn: number,
  index: number,
): Float32Array {
  const [k0, k1] = keyWords(seed);
  const step = Math.sqrt(2 / fanIn / LEVELS_VARIANCE);
  const values = new Float32Array(sizeOf(dims));
  for (let start = 0; start < values.length; start += PER_BLOCK) {
    const words = philox(start / PER_BLOCK, 0, index, Stage.initialWeights, k0, k1);
    const end = Math.min(PER_BLOCK, values.length - start);
    for (let i = 0; i < end; i++) {
      const bits = ((words[Math.floor(i / PER_WORD)] as number) >>> (2 * (i % PER_WORD))) & 3;
      values[start + i] = (LEVELS[bits] as number) * step;
    }
  }
  return values;
}
