/** Small programs, and both engines on them. */
import '@tensorflow/tfjs-backend-cpu';
import type { Tensor } from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Tf } from '../../src/operators/training/form.ts';
import type { Engine } from '../../src/training/engines/engine.ts';
import { createOnnxRuntimeEngine } from '../../src/training/engines/onnxruntime.ts';
import { createTfjsEngine } from '../../src/training/engines/tfjs.ts';
import type { HostTensor, Program, StepFunction } from '../../src/training/program.ts';
import type { TracingTarget } from '../../src/training/tracing/kernel.ts';
import { traceFunction } from '../../src/training/tracing/trace.ts';

const sizeOf = (dims: readonly number[]): number => dims.reduce((product, d) => product * d, 1);

/** Standard normals of a seed: a small congruential generator and Box-Muller. */
export function normals(seed: number, size: number): Float32Array {
  let state = (seed * 2654435761 + 1) >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from(
    { length: size },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

export const normalTensor = (seed: number, dims: readonly number[], scale = 1): HostTensor => ({
  dims,
  values: normals(seed, sizeOf(dims)).map((x) => scale * x),
});

export const filledTensor = (dims: readonly number[], value: number): HostTensor => ({
  dims,
  values: new Float32Array(sizeOf(dims)).fill(value),
});

export const ortEngine = (program: Program, threads = 1): Engine =>
  createOnnxRuntimeEngine(program, { device: 'cpu', threads });

export const cpuEngine = (program: Program): Promise<Engine> => createTfjsEngine(program, 'cpu', 'tfjs cpu');

/** A function's results from the graph made for a device, run on the CPU. */
export async function resultsOfGraph(
  step: StepFunction,
  feeds: ReadonlyMap<string, Float32Array>,
  target: TracingTarget,
): Promise<ReadonlyMap<string, Float32Array>> {
  const traced = traceFunction(step, new Map(), target);
  const session = await InferenceSession.create(traced.bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const inputs = Object.fromEntries(
    traced.feeds.map(({ name, graphName, dims }) => [
      graphName,
      new OrtTensor('float32', feeds.get(name) as Float32Array, dims),
    ]),
  );
  const outputs = await session.run(inputs);
  await session.release();
  return new Map(
    traced.results.map(({ name, graphName }) => [name, outputs[graphName]?.data as Float32Array]),
  );
}

/** Largest difference, relative to the largest value. */
export function difference(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  if (expected.length !== actual.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [expected[i] as number, actual[i] as number];
    if (Object.is(a, b) || a === b) continue;
    scale = Math.max(scale, Math.abs(a));
    largest = Math.max(largest, Math.abs(a - b));
    if (!Number.isFinite(b) || !Number.isFinite(a)) return Number.POSITIVE_INFINITY;
  }
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i] as number));
  return largest === 0 ? 0 : largest / scale;
}

/** A function of feeds a, b, …: its value, and the gradient of a weighted sum of its entries in every feed. */
export function withGradients(
  dims: readonly (readonly number[])[],
  compute: (tf: Tf, ...inputs: Tensor[]) => Tensor,
): StepFunction {
  const names = dims.map((_, i) => String.fromCharCode(97 + i));
  return {
    feeds: new Map(names.map((name, i) => [name, dims[i] as readonly number[]])),
    compute(tf, _, feeds) {
      const inputs = names.map((name) => feeds[name] as Tensor);
      const weighted = (...xs: Tensor[]): Tensor => {
        const y = compute(tf, ...xs);
        const weights = tf.tensor(normals(99, y.size), y.shape, 'float32');
        return tf.sum(tf.mul(y, weights));
      };
      const gradients = tf.grads(weighted as Parameters<Tf['grads']>[0])(inputs);
      const results: { [name: string]: Tensor } = { value: compute(tf, ...inputs) };
      names.forEach((name, i) => {
        results[`gradient ${name}`] = gradients[i] as Tensor;
      });
      return { state: {}, results };
    },
  };
}

export const onlyValue = (
  dims: readonly (readonly number[])[],
  compute: (tf: Tf, ...inputs: Tensor[]) => Tensor,
): StepFunction => {
  const names = dims.map((_, i) => String.fromCharCode(97 + i));
  return {
    feeds: new Map(names.map((name, i) => [name, dims[i] as readonly number[]])),
    compute: (tf, _, feeds) => ({
      state: {},
      results: { value: compute(tf, ...names.map((name) => feeds[name] as Tensor)) },
    }),
  };
};
