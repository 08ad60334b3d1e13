/** Convolutions with kernels, geometry and surroundings at random. */
import { ConvolutionMap } from '../../src/operators/algebra/convolution-map.ts';
import type { Kernel } from '../../src/operators/algebra/kernel.ts';
import { type SparseMatrix, selection } from '../../src/operators/algebra/sparse-matrix.ts';
import type { Sweep } from '../../src/operators/algebra/sweep.ts';
import { type Random, randomSource } from './random.ts';

function sweep(random: Random): Sweep {
  const [kernel, stride, dilation] = [random.integer(1, 3), random.integer(1, 3), random.integer(1, 2)];
  const [padBegin, padEnd] = [random.integer(0, 2), random.integer(0, 2)];
  const extent = dilation * (kernel - 1) + 1;
  const input = extent + random.integer(0, 4);
  const output = Math.floor((input + padBegin + padEnd - extent) / stride) + 1;
  return { input, output, kernel, stride, dilation, padBegin, padEnd };
}

const LINE: Sweep = { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, padBegin: 0, padEnd: 0 };

/** Strides, paddings, dilations, groups, one and two axes; up to six output channels, so that blocks of four have a rest. */
export function randomKernel(random: Random): Kernel {
  const groups = random.pick([1, 1, 2, 3]);
  const perGroup = random.integer(1, 3);
  const outChannels = groups * random.integer(1, 6);
  const y = random.integer(0, 3) === 0 ? LINE : sweep(random);
  const x = sweep(random);
  const size = outChannels * perGroup * y.kernel * x.kernel;
  return {
    batch: 1,
    groups,
    perGroup,
    outChannels,
    weights: Float64Array.from(random.float32s(size)),
    y,
    x,
  };
}

/** Null, or a map with at most one entry per row: cells moved, scaled, dropped, sometimes shown twice. */
export function mover(random: Random, rows: number, cols: number, distinct: boolean): SparseMatrix {
  const source = Int32Array.from({ length: rows }, (_, i) =>
    distinct ? (i < cols && random.integer(0, 9) > 0 ? i : -1) : random.integer(-1, cols - 1),
  );
  const matrix = selection(cols, source, Float64Array.from({ length: rows }, random.normal));
  return matrix.withError(random.pick([0, 1e-12]));
}

export function randomMap(seed: number): { map: ConvolutionMap; random: Random; mirrored: boolean } {
  const random = randomSource(seed);
  const kernel = randomKernel(random);
  const bare = new ConvolutionMap(kernel);
  const mirrored = random.integer(0, 3) === 0;
  const inner = random.integer(0, 1) === 0 ? null : mover(random, bare.cols, bare.cols, !mirrored);
  const outer =
    random.integer(0, 1) === 0 ? null : mover(random, random.integer(1, bare.rows), bare.rows, false);
  return { map: new ConvolutionMap(kernel, outer, inner), random, mirrored: mirrored && inner !== null };
}
