/**
 * The training step of a denoiser, at the input or at a cut of a frozen network (losses/denoising.ts): noise is added to the
 * image or its latent, and what the denoiser makes of it is compared with what it was, or with what the network answers to
 * it. The network's weights are constants of the step; gradients run through it into the denoiser alone. Pure, as `step.ts`.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Tf, TrainingContext } from '../operators/training/form.ts';
import { descended } from './descent.ts';
import { detach } from './detach.ts';
import { type DenoisingLoss, instability, noiseLeft, squaredError } from './losses/denoising.ts';
import type { Network } from './network.ts';
import type { Optimizer } from './optimizers.ts';
import type { HostTensor, NamedTensors, Program, StepFunction } from './program.ts';

export interface DenoisingParts {
  /** Cut at its input. */
  readonly denoiser: Network;
  /** Frozen, cut where the noise is added; null where there is none, and the noise is added to the image. */
  readonly network: Network | null;
  readonly batch: number;
  readonly imageDims: readonly number[];
  /** What noise is added to. */
  readonly latentDims: readonly number[];
  /** Classes of the labels fed; null: an answer counts as right where it is the network's own clean one. */
  readonly classes: number | null;
  readonly optimizer: Optimizer;
}

/** Names of feeds. */
export const DenoisingFeed = {
  images: 'images',
  labels: 'labels',
  /** Standard normals [B, ...latent]. */
  noise: 'noise',
  /** Deviation of each image's noise: [B]. */
  sigma: 'sigma',
  /** Weight of the mse in the loss `stability`. */
  strength: 'strength',
  /** What logits are divided by in the loss `stability`. */
  temperature: 'temperature',
} as const;

/** The program: `mse` and, with a network, `stability` are training steps; `validate` and `undefended` change no state. */
export function denoisingProgram(parts: DenoisingParts): Program {
  const { denoiser, network, optimizer } = parts;
  const state = new Map<string, HostTensor>([...denoiser.parameters, ...denoiser.statistics]);
  const shapes = new Map([...denoiser.parameters].map(([name, { dims }]) => [name, dims]));
  for (const [name, tensor] of optimizer.initialState(shapes)) state.set(name, tensor);
  return {
    state,
    functions: {
      mse: trainFunction(parts, 'mse'),
      validate: validateFunction(parts),
      ...(network === null
        ? {}
        : { stability: trainFunction(parts, 'stability'), undefended: undefendedFunction(parts, network) }),
    },
  };
}

const RUNNING = (tf: Tf): TrainingContext => ({
  tf,
  statistics: 'running',
  updateStatistic: () => undefined,
});

function feedsOf({ batch, imageDims, latentDims }: DenoisingParts): [string, readonly number[]][] {
  return [
    [DenoisingFeed.images, [batch, ...imageDims]],
    [DenoisingFeed.noise, [batch, ...latentDims]],
    [DenoisingFeed.sigma, [batch]],
  ];
}

const labelFeed = ({ batch, classes }: DenoisingParts): [string, readonly number[]][] =>
  classes === null ? [] : [[DenoisingFeed.labels, [batch, classes]]];

/** What noise is added to, and the two together. */
function noisyLatents(
  tf: Tf,
  { network, batch, latentDims }: DenoisingParts,
  fed: NamedTensors,
): { readonly clean: Tensor; readonly noisy: Tensor; readonly sigma: Tensor } {
  const images = fed[DenoisingFeed.images] as Tensor;
  const sigma = fed[DenoisingFeed.sigma] as Tensor;
  const clean = network === null ? images : network.left(RUNNING(tf), {}, images);
  const level = tf.reshape(sigma, [batch, ...latentDims.map(() => 1)]);
  return { clean, noisy: tf.add(clean, tf.mul(fed[DenoisingFeed.noise] as Tensor, level)), sigma };
}

/** The denoiser's answer in the shape of what it was given. */
const denoisedBy = (
  { denoiser }: DenoisingParts,
  context: TrainingContext,
  state: NamedTensors,
  noisy: Tensor,
): Tensor => context.tf.reshape(denoiser.right(context, state, noisy), noisy.shape);

const answersOf = (tf: Tf, network: Network, latents: Tensor): Tensor =>
  network.right(RUNNING(tf), {}, latents);

