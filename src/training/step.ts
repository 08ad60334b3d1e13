/**
 * The SPLITZ training step (Zhong & Tandon 2024, eq. 17 and Algorithm 2), defined once:
 *
 *   (1 - λ) · loss(f_R(f_L(x) + σ·noise), y) + λ · mean_i max(θ_L, L(x_i))
 *
 * with L the local Lipschitz estimate of the left half and any loss of the smoothing literature. Pure: noise, schedules
 * and images are fed, state comes back.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf, TrainingContext } from '../operators/training/form.ts';
import type { Constraint } from './constraints.ts';
import { descended } from './descent.ts';
import { detach } from './detach.ts';
import type { SmoothingLoss } from './losses/loss.ts';
import type { Network, Segment } from './network.ts';
import type { Optimizer } from './optimizers.ts';
import { startVectors } from './power-vectors.ts';
import type { HostTensor, NamedTensors, Program, StepFunction } from './program.ts';
import { localBound, type Regularizer, vectorSegments } from './regularizers.ts';

/** What the step is made of. */
export interface StepParts {
  readonly network: Network;
  /** The left half as segments; empty when nothing is regularised. */
  readonly segments: readonly Segment[];
  /** Shape of each segment's input for one image. */
  readonly segmentDims: readonly (readonly number[])[];
  readonly batch: number;
  readonly classes: number;
  readonly imageDims: readonly number[];
  readonly latentDims: readonly number[];
  /** Where the latents of images lie, [low, high]; null when that is not known. */
  readonly latentRange: readonly [number, number] | null;
  readonly loss: SmoothingLoss;
  readonly optimizer: Optimizer;
  readonly regularizer: Regularizer;
  readonly powerSteps: number;
  /** L is taken on the first so many images of a batch; their order is random, so that the mean is unbiased. */
  readonly boundImages: number;
  /**
   * 'fixed': the fed sigma is the noise at the cut. 'matched': it is the noise at the input, and the noise at the cut
   * is that times the batch's mean L, so that plain smoothing at the fed sigma is the fair comparison by construction.
   */
  readonly noise: 'fixed' | 'matched';
  /** Starting value of θ_L when it is learned with the weights; null when it is fed. */
  readonly learnedThreshold: number | null;
  /** Kernels that are brought back after every step, by name. */
  readonly constraints?: ReadonlyMap<string, Constraint>;
}

/** Names of feeds and results. */
export const Feed = {
  images: 'images',
  labels: 'labels',
  noise: 'noise',
  sigma: 'sigma',
  lambda: 'lambda',
  strength: 'strength',
  radius: 'radius',
  threshold: 'threshold',
} as const;

const THRESHOLD = 'regularizer.threshold';
const vectorName = (norm: number): string => `power.vector/${norm}`;

/** Power iterations of a validation step: its vectors start from training images of the same positions. */
const VALIDATION_POWER_STEPS = 20;

/** The program of a training run: functions `train` and `validate` over the network's parameters and statistics. */
export function splitzProgram(parts: StepParts): Program {
  const { network, optimizer } = parts;
  const state = new Map<string, HostTensor>([...network.parameters, ...network.statistics]);
  if (parts.learnedThreshold !== null)
    state.set(THRESHOLD, { dims: [], values: Float32Array.of(parts.learnedThreshold) });
  const trained = trainedNames(parts);
  const shapes = new Map(trained.map((name) => [name, (state.get(name) as HostTensor).dims]));
  for (const [name, tensor] of optimizer.initialState(shapes)) state.set(name, tensor);
  for (const [k, segment] of vectorSegments(parts.regularizer, parts.segments).entries()) {
    const dims = [parts.boundImages, ...(parts.segmentDims[segment] as readonly number[])];
    state.set(vectorName(k), { dims, values: startVectors(dims) });
  }
  return { state, functions: { train: trainFunction(parts, trained), validate: validateFunction(parts) } };
}

/** Parameters and, when it is learned, θ_L. */
function trainedNames({ network, learnedThreshold }: StepParts): string[] {
  return [...network.parameters.keys(), ...(learnedThreshold === null ? [] : [THRESHOLD])];
}

function commonFeeds(
  { batch, imageDims, latentDims, classes }: StepParts,
  draws: number,
): [string, number[]][] {
  return [
    [Feed.images, [batch, ...imageDims]],
    [Feed.labels, [batch, classes]],
    [Feed.noise, [draws * batch, ...latentDims]],
    [Feed.sigma, []],
    [Feed.radius, []],
  ];
}

/**
 * Mean local Lipschitz estimate and the noise level at the cut, for one batch. A matched level is differentiable: were it
 * held constant, the weights would grow without end, since a larger norm would raise the signal and not the noise.
 */
function noiseLevel(
  tf: Tf,
  parts: StepParts,
  sigma: Tensor,
  lipschitz: Tensor | null,
): { readonly level: Tensor; readonly mean: Tensor } {
  const mean = lipschitz === null ? tf.scalar(1) : tf.mean(lipschitz);
  return { mean, level: parts.noise === 'matched' ? tf.mul(sigma, mean) : sigma };
}

