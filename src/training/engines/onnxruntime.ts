/**
 * The engine that is always available: each function of the program is traced to one ONNX graph and run by ONNX
 * Runtime. On the CPU the same state and feeds give the same bits every time, for a given number of threads.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { ToolError } from '../../ground/errors.ts';
import { onnxRuntimeVersion } from '../../onnx/runtime/runtime-version.ts';
import { cleanMessage } from '../../onnx/runtime/session.ts';
import type { HostTensor, Program, StepFunction } from '../program.ts';
import { type TracedFunction, traceFunction } from '../tracing/trace.ts';
import type { Engine } from './engine.ts';
import { fed, stateDims } from './feeds.ts';

export type OnnxRuntimeDevice = 'cpu' | 'cuda' | 'webgpu';

interface Loaded {
  readonly step: StepFunction;
  readonly traced: TracedFunction;
  readonly session: InferenceSession;
}

/**
 * Loads a program; a function is traced and its session made when it is first run.
 * @param threads of the CPU provider
 */
export function createOnnxRuntimeEngine(
  program: Program,
  { device, threads }: { readonly device: OnnxRuntimeDevice; readonly threads: number },
): Engine {
  const description = `onnxruntime ${onnxRuntimeVersion()} (${device}${device === 'cpu' ? `, ${count(threads)}` : ''})`;
  const dims = stateDims(program);
  const state = new Map([...program.state].map(([name, tensor]) => [name, tensorOf(tensor)]));
  const functions = new Map<string, Promise<Loaded>>();

  const failed = (error: unknown, doing: string): ToolError =>
    new ToolError({
      what: `ONNX Runtime cannot ${doing}`,
      where: description,
      why: cleanMessage(error instanceof Error ? error.message : String(error)),
      remedy:
        device === 'cpu'
          ? 'Use a smaller --batch: it needs less memory.'
          : 'Try --device cpu, or a smaller --batch if memory ran out.',
      cause: error,
    });

  const load = async (name: string): Promise<Loaded> => {
    const step = program.functions[name];
    if (step === undefined) throw new Error(`the program has no function '${name}'`);
    const traced = traceFunction(step, dims, device);
    const session = await InferenceSession.create(traced.bytes, {
      executionProviders: [device],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
      // A spinning thread takes the core from whatever else runs: 160 against 100 ms a step alongside one.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    }).catch((error: unknown) => {
      throw failed(error, `load the training step '${name}'`);
    });
    return { step, traced, session };
  };

  return {
    description,
    async run(name, feeds) {
      let loading = functions.get(name);
      if (loading === undefined) {
        loading = load(name);
        functions.set(name, loading);
      }
      const { step, traced, session } = await loading;
      const inputs: { [graphName: string]: Tensor } = {};
      for (const port of traced.stateInputs) inputs[port.graphName] = state.get(port.name) as Tensor;
      const given = new Map(fed(step, feeds));
      for (const port of traced.feeds) {
        const { dims, values } = given.get(port.name) as HostTensor;
        inputs[port.graphName] = new Tensor('float32', values, dims);
      }
      const outputs = await session.run(inputs).catch((error: unknown) => {
        throw failed(error, `run the training step '${name}'`);
      });
      for (const { name: tensor, graphName } of traced.stateOutputs) state.set(tensor, outputs[graphName]!);
      return new Map(
        traced.results.map((port) => [port.name, outputs[port.graphName]!.data as Float32Array]),
      );
    },
    read: async () =>
      new Map([...state].map(([name, tensor]) => [name, Float32Array.from(tensor.data as Float32Array)])),
    async write(values) {
      for (const [name, array] of values) {
        const shape = dims.get(name);
        if (shape === undefined) throw new Error(`the program has no state tensor '${name}'`);
        state.set(name, tensorOf({ dims: shape, values: array }));
      }
    },
    async close() {
      for (const loading of functions.values()) {
        const loaded = await loading.catch(() => null);
        await loaded?.session.release();
      }
      functions.clear();
    },
  };
}

/** Its own copy: the caller may reuse the array. */
const tensorOf = ({ dims, values }: HostTensor): Tensor =>
  new Tensor('float32', Float32Array.from(values), dims);

const count = (threads: number): string => (threads === 1 ? '1 thread' : `${threads} threads`);
