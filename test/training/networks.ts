/** A network's state and scores on the pure JavaScript backend, beside ONNX Runtime's. */
import * as tf from '@tensorflow/tfjs-core';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import type { Value } from '../../src/onnx/model/graph.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import { runRows, withSession } from '../../src/onnx/runtime/session.ts';
import type { TrainingContext } from '../../src/operators/training/form.ts';
import type { Network } from '../../src/training/network.ts';
import type { HostTensor, NamedTensors } from '../../src/training/program.ts';
import { running } from '../operators/training.ts';

export const tensorOf = ({ dims, values }: HostTensor): tf.Tensor => tf.tensor(values, [...dims]);

export const stateOf = ({ parameters, statistics }: Network): { [name: string]: tf.Tensor } =>
  Object.fromEntries([...parameters, ...statistics].map(([name, host]) => [name, tensorOf(host)]));

/** The scores that the whole file gives, from the network's logits. */
export function scoresOf(network: Network, logits: tf.Tensor): tf.Tensor {
  if (network.ending === 'Softmax') return tf.softmax(logits as tf.Tensor2D);
  return network.ending === 'LogSoftmax' ? tf.logSoftmax(logits as tf.Tensor2D) : logits;
}

export function images(rows: readonly Float32Array[], dims: readonly number[]): tf.Tensor {
  return tf.tensor(Float32Array.from(rows.flatMap((row) => [...row])), [rows.length, ...dims]);
}

/** right(left(x)) as the file would say it. */
export function scores(
  network: Network,
  state: NamedTensors,
  x: tf.Tensor,
  context: TrainingContext = running,
): Float32Array {
  return tf.tidy(() => {
    const logits = network.right(context, state, network.left(context, state, x));
    return Float32Array.from(scoresOf(network, logits).dataSync());
  });
}

/** The scores of ONNX Runtime. */
export const runtimeScores = (
  model: Model | Uint8Array,
  rows: readonly Float32Array[],
  dims: readonly number[],
): Promise<Float32Array> =>
  withSession(
    model instanceof Uint8Array ? model : encodeModel(model.proto),
    'model',
    async (session) => (await runRows(session, rows, dims)).data,
  );

export function namedValue({ graph }: Model, name: string): Value {
  const value = graph.values.get(name);
  if (value === undefined) throw new Error(`no value '${name}'`);
  return value;
}
