/** The noise of certificates (`rounded-noise.ts`, `uniform-noise.ts`) from the WebAssembly kernel, whose memory ONNX Runtime reads in place. */
import { Tensor } from 'onnxruntime-node';
import type { NoiseKind } from './kind.ts';
import { createNoiseKernel } from './noise-kernel.ts';
import { keyWords } from './philox.ts';
import { NOISE_ID } from './rounded-noise.ts';
import type { NoiseSource } from './source.ts';
import { UNIFORM_NOISE_ID } from './uniform-noise.ts';

/** What is drawn, as results record it. */
export const noiseId = (kind: NoiseKind): string => (kind === 'uniform' ? UNIFORM_NOISE_ID : NOISE_ID);

/**
 * @param latentDims shape of the cut tensor without its batch axis
 * @throws ToolError when the kernel is missing or its memory cannot be allocated
 */
export function createKernelSource(
  latentDims: readonly number[],
  batch: number,
  kind: NoiseKind = 'gaussian',
): NoiseSource {
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const kernel = createNoiseKernel(batch * size, size);
  const perturb = kind === 'uniform' ? kernel.exports.perturbUniformly : kernel.exports.perturb;
  let centred: { readonly centre: Float64Array; readonly q: number } | null = null;

  /** In units of the grid: a power of two, so nothing is rounded. */
  function moveTo(centre: Float64Array, q: number): void {
    if (centred?.centre === centre && centred.q === q) return;
    for (let i = 0; i < size; i++) kernel.centre[i] = (centre[i] ?? Number.NaN) / q;
    centred = { centre, q };
  }

  return {
    id: noiseId(kind),
    rows: new Tensor('float32', kernel.floats.subarray(0, batch * size), [batch, ...latentDims]),
    fill(centre, sigma, q, { seed, stage, image, sample }, count) {
      if (count > batch) throw new RangeError(`${count} rows of a batch of ${batch}`);
      moveTo(centre, q);
      const [k0, k1] = keyWords(seed);
      for (let row = 0; row < count; row++)
        perturb(
          kernel.base + row * size * 4,
          kernel.centreBase,
          size,
          sigma / q,
          q,
          stage,
          image,
          sample + row,
          k0,
          k1,
        );
    },
  };
}
