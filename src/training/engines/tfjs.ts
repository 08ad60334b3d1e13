/** The engine that runs a program's functions eagerly on a TensorFlow.js backend, and releases every tensor it made. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // registers the gradients
import { onBackend } from '../on-backend.ts';
import type { HostTensor, NamedTensors, Program } from '../program.ts';
import type { Engine } from './engine.ts';
import { fed, stateDims } from './feeds.ts';

interface Outputs {
  readonly state: Map<string, tf.Tensor>;
  readonly results: Map<string, tf.Tensor>;
}

/**
 * Loads a program.
 * @param backend a registered tfjs backend: "cpu", "tensorflow"
 * @param description of the engine, for people
 */
export async function createTfjsEngine(
  program: Program,
  backend: string,
  description: string,
): Promise<Engine> {
  const former = tf.getBackend();
  await tf.setBackend(backend);
  if (typeof former === 'string') await tf.setBackend(former);

  const dims = stateDims(program);
  const tensorOf = ({ dims, values }: HostTensor): tf.Tensor =>
    onBackend(tf, backend, () => tf.keep(tf.tensor(Float32Array.from(values), [...dims], 'float32')));
  const state = new Map([...program.state].map(([name, tensor]) => [name, tensorOf(tensor)]));
  const replace = (name: string, tensor: tf.Tensor): void => {
    state.get(name)?.dispose();
    state.set(name, tensor);
  };

  const compute = (name: string, feeds: ReadonlyMap<string, Float32Array>): Outputs => {
    const step = program.functions[name];
    if (step === undefined) throw new Error(`the program has no function '${name}'`);
    tf.engine().startScope();
    try {
      const images = Object.fromEntries(
        fed(step, feeds).map(([feed, { dims, values }]) => [feed, tf.tensor(values, [...dims], 'float32')]),
      );
      const before = Object.fromEntries(state);
      const computed = step.compute(tf, before, images);
      // Clones share their data: an output may be an input, or appear under two names.
      const kept = (tensors: NamedTensors): Map<string, tf.Tensor> =>
        new Map(Object.entries(tensors).map(([n, t]) => [n, tf.keep(tf.clone(tf.cast(t, 'float32')))]));
      const outputs = { state: kept(computed.state), results: kept(computed.results) };
      // A step may have kept what it returns.
      const inputs = new Set(Object.values(before));
      const returned = [...Object.values(computed.state), ...Object.values(computed.results)];
      tf.dispose(returned.filter((tensor) => !inputs.has(tensor)));
      return outputs;
    } finally {
      tf.engine().endScope();
    }
  };

  return {
    description,
    async run(name, feeds) {
      const outputs = onBackend(tf, backend, () => compute(name, feeds));
      for (const [tensor, value] of outputs.state) replace(tensor, value);
      return copied(outputs.results).finally(() => tf.dispose([...outputs.results.values()]));
    },
    read: () => copied(state),
    async write(values) {
      for (const [name, array] of values) {
        const shape = dims.get(name);
        if (shape === undefined) throw new Error(`the program has no state tensor '${name}'`);
        replace(name, tensorOf({ dims: shape, values: array }));
      }
    },
    async close() {
      tf.dispose([...state.values()]);
      state.clear();
    },
  };
}

async function copied(tensors: ReadonlyMap<string, tf.Tensor>): Promise<Map<string, Float32Array>> {
  const copies = new Map<string, Float32Array>();
  for (const [name, tensor] of tensors) copies.set(name, Float32Array.from(await tensor.data()));
  return copies;
}
