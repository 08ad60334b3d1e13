/** The noise of certificates (`rounded-noise.ts`, `uniform-noise.ts`) from the WebAssembly kernel, whose memory ONNX Runtime reads in place. */
import { Tensor } from 'onnxruntime-node';
import type { NoiseKind } from './kind.ts';
import { createNoiseKernel, drawnLength } from './noise-kernel.ts';
import { keyWords } from './philox.ts';
import { NOISE_ID } from './rounded-noise.ts';
import type { NoiseSource } from './source.ts';
import { UNIFORM_NOISE_ID } from './uniform-noise.ts';

/** A centre in units of a grid. */
interface Scaled {
  readonly q: number;
  readonly values: Float64Array;
}

/** What is drawn, as results record it. */
export const noiseId = (kind: NoiseKind): string => (kind === 'uniform' ? UNIFORM_NOISE_ID : NOISE_ID);

/**
 * @param latentDims shape of the cut tensor without its batch axis
 * @param drawnRows rows of noise that are drawn alone at most, each twice the memory of a row
 * @throws ToolError when the kernel is missing or its memory cannot be allocated
 */
export function createKernelSource(
  latentDims: readonly number[],
  batch: number,
  kind: NoiseKind = 'gaussian',
  drawnRows = 0,
): NoiseSource {
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const kernel = createNoiseKernel(batch * size, size, drawnRows);
  const uniform = kind === 'uniform';
  const perturb = uniform ? kernel.exports.perturbUniformly : kernel.exports.perturb;
  const drawAlone = uniform ? kernel.exports.drawUniformly : kernel.exports.draw;
  let drawn = { count: 0, q: 1 };
  let centred: Scaled | null = null;
  /** Images that share noise take turns: what was divided once is only copied the next time. */
  const known = new WeakMap<Float64Array, Scaled>();

  /** Byte addresses of a row and of its noise alone. */
  const rowOf = (row: number): number => kernel.base + row * size * 4;
  const noiseOf = (row: number): number => kernel.noiseBase + row * drawnLength(size) * 8;

  /** In units of the grid: a power of two, so nothing is rounded. */
  function moveTo(centre: Float64Array, q: number): void {
    let scaled = known.get(centre);
    if (scaled === undefined || scaled.q !== q) {
      scaled = { q, values: Float64Array.from({ length: size }, (_, i) => (centre[i] ?? Number.NaN) / q) };
      known.set(centre, scaled);
    }
    if (centred !== scaled) kernel.centre.set(scaled.values);
    centred = scaled;
  }

  return {
    id: noiseId(kind),
    rows: new Tensor('float32', kernel.floats.subarray(0, batch * size), [batch, ...latentDims]),
    fill(centre, sigma, q, { seed, stage, image, sample }, count) {
      if (count > batch) throw new RangeError(`${count} rows of a batch of ${batch}`);
      moveTo(centre, q);
      const [k0, k1] = keyWords(seed);
      for (let row = 0; row < count; row++)
        perturb(rowOf(row), kernel.centreBase, size, sigma / q, q, stage, image, sample + row, k0, k1);
    },
    draw(sigma, q, { seed, stage, image, sample }, count) {
      if (count > drawnRows) throw new RangeError(`noise alone of ${count} rows, room for ${drawnRows}`);
      const [k0, k1] = keyWords(seed);
      for (let row = 0; row < count; row++)
        drawAlone(noiseOf(row), size, sigma / q, stage, image, sample + row, k0, k1);
      drawn = { count, q };
    },
    place(centre, first, count) {
      if (count > batch || first + count > drawn.count)
        throw new RangeError(`rows ${first} to ${first + count} of ${drawn.count} in a batch of ${batch}`);
      moveTo(centre, drawn.q);
      for (let row = 0; row < count; row++)
        kernel.exports.place(rowOf(row), kernel.centreBase, noiseOf(first + row), size, drawn.q);
    },
  };
}
