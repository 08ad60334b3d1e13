/**
 * A TensorFlow.js backend that computes nothing: every kernel appends nodes to an ONNX graph. tfjs-core's operations and
 * gradients run on it as on any other backend, so what is traced is exactly the step that the other engines run.
 */
import {
  type BackendValues,
  type DataId,
  DataStorage,
  type DataType,
  engine,
  KernelBackend,
  registerKernel,
  type Tensor,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { ToolError } from '../../ground/errors.ts';
import type { Tracing, TracingTarget } from './kernel.ts';
import { tracingKernels } from './kernels/index.ts';
import type { Value } from './recorded.ts';
import { GraphRecorder } from './recorder.ts';
import { filled, type View, whole } from './view.ts';

export const TRACING_BACKEND = 'splitz-tracing';

export class TracingBackend extends KernelBackend implements Tracing {
  readonly recorder = new GraphRecorder();
  readonly target: TracingTarget;
  readonly #views = new DataStorage<View>(this, engine());

  constructor(target: TracingTarget) {
    super();
    this.target = target;
  }

  viewOf({ dataId }: { readonly dataId: DataId }): View {
    return this.#views.get(dataId);
  }

  /** What tfjs knows a traced tensor by. */
  infoOf(view: View): TensorInfo {
    const dataId = {};
    this.#views.set(dataId, view);
    return { dataId, shape: [...view.shape], dtype: dataTypeOf(view.value) };
  }

  /** The tensor of a graph input. */
  tensorOf(value: Value): Tensor {
    return engine().makeTensorFromTensorInfo(this.infoOf(whole(value)), this);
  }

  override write(values: BackendValues | null, shape: number[], dtype: DataType): DataId {
    const dataId = {};
    this.#views.set(dataId, this.#constant(values, shape, dtype));
    return dataId;
  }

  /** A tensor of another backend that the step uses: it becomes a constant. */
  override move(dataId: DataId, values: BackendValues, shape: number[], dtype: DataType): void {
    this.#views.set(dataId, this.#constant(values, shape, dtype));
  }

  #constant(values: BackendValues | null, shape: readonly number[], dtype: DataType): View {
    if ((dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') || values === null)
      throw new ToolError({
        what: `a training step cannot be traced with a constant of type ${dtype}`,
        remedy: 'Use another engine (--engine tfjs-node), and report this.',
      });
    const numbers = values as Float32Array | Int32Array | Uint8Array;
    const [first = 0] = numbers;
    // tf.ones and similar write every entry.
    return numbers.every((x) => Object.is(x, first))
      ? filled(this.recorder.constant(dtype, [], [first]), shape)
      : whole(this.recorder.constant(dtype, shape, numbers));
  }

  override readSync(): never {
    throw new ToolError({
      what: 'the training step reads the values of a tensor while it is traced',
      why: 'a traced tensor has none',
      remedy: 'Use another engine (--engine tfjs-node), and report this.',
    });
  }

  override async read(): Promise<never> {
    return this.readSync();
  }

  override disposeData(dataId: DataId): boolean {
    this.#views.delete(dataId);
    return true;
  }

  override refCount(): number {
    return 1;
  }

  override incRef(): void {}

  override numDataIds(): number {
    return this.#views.numDataIds();
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override dispose(): void {}
}

function dataTypeOf({ type, name }: Value): 'float32' | 'int32' | 'bool' {
  if (type === 'int64') throw new Error(`${name} is an int64 tensor: tfjs does not have any`);
  return type;
}

let registered = false;

/** Makes the kernels known to tfjs; once in a process. */
export function registerTracingKernels(): void {
  if (registered) return;
  registered = true;
  for (const [kernelName, run] of Object.entries(tracingKernels)) {
    registerKernel({
      kernelName,
      backendName: TRACING_BACKEND,
      kernelFunc: ({ inputs, attrs, backend }) => {
        const tracing = backend as TracingBackend;
        const views = Object.fromEntries(
          Object.entries(inputs as { readonly [name: string]: TensorInfo }).flatMap(([name, info]) =>
            info === null || info === undefined ? [] : [[name, tracing.viewOf(info)]],
          ),
        );
        const result = run(views, attrs, tracing);
        return Array.isArray(result)
          ? result.map((view: View) => tracing.infoOf(view))
          : tracing.infoOf(result as View);
      },
    });
  }
}
