/** One function of a program as one ONNX graph. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // registers the gradients
import { ToolError } from '../../ground/errors.ts';
import { onBackend } from '../on-backend.ts';
import type { NamedTensors, StepFunction } from '../program.ts';
import { registerTracingKernels, TRACING_BACKEND, TracingBackend } from './backend.ts';
import type { TracingTarget } from './kernel.ts';
import type { Value } from './recorded.ts';
import { inOrder } from './view.ts';

/** A tensor at the edge of a traced graph. */
export interface Port {
  /** Its name in the function: of a state tensor, a feed or a result. */
  readonly name: string;
  /** Its name in the graph. */
  readonly graphName: string;
  readonly dims: readonly number[];
}

export interface TracedFunction {
  /** A ModelProto (IR 8, opset 17). */
  readonly bytes: Uint8Array;
  /** State tensors and feeds that the graph reads; it ignores others. */
  readonly stateInputs: readonly Port[];
  readonly feeds: readonly Port[];
  /** State tensors that the function changes. */
  readonly stateOutputs: readonly Port[];
  /** float32, whatever the step made them. */
  readonly results: readonly Port[];
  /** How many nodes of each operator type the graph has. */
  readonly nodes: ReadonlyMap<string, number>;
}

/**
 * Runs the function once on a backend that records.
 * @param stateDims shape of every state tensor
 * @throws ToolError when the function uses a kernel that cannot be recorded
 */
export function traceFunction(
  step: StepFunction,
  stateDims: ReadonlyMap<string, readonly number[]>,
  target: TracingTarget,
): TracedFunction {
  registerTracingKernels();
  const backend = new TracingBackend(target);
  tf.registerBackend(TRACING_BACKEND, () => backend);
  try {
    return onBackend(tf, TRACING_BACKEND, () => record(step, stateDims, backend));
  } catch (error) {
    throw inWords(error);
  } finally {
    tf.removeBackend(TRACING_BACKEND);
  }
}

type Declared = readonly (readonly [Port, Value])[];

function record(
  step: StepFunction,
  stateDims: ReadonlyMap<string, readonly number[]>,
  backend: TracingBackend,
): TracedFunction {
  const { recorder } = backend;
  const declare = (prefix: string, all: ReadonlyMap<string, readonly number[]>): Declared =>
    [...all].map(([name, dims]) => {
      const graphName = `${prefix}/${name}`;
      return [{ name, graphName, dims }, recorder.input(graphName, dims)];
    });
  const state = declare('state', stateDims);
  const feeds = declare('feed', step.feeds);
  const tensors = (declared: Declared): NamedTensors =>
    Object.fromEntries(declared.map(([{ name }, value]) => [name, backend.tensorOf(value)]));

  const outputs = new Map<string, Value>();
  const ports = (prefix: string, computed: NamedTensors): Port[] =>
    Object.entries(computed).map(([name, tensor]) => {
      const graphName = `${prefix}/${name}`;
      outputs.set(graphName, inOrder(recorder, backend.viewOf(tf.cast(tensor, 'float32'))));
      return { name, graphName, dims: tensor.shape };
    });
  const computed = scoped(() => {
    const { state: next, results } = step.compute(tf, tensors(state), tensors(feeds));
    const found = { stateOutputs: ports('next', next), results: ports('result', results) };
    // A step may have kept what it returns.
    tf.dispose([...Object.values(next), ...Object.values(results)]);
    return found;
  });
  const { bytes, inputs, nodes } = recorder.finish(outputs);
  const read = (declared: Declared): Port[] =>
    declared.map(([port]) => port).filter(({ graphName }) => inputs.includes(graphName));
  return { bytes, stateInputs: read(state), feeds: read(feeds), ...computed, nodes };
}

/** tf.tidy for results that are not tensors. */
function scoped<T>(run: () => T): T {
  tf.engine().startScope();
  try {
    return run();
  } finally {
    tf.engine().endScope();
  }
}

function inWords(error: unknown): unknown {
  const kernel = /Cannot find registered kernel '(\w+)'|Kernel '(\w+)' not registered/.exec(String(error));
  if (kernel === null) return error;
  return new ToolError({
    what: `the training step uses TensorFlow.js's kernel ${kernel[1] ?? kernel[2]}, which cannot be traced to ONNX`,
    why: 'ONNX Runtime runs a recording of the step, and this kernel cannot be recorded',
    remedy: 'Run the step in TensorFlow: --engine tfjs-node (see `splitz-onnx doctor`).',
    cause: error,
  });
}
