/** Small models as TensorFlow.js functions from 'x' to 'y', on the pure JavaScript backend. */
import '@tensorflow/tfjs-backend-cpu';
// tfjs-core knows no gradients by itself; this import registers them.
import '@tensorflow/tfjs-layers';
import * as tf from '@tensorflow/tfjs-core';
import type { Value } from '../../src/onnx/model/graph.ts';
import { modelFromBytes } from '../../src/onnx/model/load.ts';
import type { Model } from '../../src/onnx/model/model.ts';
import { trainingFormOf } from '../../src/operators/registry.ts';
import type { TrainingContext } from '../../src/operators/training/form.ts';
import { type Application, evaluate, type Part, partBetween } from '../../src/training/evaluation.ts';
import type { NamedTensors } from '../../src/training/program.ts';
import { encoded } from './compiled.ts';
import type { OneOperator } from './one-operator.ts';

/** Running statistics, which nothing may replace. */
export const running: TrainingContext = {
  tf,
  statistics: 'running',
  updateStatistic: (name) => {
    throw new Error(`'${name}' must not be replaced`);
  },
};

export interface TrainedModel {
  readonly model: Model;
  /** Trained constants of the file by name. */
  readonly weights: ReadonlyMap<string, { readonly dims: readonly number[]; readonly values: Float32Array }>;
  run(x: tf.Tensor, state: NamedTensors, context?: TrainingContext, application?: Application): tf.Tensor;
}

/** @param positions inputs of a node that are taken from the state; by default those its training form trains */
export function trainedModel(
  model: Model,
  positions: (node: Model['graph']['nodes'][number]) => readonly number[] = (node) =>
    trainingFormOf(node)?.parameters?.(node) ?? [],
): TrainedModel {
  const weights = new Map<string, { dims: readonly number[]; values: Float32Array }>();
  for (const node of model.graph.nodes)
    for (const position of positions(node)) {
      const value = node.inputs[position];
      if (!value?.constant) continue;
      const { dims } = value.constant;
      weights.set(value.name, { dims, values: Float32Array.from(value.constant.float64()) });
    }
  const start = model.graph.inputs[0] as Value;
  const part: Part = partBetween(start, model.graph.outputs[0] as Value, new Set(weights.keys()));
  return {
    model,
    weights,
    run: (x, state, context = running, application = undefined) =>
      evaluate(part, context, state, start, x, application),
  };
}

export const trainedOperator = (model: OneOperator): TrainedModel =>
  trainedModel(modelFromBytes(encoded(model)));

export const tensorsOf = ({ weights }: TrainedModel): { [name: string]: tf.Tensor } =>
  Object.fromEntries([...weights].map(([name, { dims, values }]) => [name, tf.tensor(values, [...dims])]));

export const tensor = (values: ArrayLike<number>, dims: readonly number[]): tf.Tensor =>
  tf.tensor(Float32Array.from(values), [...dims]);
