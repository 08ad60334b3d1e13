/**
 * What is random in a step: standard normals and uniform numbers as a pure function of (seed, epoch, step). They come from
 * the generator that certificates use (smoothing/noise/philox.ts) under stages of their own, so no certificate ever sees the
 * noise its network was trained on.
 */
import { createNoiseKernel } from '../smoothing/noise/noise-kernel.ts';
import { keyWords, philox, Stage } from '../smoothing/noise/philox.ts';

export interface TrainingNoise {
  /** Standard normals of a training step: a view that the next call of `training` or `validation` overwrites. */
  training(epoch: number, step: number): Float32Array;
  /** The same for a validation step after an epoch. */
  validation(epoch: number, step: number): Float32Array;
  /**
   * Uniform numbers in (0, 1), all float32 multiples of 2^-24; a fresh array.
   * @param stream which of the step's feeds they are for, from 0 to 255
   */
  uniforms(epoch: number, step: number, stream: number, count: number): Float32Array;
}

/** Blocks of four numbers that a stream of uniforms has. */
const STREAM_BLOCKS = 2 ** 24;

/**
 * @param counts normals of a training step and of a validation step
 * @throws ToolError when the kernel is missing or the memory cannot be had
 */
export function createTrainingNoise(
  seed: number,
  counts: { readonly training: number; readonly validation: number },
): TrainingNoise {
  const [k0, k1] = keyWords(BigInt(seed));
  const kernel = createNoiseKernel(Math.max(counts.training, counts.validation));
  const normals = (count: number, stage: number, epoch: number, step: number): Float32Array => {
    kernel.exports.fill(kernel.base, count, stage, epoch, step, k0, k1);
    return kernel.floats.subarray(0, count);
  };
  return {
    training: (epoch, step) => normals(counts.training, Stage.training, epoch, step),
    validation: (epoch, step) => normals(counts.validation, Stage.validation, epoch, step),
    uniforms(epoch, step, stream, count) {
      if (stream > 255 || count > 4 * STREAM_BLOCKS)
        throw new RangeError(`${count} numbers of stream ${stream}`);
      const values = new Float32Array(count);
      for (let i = 0; i < count; i += 4) {
        const words = philox(stream * STREAM_BLOCKS + i / 4, step, epoch, Stage.uniforms, k0, k1);
        // 23 bits and a half: float32 holds these exactly, so neither 0 nor 1 comes out.
        for (let lane = 0; lane < Math.min(4, count - i); lane++)
          values[i + lane] = (((words[lane] as number) >>> 9) + 0.5) / 2 ** 23;
      }
      return values;
    },
  };
}