function bound(
  parts: StepParts,
  context: TrainingContext,
  state: NamedTensors,
  feeds: NamedTensors,
  steps: number,
): ReturnType<typeof localBound> | null {
  if (parts.regularizer === 'none') return null;
  const { segments } = parts;
  const warm = vectorSegments(parts.regularizer, segments).map((_, k) => state[vectorName(k)] as Tensor);
  const images = feeds[Feed.images] as Tensor;
  const some =
    parts.boundImages === parts.batch
      ? images
      : context.tf.slice(images, new Array<number>(images.rank).fill(0), [
          parts.boundImages,
          ...images.shape.slice(1),
        ]);
  return localBound(
    parts.regularizer,
    segments,
    context,
    state,
    some,
    feeds[Feed.radius] as Tensor,
    warm,
    steps,
  );
}

function accuracy(tf: Tf, logits: Tensor, labels: Tensor, draws: number): Tensor {
  const truth = tf.tile(tf.argMax(labels, 1), [draws]);
  return tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), truth), 'float32'));
}

function trainFunction(parts: StepParts, trained: readonly string[]): StepFunction {
  const { network, batch, loss, optimizer } = parts;
  const { draws } = loss;
  const uniforms = loss.uniforms(batch);
  const feeds = new Map<string, readonly number[]>([
    ...commonFeeds(parts, draws),
    [Feed.lambda, []],
    [Feed.strength, []],
    ...(parts.learnedThreshold === null ? [[Feed.threshold, []] as const] : []),
    ...uniforms,
    ...optimizer.scalarNames.map((name) => [name, []] as const),
  ]);
  return {
    feeds,
    compute: (tf, state, fed) => {
      const images = fed[Feed.images] as Tensor;
      const labels = fed[Feed.labels] as Tensor;
      const results: { [name: string]: Tensor } = {};
      const statistics: { [name: string]: Tensor } = {};
      const vectors: { [name: string]: Tensor } = {};
      // tfjs clears up after the objective; what leaves it alongside its value is kept, and is the engine's to dispose.
      const kept = (tensor: Tensor): Tensor => tf.keep(tensor);
      const contextOf = (mode: TrainingContext['statistics'], update: boolean): TrainingContext => ({
        tf,
        statistics: mode,
        updateStatistic: (name, value) => {
          if (update) statistics[name] ??= kept(detach(tf, value));
        },
      });
      const objective = (...values: Tensor[]): Tensor => {
        const current: NamedTensors = {
          ...state,
          ...Object.fromEntries(trained.map((name, k) => [name, values[k] as Tensor])),
        };
        const context = contextOf('batch', true);
        const local = bound(parts, context, current, fed, parts.powerSteps);
        local?.vectors.forEach((v, k) => {
          vectors[vectorName(k)] = kept(v);
        });
        const { level, mean } = noiseLevel(tf, parts, fed[Feed.sigma] as Tensor, local?.lipschitz ?? null);
        const { loss: smoothing, logits } = loss.compute(tf, {
          logitsOf: (latents, purpose) =>
            purpose === 'train'
              ? network.right(context, current, latents)
              : network.right(contextOf('running', false), current, latents),
          latent: network.left(context, current, images),
          noise: tf.mul(fed[Feed.noise] as Tensor, level),
          labels,
          sigma: level,
          strength: fed[Feed.strength] as Tensor,
          latentRange: parts.latentRange,
          uniforms: Object.fromEntries([...uniforms.keys()].map((name) => [name, fed[name] as Tensor])),
        });
        results['accuracy'] = kept(accuracy(tf, logits, labels, draws));
        results['lipschitz'] = kept(mean);
        results['sigma'] = kept(level);
        if (local === null) return smoothing;
        const lambda = fed[Feed.lambda] as Tensor;
        const threshold = current[THRESHOLD] ?? (fed[Feed.threshold] as Tensor);
        // max(θ, L); tfjs 4.22 has no gradient of `maximum` for a θ that is broadcast.
        const penalty = tf.mean(tf.add(threshold, tf.relu(tf.sub(local.lipschitz, threshold))));
        return tf.add(tf.mul(tf.sub(1, lambda), smoothing), tf.mul(lambda, penalty));
      };
      const step = descended(
        tf,
        { trained, objective, optimizer, constraints: parts.constraints ?? new Map() },
        state,
        fed,
      );
      results['loss'] = step.loss;
      const { parameters } = step;
      // A clip level of 0 or less would switch its neurons off for good.
      for (const name of network.limits) parameters[name] = tf.maximum(parameters[name] as Tensor, 1e-2);
      return { state: { ...parameters, ...step.state, ...statistics, ...vectors }, results };
    },
  };
}

/** Held-out images with one noise draw each: accuracy under noise, cross-entropy, mean L. Changes no state. */
function validateFunction(parts: StepParts): StepFunction {
  const { network } = parts;
  return {
    feeds: new Map(commonFeeds(parts, 1)),
    compute: (tf, state, fed) => {
      const context: TrainingContext = { tf, statistics: 'running', updateStatistic: () => undefined };
      const labels = fed[Feed.labels] as Tensor;
      const local = bound(parts, context, state, fed, VALIDATION_POWER_STEPS);
      const { level, mean } = noiseLevel(tf, parts, fed[Feed.sigma] as Tensor, local?.lipschitz ?? null);
      const latent = network.left(context, state, fed[Feed.images] as Tensor);
      const logits = network.right(context, state, tf.add(latent, tf.mul(fed[Feed.noise] as Tensor, level)));
      const crossEntropy = tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), labels), 1)));
      return {
        state: {},
        results: {
          accuracy: accuracy(tf, logits, labels, 1),
          crossEntropy,
          lipschitz: mean,
          sigma: level,
        },
      };
    },
  };
}
