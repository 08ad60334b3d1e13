/** What a step is fed: pure functions of the run's settings and (epoch, step), so that a run can be resumed anywhere. */
import { sizeOf } from '../onnx/model/graph.ts';
import type { NoiseRange } from '../smoothing/noise/range.ts';
import type { TrainingBatches } from './batches.ts';
import { DenoisingFeed } from './denoising-step.ts';
import type { DenoisingStages } from './losses/denoising.ts';
import type { SmoothingLoss } from './losses/loss.ts';
import { MarginFeed } from './margin-step.ts';
import type { TrainingNoise } from './noise.ts';
import type { Optimizer } from './optimizers.ts';
import type { Schedule } from './schedules.ts';
import { Feed } from './step.ts';

type Fed = ReadonlyMap<string, Float32Array>;

/** The feeds of a run, by function. */
export interface StepFeeds {
  training(epoch: number, step: number): Fed;
  validation(epoch: number, step: number): Fed;
  /** The function that trains in an epoch; 'train' where it is not said. */
  functionOf?(epoch: number): string;
}

interface Common {
  readonly batches: TrainingBatches;
  readonly optimizer: Optimizer;
  readonly epochs: number;
  readonly learningRate: Schedule;
}

export interface SmoothingFeeds extends Common {
  readonly noise: TrainingNoise;
  readonly loss: SmoothingLoss;
  readonly sigma: number;
  /** Share of sigma that training has. */
  readonly noiseScale: Schedule;
  readonly lambda: Schedule;
  /** Weight of what the loss adds to the cross-entropy. */
  readonly strength: Schedule;
  readonly radius: Schedule;
  /** θ_L when it is fed; null when it is learned. */
  readonly threshold: number | null;
}

export interface MarginFeeds extends Common {
  /** The radius that is to be verified, in input units. */
  readonly epsilon: number;
  /** What training multiplies it by. */
  readonly epsilonScale: Schedule;
}

export interface DenoisingFeeds extends Common {
  readonly noise: TrainingNoise;
  readonly sigma: NoiseRange;
  readonly stages: DenoisingStages;
  readonly strength: Schedule;
  readonly temperature: number;
}

const scalar = (value: number): Float32Array => Float32Array.of(value);

function optimizerFeeds(
  { optimizer, batches, learningRate, epochs }: Common,
  epoch: number,
  step: number,
): Fed {
  const number = epoch * batches.steps + step + 1;
  const rate = learningRate.at(epoch + step / batches.steps, epochs);
  return new Map([...optimizer.scalars(number, rate)].map(([name, value]) => [name, scalar(value)]));
}

export function smoothingFeeds(run: SmoothingFeeds): StepFeeds {
  const { batches, noise, loss, epochs, threshold } = run;
  return {
    training(epoch, step) {
      const now = epoch + step / batches.steps;
      const { images, labels } = batches.training(epoch, step);
      const feeds = new Map<string, Float32Array>([
        [Feed.images, images],
        [Feed.labels, labels],
        [Feed.noise, noise.training(epoch, step)],
        [Feed.sigma, scalar(run.sigma * run.noiseScale.at(now, epochs))],
        [Feed.lambda, scalar(run.lambda.at(now, epochs))],
        [Feed.strength, scalar(run.strength.at(now, epochs))],
        [Feed.radius, scalar(run.radius.at(now, epochs))],
        ...optimizerFeeds(run, epoch, step),
      ]);
      if (threshold !== null) feeds.set(Feed.threshold, scalar(threshold));
      let stream = 0;
      for (const [name, dims] of loss.uniforms(batches.size))
        feeds.set(name, noise.uniforms(epoch, step, stream++, sizeOf(dims)));
      return feeds;
    },
    validation(epoch, step) {
      const { images, labels } = batches.validation(step);
      return new Map([
        [Feed.images, images],
        [Feed.labels, labels],
        [Feed.noise, noise.validation(epoch, step)],
        // What the run ends with: it is all noise, unless the file is made to do without.
        [Feed.sigma, scalar(run.sigma * run.noiseScale.at(epochs, epochs))],
        [Feed.radius, scalar(run.radius.at(epoch + 1, epochs))],
      ]);
    },
  };
}

export function marginFeeds(run: MarginFeeds): StepFeeds {
  const { batches, epochs, epsilon, epsilonScale } = run;
  const of = ({ images, labels }: ReturnType<TrainingBatches['training']>, radius: number): Fed =>
    new Map([
      [MarginFeed.images, images],
      [MarginFeed.labels, labels],
      [MarginFeed.epsilon, scalar(radius)],
    ]);
  return {
    training: (epoch, step) =>
      new Map([
        ...of(batches.training(epoch, step), epsilon * epsilonScale.at(epoch + step / batches.steps, epochs)),
        ...optimizerFeeds(run, epoch, step),
      ]),
    validation: (_epoch, step) => of(batches.validation(step), epsilon),
  };
}

/** Deviations are drawn evenly from the range, one per image; of held-out images they are spread over it. */
export function denoisingFeeds(run: DenoisingFeeds): StepFeeds {
  const { batches, noise, epochs, sigma, stages, strength, temperature } = run;
  const levels = (shares: Float32Array): Float32Array =>
    shares.map((share) => sigma.least + share * (sigma.most - sigma.least));
  const spread = levels(Float32Array.from({ length: batches.size }, (_, k) => (k + 0.5) / batches.size));
  return {
    functionOf: (epoch) => stages.at(epoch),
    training(epoch, step) {
      const { images, labels } = batches.training(epoch, step);
      return new Map([
        [DenoisingFeed.images, images],
        [DenoisingFeed.labels, labels],
        [DenoisingFeed.noise, noise.training(epoch, step)],
        [DenoisingFeed.sigma, levels(noise.uniforms(epoch, step, 0, batches.size))],
        [DenoisingFeed.temperature, scalar(temperature)],
        [DenoisingFeed.strength, scalar(strength.at(epoch + step / batches.steps, epochs))],
        ...optimizerFeeds(run, epoch, step),
      ]);
    },
    validation(epoch, step) {
      const { images, labels } = batches.validation(step);
      return new Map([
        [DenoisingFeed.images, images],
        [DenoisingFeed.labels, labels],
        [DenoisingFeed.noise, noise.validation(epoch, step)],
        [DenoisingFeed.sigma, spread],
      ]);
    },
  };
}
