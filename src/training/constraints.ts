/**
 * Constraints that training keeps kernels under, exactly and not by a penalty: after every step the kernel is brought back,
 * and what is written is brought back once more in float64. Which kernels are meant stands in the file's metadata, so that a
 * trained file can be trained on. Training alone reads it: a certificate proves the norms of the numbers in the file.
 *
 *   orthonormal   W Wᵀ = I, W the kernel as a matrix [out, rest]; Wᵀ W = I where it has more rows than columns. Newton and
 *                 Schulz's iteration W <- (3 W - W Wᵀ W) / 2 converges to the nearest such matrix from ||W|| < sqrt(3)
 *   unit rows     every row has norm 1
 */
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { UsageError } from '../ground/errors.ts';
import { sizeOf } from '../onnx/model/graph.ts';
import type { Tf } from '../operators/training/form.ts';
import type { HostTensor } from './program.ts';

export const CONSTRAINTS = ['orthonormal', 'unit rows'] as const;
export type Constraint = (typeof CONSTRAINTS)[number];

const KEY = 'splitz.constraints';
/** Iterations after a step, which leaves the kernel nearly as it was. */
const STEP_ITERATIONS = 2;
/** In float64 the last iterations change nothing. */
const ITERATIONS = 60;
const CLOSE = 1e-14;

/** The metadata that names constrained kernels; nothing without any. */
export const constraintsText = (constraints: ReadonlyMap<string, Constraint>): [string, string][] =>
  constraints.size === 0 ? [] : [[KEY, JSON.stringify(Object.fromEntries(constraints))]];

/**
 * Constrained kernels by name.
 * @param parameters what is trained
 * @throws UsageError where the metadata name another tensor or constraint
 */
export function constraintsOf(
  metadata: ReadonlyMap<string, string>,
  parameters: ReadonlyMap<string, HostTensor>,
): ReadonlyMap<string, Constraint> {
  const text = metadata.get(KEY);
  if (text === undefined) return new Map();
  const entries = entriesOf(text);
  const [name, constraint] =
    entries.find(
      ([tensor, kind]) =>
        !CONSTRAINTS.some((known) => known === kind) || (parameters.get(tensor)?.dims.length ?? 0) < 2,
    ) ?? [];
  if (name === undefined) return new Map(entries as [string, Constraint][]);
  throw new UsageError({
    what: `the metadata constrain '${name}' to be '${String(constraint)}', which cannot be kept`,
    where: KEY,
    why: `known constraints are ${CONSTRAINTS.join(' and ')}, of kernels that are trained`,
    remedy: `Remove the metadata key ${KEY} to train without constraints.`,
  });
}

function entriesOf(text: string): [string, unknown][] {
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read !== 'object' || read === null) throw new Error('it is not an object');
    return Object.entries(read);
  } catch (cause) {
    throw new UsageError({
      what: `the metadata key ${KEY} is not JSON that names kernels`,
      why: (cause as Error).message,
      remedy: `Remove the metadata key ${KEY} to train without constraints.`,
    });
  }
}

/** A kernel after a step, brought back; differentiable, though nothing needs that. */
export function broughtBack(tf: Tf, constraint: Constraint, kernel: Tensor): Tensor {
  const [rows = 1] = kernel.shape;
  let matrix = tf.reshape(kernel, [rows, kernel.size / rows]) as Tensor2D;
  if (constraint === 'unit rows') {
    const norms = tf.sqrt(tf.add(tf.sum(tf.square(matrix), 1, true), 1e-24));
    return tf.reshape(tf.div(matrix, norms), kernel.shape);
  }
  const wide = rows <= kernel.size / rows;
  for (let k = 0; k < STEP_ITERATIONS; k++) {
    const gram = tf.matMul(matrix, matrix, !wide, wide);
    const cubed = wide ? tf.matMul(gram, matrix) : tf.matMul(matrix, gram);
    matrix = tf.sub(tf.mul(matrix, 1.5), tf.mul(cubed, 0.5)) as Tensor2D;
  }
  return tf.reshape(matrix, kernel.shape);
}

/**
 * The kernel in float32, brought back in float64: the same numbers on every machine, as only sums, products, quotients and
 * square roots are taken.
 */
export function projected(
  constraint: Constraint,
  dims: readonly number[],
  values: Float32Array,
): Float32Array {
  const [rows = 1] = dims;
  const columns = sizeOf(dims) / rows;
  const matrix = Float64Array.from(values);
  if (constraint === 'unit rows') return Float32Array.from(unitRows(matrix, columns));
  if (rows <= columns) return Float32Array.from(orthonormalRows(matrix, rows, columns));
  const turned = orthonormalRows(transposed(matrix, rows, columns), columns, rows);
  return Float32Array.from(transposed(turned, columns, rows));
}

function unitRows(matrix: Float64Array, columns: number): Float64Array {
  const norms = Float64Array.from({ length: matrix.length / columns }, (_, row) =>
    Math.sqrt(matrix.subarray(row * columns, (row + 1) * columns).reduce((sum, v) => sum + v * v, 0)),
  );
  return matrix.map((v, i) => v / (norms[Math.floor(i / columns)] as number));
}

const transposed = (matrix: Float64Array, rows: number, columns: number): Float64Array =>
  Float64Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] as number);

/** rows <= columns. The iteration, from a matrix scaled to a norm below sqrt(3) where it is larger. */
function orthonormalRows(start: Float64Array, rows: number, columns: number): Float64Array {
  let gram = gramOf(start, rows, columns);
  const norm = Math.sqrt(largestRowSum(gram, rows));
  let matrix = norm < 1.7 ? start : start.map((v) => v / norm);
  for (let k = 0; k < ITERATIONS; k++) {
    gram = gramOf(matrix, rows, columns);
    if (gram.every((v, i) => Math.abs(v - (i % (rows + 1) === 0 ? 1 : 0)) < CLOSE)) break;
    const next = matrix.map((v) => 1.5 * v);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < rows; j++) {
        const g = 0.5 * (gram[i * rows + j] as number);
        for (let c = 0; c < columns; c++)
          next[i * columns + c] = (next[i * columns + c] as number) - g * (matrix[j * columns + c] as number);
      }
    matrix = next;
  }
  return matrix;
}

function gramOf(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const gram = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let c = 0; c < columns; c++)
        sum += (matrix[i * columns + c] as number) * (matrix[j * columns + c] as number);
      gram[i * rows + j] = sum;
      gram[j * rows + i] = sum;
    }
  return gram;
}

const largestRowSum = (gram: Float64Array, rows: number): number =>
  Math.max(
    ...Array.from({ length: rows }, (_, i) =>
      gram.subarray(i * rows, (i + 1) * rows).reduce((sum, v) => sum + Math.abs(v), 0),
    ),
  );
