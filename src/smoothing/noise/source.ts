/** Where a sampling thread's noise comes from. Made inside the thread, for batches of one size around latents of one shape. */
import type { TypedTensor } from 'onnxruntime-node';
import type { NoiseCounter } from './philox.ts';

export interface NoiseSource {
  /** Generator and distribution, recorded in every result: noise of another id makes another run. */
  readonly id: string;
  /** The batch, [batch, ...latentDims] float32, where ONNX Runtime reads it. */
  readonly rows: TypedTensor<'float32'>;
  /**
   * Draws the first `count` rows around a centre: row i is sample `counter.sample + i`, and a function of (centre, sigma,
   * grid, counter) alone. The other rows keep what they hold.
   * @param centre f_L(x), row-major; never to be changed in place, as it may be kept
   * @param sigma scale of the noise, in units of the cut tensor: its standard deviation, or lambda where it is uniform
   * @param grid what centre + noise is rounded to, a power of two
   */
  fill(centre: Float64Array, sigma: number, grid: number, counter: NoiseCounter, count: number): void;
  /**
   * Draws the noise of `fill` alone, to be placed around several centres.
   * @throws RangeError unless the source was made for so many rows of it
   */
  draw(sigma: number, grid: number, counter: NoiseCounter, count: number): void;
  /**
   * The first `count` rows are what `fill` makes of a centre, bit for bit, from the noise that was drawn last, rows first, ...,
   * first + count - 1 of it.
   * @throws RangeError where so many were not drawn, or the batch has fewer
   */
  place(centre: Float64Array, first: number, count: number): void;
}
