/**
 * Matrices written out times several vectors at once, in WebAssembly (`row-kernel/assembly.ts`): each entry is read once for all of
 * them. What a vector gives is, to the bit, what `SparseMatrix.apply` gives it alone, whatever the others are.
 */
import { ToolError } from '../../ground/errors.ts';
import { compiledKernel, instanceOf, kernelMemory, PAGE_BYTES } from '../../ground/wasm-kernel.ts';
import type { SparseMatrix } from './sparse-matrix.ts';

/** The exports of the kernel: addresses and counts in the order in which it declares them. */
interface RowKernel {
  heapBase(): number;
  apply(...args: readonly number[]): void;
}

/** Vectors taken at a time. */
export const TOGETHER = 8;

const ROW_BYTES = 8 * TOGETHER;
const ALIGNMENT = 64;

/** matrix x for up to `TOGETHER` vectors x. */
export type RowProducts = (matrix: SparseMatrix, xs: readonly Float64Array[]) => Float64Array[];

/**
 * Copies the matrices into one memory, which lives as long as what is returned: 12 bytes per entry.
 * @throws ToolError when the kernel is missing, or there is no memory for them
 */
export function rowProducts(matrices: readonly SparseMatrix[]): RowProducts {
  const module = compiledKernel('#row-kernel', 'the kernel of matrices');
  const most = (size: (matrix: SparseMatrix) => number): number =>
    matrices.reduce((largest, matrix) => Math.max(largest, size(matrix)), 0);
  const lengths = [
    ROW_BYTES * most(({ cols }) => cols),
    ROW_BYTES * most(({ rows }) => rows),
    ...matrices.flatMap(({ rowStart, column, value }) => [
      rowStart.byteLength,
      column.byteLength,
      value.byteLength,
    ]),
  ].map((bytes) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
  const bytes = lengths.reduce((sum, length) => sum + length, 2 * ALIGNMENT);
  const memory = kernelMemory(1 + Math.ceil(bytes / PAGE_BYTES), 'the matrices of the network', tooLarge);
  const kernel = instanceOf(module, memory) as RowKernel;
  let end = Math.ceil(kernel.heapBase() / ALIGNMENT) * ALIGNMENT;
  const [xAt = 0, yAt = 0, ...rest] = lengths.map((length) => {
    end += length;
    return end - length;
  });
  const places = new Map(
    matrices.map(({ rowStart, column, value }, i) => {
      const [startsAt = 0, placesAt = 0, valuesAt = 0] = rest.slice(3 * i);
      new Uint32Array(memory.buffer, startsAt, rowStart.length).set(rowStart);
      const offsets = new Uint32Array(memory.buffer, placesAt, column.length);
      for (let k = 0; k < column.length; k++) offsets[k] = column[k]! * ROW_BYTES;
      new Float64Array(memory.buffer, valuesAt, value.length).set(value);
      return [matrices[i], [startsAt, placesAt, valuesAt]] as const;
    }),
  );
  return (matrix, xs) => {
    const place = places.get(matrix);
    if (place === undefined || xs.length > TOGETHER) throw new Error('a product that was not prepared');
    const { rows, cols } = matrix;
    const x = new Float64Array(memory.buffer, xAt, cols * TOGETHER);
    // What was left there from before belongs to vectors that nobody reads.
    for (const [j, vector] of xs.entries())
      for (let i = 0, k = j; i < cols; i++, k += TOGETHER) x[k] = vector[i]!;
    kernel.apply(...place, rows, xAt, yAt);
    const y = new Float64Array(memory.buffer, yAt, rows * TOGETHER);
    return xs.map((_, j) => {
      const out = new Float64Array(rows);
      for (let i = 0, k = j; i < rows; i++, k += TOGETHER) out[i] = y[k]!;
      return out;
    });
  };
}

const tooLarge = (why: string): ToolError =>
  new ToolError({
    what: 'the matrices of the network do not fit into memory',
    why,
    remedy: 'Free memory, or use --method smoothing, which needs no matrices.',
  });
