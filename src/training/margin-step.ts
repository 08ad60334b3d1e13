/**
 * The training step for certificates without noise: a margin loss on clean images, differentiable in the weights through the
 * scores, the rows of the last layer and the norms of the layers before it. Pure, like the step of `step.ts`.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf, TrainingContext } from '../operators/training/form.ts';
import type { Constraint } from './constraints.ts';
import { descended } from './descent.ts';
import { detach } from './detach.ts';
import { type MarginInputs, type MarginLossName, marginLoss, verifiedShare } from './losses/margin.ts';
import { featureLipschitz, type MarginLayers } from './margin-layers.ts';
import type { Network } from './network.ts';
import type { Optimizer } from './optimizers.ts';
import { startVectors } from './power-vectors.ts';
import type { HostTensor, NamedTensors, Program, StepFunction } from './program.ts';

export interface MarginParts {
  /** Cut at the input. */
  readonly network: Network;
  readonly layers: MarginLayers;
  readonly constraints: ReadonlyMap<string, Constraint>;
  readonly loss: MarginLossName;
  readonly optimizer: Optimizer;
  readonly batch: number;
  readonly classes: number;
  readonly imageDims: readonly number[];
  readonly powerSteps: number;
}

/** Names of feeds. */
export const MarginFeed = { images: 'images', labels: 'labels', epsilon: 'epsilon' } as const;

const vectorName = (layer: number): string => `power.vector/${layer}`;
/** Power iterations of a validation step. */
const VALIDATION_POWER_STEPS = 20;

/** The program of a margin training run: functions `train` and `validate`. */
export function marginProgram(parts: MarginParts): Program {
  const { network, optimizer, layers } = parts;
  const state = new Map<string, HostTensor>([...network.parameters, ...network.statistics]);
  const shapes = new Map([...network.parameters].map(([name, { dims }]) => [name, dims]));
  for (const [name, tensor] of optimizer.initialState(shapes)) state.set(name, tensor);
  for (const [k, { inputDims }] of layers.layers.entries()) {
    const dims = [1, ...inputDims];
    state.set(vectorName(k), { dims, values: startVectors(dims) });
  }
  return { state, functions: { train: trainFunction(parts), validate: validateFunction(parts) } };
}

const feedsOf = ({ batch, imageDims, classes }: MarginParts): [string, readonly number[]][] => [
  [MarginFeed.images, [batch, ...imageDims]],
  [MarginFeed.labels, [batch, classes]],
  [MarginFeed.epsilon, []],
];

/** Scores and norms of a batch, and the vectors of the power iteration. */
function evaluated(
  { network, layers }: MarginParts,
  context: TrainingContext,
  state: NamedTensors,
  fed: NamedTensors,
  steps: number,
): { readonly inputs: MarginInputs; readonly vectors: readonly Tensor[] } {
  const warm = layers.layers.map((_, k) => state[vectorName(k)] as Tensor);
  const { lipschitz, vectors } = featureLipschitz(layers, context, state, warm, steps);
  const inputs: MarginInputs = {
    scores: network.right(context, state, fed[MarginFeed.images] as Tensor),
    labels: fed[MarginFeed.labels] as Tensor,
    rows: layers.rows(context.tf, state),
    lipschitz,
    epsilon: fed[MarginFeed.epsilon] as Tensor,
  };
  return { inputs, vectors };
}

function accuracy(tf: Tf, { scores, labels }: MarginInputs): Tensor {
  return tf.mean(tf.cast(tf.equal(tf.argMax(scores, 1), tf.argMax(labels, 1)), 'float32'));
}

function trainFunction(parts: MarginParts): StepFunction {
  const { network, optimizer, constraints } = parts;
  const trained = [...network.parameters.keys()];
  return {
    feeds: new Map([...feedsOf(parts), ...optimizer.scalarNames.map((name) => [name, []] as const)]),
    compute: (tf, state, fed) => {
      const results: { [name: string]: Tensor } = {};
      const after: { [name: string]: Tensor } = {};
      const kept = (tensor: Tensor): Tensor => tf.keep(tensor);
      const context: TrainingContext = {
        tf,
        statistics: 'batch',
        updateStatistic: (name, value) => {
          after[name] ??= kept(detach(tf, value));
        },
      };
      const objective = (...values: Tensor[]): Tensor => {
        const current = {
          ...state,
          ...Object.fromEntries(trained.map((name, k) => [name, values[k] as Tensor])),
        };
        const { inputs, vectors } = evaluated(parts, context, current, fed, parts.powerSteps);
        vectors.forEach((v, k) => {
          after[vectorName(k)] = kept(v);
        });
        results['accuracy'] = kept(accuracy(tf, inputs));
        results['verified'] = kept(verifiedShare(tf, inputs));
        results['lipschitz'] = kept(detach(tf, inputs.lipschitz));
        return marginLoss(tf, parts.loss, inputs);
      };
      const step = descended(tf, { trained, objective, optimizer, constraints }, state, fed);
      results['loss'] = step.loss;
      return { state: { ...step.parameters, ...step.state, ...after }, results };
    },
  };
}

/** Held-out images: accuracy, the share verified, cross-entropy, the estimate of K. Changes no state. */
function validateFunction(parts: MarginParts): StepFunction {
  return {
    feeds: new Map(feedsOf(parts)),
    compute: (tf, state, fed) => {
      const context: TrainingContext = { tf, statistics: 'running', updateStatistic: () => undefined };
      const { inputs } = evaluated(parts, context, state, fed, VALIDATION_POWER_STEPS);
      const logarithms = tf.logSoftmax(inputs.scores);
      return {
        state: {},
        results: {
          accuracy: accuracy(tf, inputs),
          verified: verifiedShare(tf, inputs),
          crossEntropy: tf.neg(tf.mean(tf.sum(tf.mul(logarithms, inputs.labels), 1))),
          lipschitz: inputs.lipschitz,
        },
      };
    },
  };
}