/** Share of the answers that are the label, or else the network's own clean answer. */
function accuracy(
  tf: Tf,
  { classes }: DenoisingParts,
  fed: NamedTensors,
  clean: Tensor,
  answers: Tensor,
): Tensor {
  const truth = tf.argMax(classes === null ? clean : (fed[DenoisingFeed.labels] as Tensor), 1);
  return tf.mean(tf.cast(tf.equal(tf.argMax(answers, 1), truth), 'float32'));
}

function trainFunction(parts: DenoisingParts, loss: DenoisingLoss): StepFunction {
  const { denoiser, network, optimizer } = parts;
  const frozen = loss === 'stability' ? network : null;
  const trained = [...denoiser.parameters.keys()];
  return {
    feeds: new Map<string, readonly number[]>([
      ...feedsOf(parts),
      ...(frozen === null
        ? []
        : ([...labelFeed(parts), [DenoisingFeed.strength, []], [DenoisingFeed.temperature, []]] as const)),
      ...optimizer.scalarNames.map((name) => [name, []] as const),
    ]),
    compute: (tf, state, fed) => {
      const results: { [name: string]: Tensor } = {};
      const statistics: { [name: string]: Tensor } = {};
      const kept = (tensor: Tensor): Tensor => tf.keep(tensor);
      const context: TrainingContext = {
        tf,
        statistics: 'batch',
        updateStatistic: (name, value) => {
          statistics[name] ??= kept(detach(tf, value));
        },
      };
      const { clean, noisy, sigma } = noisyLatents(tf, parts, fed);
      const own = frozen === null ? null : answersOf(tf, frozen, clean);
      const objective = (...values: Tensor[]): Tensor => {
        const current = {
          ...state,
          ...Object.fromEntries(trained.map((name, k) => [name, values[k] as Tensor])),
        };
        const denoised = denoisedBy(parts, context, current, noisy);
        const left = tf.mean(noiseLeft(tf, clean, denoised, sigma));
        results['noiseLeft'] = kept(detach(tf, left));
        if (frozen === null || own === null) return left;
        const answers = answersOf(tf, frozen, denoised);
        results['accuracy'] = kept(accuracy(tf, parts, fed, own, answers));
        const unstable = instability(tf, own, answers, fed[DenoisingFeed.temperature] as Tensor);
        return tf.add(unstable, tf.mul(left, fed[DenoisingFeed.strength] as Tensor));
      };
      const step = descended(tf, { trained, objective, optimizer, constraints: new Map() }, state, fed);
      results['loss'] = step.loss;
      return { state: { ...step.parameters, ...step.state, ...statistics }, results };
    },
  };
}

/** Held-out images with one draw each: what is left of the noise, and what the network makes of it. */
function validateFunction(parts: DenoisingParts): StepFunction {
  const { network } = parts;
  return {
    feeds: new Map([...feedsOf(parts), ...(network === null ? [] : labelFeed(parts))]),
    compute: (tf, state, fed) => {
      const { clean, noisy, sigma } = noisyLatents(tf, parts, fed);
      const denoised = denoisedBy(parts, RUNNING(tf), state, noisy);
      const results: { [name: string]: Tensor } = {
        mse: tf.mean(squaredError(tf, clean, denoised)),
        noiseLeft: tf.mean(noiseLeft(tf, clean, denoised, sigma)),
      };
      if (network !== null) {
        const own = answersOf(tf, network, clean);
        const answers = answersOf(tf, network, denoised);
        results['accuracy'] = accuracy(tf, parts, fed, own, answers);
        results['crossEntropy'] = instability(tf, own, answers, 1);
      }
      return { state: {}, results };
    },
  };
}

/** The network alone on held-out images: without noise, and with the same draws. */
function undefendedFunction(parts: DenoisingParts, network: Network): StepFunction {
  return {
    feeds: new Map([...feedsOf(parts), ...labelFeed(parts)]),
    compute: (tf, _, fed) => {
      const { clean, noisy } = noisyLatents(tf, parts, fed);
      const own = answersOf(tf, network, clean);
      return {
        state: {},
        results: {
          clean: accuracy(tf, parts, fed, own, own),
          noisy: accuracy(tf, parts, fed, own, answersOf(tf, network, noisy)),
        },
      };
    },
  };
}
