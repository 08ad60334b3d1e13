/** What `train --denoiser` is asked to do: values by default or by flag, each with its origin, all shown and recorded. */
import { UsageError } from '../ground/errors.ts';
import { DEFAULT_INPUT_SIGMA, sigmaOf } from '../methods/smoothing/settings.ts';
import { originOf, requireCount } from '../methods/sourced.ts';
import { type NoiseRange, noiseRangeText, parseNoiseRange } from '../smoothing/noise/range.ts';
import { type DenoisingStages, parseDenoisingLoss } from '../training/losses/denoising.ts';
import type { Recipe } from '../training/recipes.ts';
import { parseSchedule, type Schedule } from '../training/schedules.ts';
import { optionOf, requirePositive, type TrainingRequest } from './training-settings.ts';

/** Those of a classifier's training that hold for a denoiser, and its noise: a level or a range, as on the command line. */
export interface DenoiserSettings
  extends Pick<
    Recipe,
    | 'loss'
    | 'strength'
    | 'optimizer'
    | 'learningRate'
    | 'weightDecay'
    | 'clipNorm'
    | 'epochs'
    | 'batch'
    | 'augment'
  > {
  readonly sigma: string;
  /** What logits are divided by in the loss `stability`. */
  readonly temperature: number;
}

export interface SourcedDenoiserSettings {
  readonly values: DenoiserSettings;
  readonly range: NoiseRange;
  readonly stages: DenoisingStages;
  readonly strength: Schedule;
  readonly learningRate: Schedule;
  /** For people: name, value, origin. */
  readonly shown: readonly { readonly name: string; readonly value: string; readonly origin: string }[];
}

/** Flags of `train` that say nothing of a denoiser, as they are in a request. */
const OF_CLASSIFIERS = [
  ...[
    'recipe',
    'noiseScale',
    'regularizer',
    'lambda',
    'radius',
    'lipschitzThreshold',
    'learnLipschitzThreshold',
  ],
  ...['powerSteps', 'boundImages', 'reluTheta', 'learnTheta', 'epsilon', 'epsilonScale', 'architecture'],
] as const;

/** What the defaults depend on. */
export interface DenoiserTraining {
  readonly dataset: string;
  readonly hasNetwork: boolean;
  /** Whether it starts from weights that are trained. */
  readonly trainedBefore: boolean;
}

/** @throws UsageError for values out of range, invalid schedules, and flags that do nothing */
export function denoiserSettings(
  flags: TrainingRequest,
  { dataset, hasNetwork, trainedBefore }: DenoiserTraining,
): SourcedDenoiserSettings {
  refuseIdle(flags);
  const defaults: DenoiserSettings = {
    sigma: String(DEFAULT_INPUT_SIGMA),
    loss: hasNetwork ? 'mse,stability' : 'mse',
    strength: '1',
    // At 1, training for a network that is sure of its mistakes first makes it right less often (docs/results.md).
    temperature: 4,
    optimizer: 'adam',
    // Five times as much unlearns in twenty steps what a trained one knows.
    learningRate: trainedBefore ? 'cosine:1e-4,5%' : 'cosine:1.5e-3,5%',
    weightDecay: 0,
    clipNorm: 1,
    epochs: 10,
    batch: 128,
    augment: dataset === 'cifar10' ? 'flip' : 'none',
  };
  const chosen = chosenOf(flags);
  const values = { ...defaults, ...chosen };
  const range = parseNoiseRange(values.sigma, '--sigma');
  for (const end of [range.least, range.most]) sigmaOf(end);
  requireCount('--epochs', values.epochs, 1);
  requireCount('--batch', values.batch, 1);
  requirePositive('--weight-decay', values.weightDecay, true);
  requirePositive('--temperature', values.temperature, false);
  if (values.clipNorm !== null) requirePositive('--clip-norm', values.clipNorm, false);
  const stages = parseDenoisingLoss(values.loss, values.epochs);
  if (stages.text !== 'mse' && !hasNetwork) throw needsNetwork(values.loss);
  const settled: DenoiserSettings = { ...values, sigma: noiseRangeText(range), loss: stages.text };
  return {
    values: settled,
    ...{ range, stages },
    strength: parseSchedule(values.strength, { option: '--strength', least: 0, most: 1 }),
    learningRate: parseSchedule(values.learningRate, { option: '--learning-rate', least: 0, most: 100 }),
    shown: Object.entries(settled).map(([key, value]) => ({
      name: key,
      value: value === null ? 'none' : String(value),
      origin: key in chosen ? originOf(flags, optionOf(key)) : 'default',
    })),
  };
}

function chosenOf(flags: TrainingRequest): Partial<DenoiserSettings> {
  const given: { [K in keyof DenoiserSettings]: DenoiserSettings[K] | undefined } = {
    sigma: flags.sigma === undefined ? undefined : String(flags.sigma),
    loss: flags.loss,
    strength: flags.strength,
    temperature: flags.temperature,
    optimizer: flags.optimizer,
    learningRate: flags.learningRate,
    weightDecay: flags.weightDecay,
    clipNorm: flags.clipNorm === 0 ? null : flags.clipNorm,
    epochs: flags.epochs,
    batch: flags.batch,
    augment: flags.augment,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function refuseIdle(flags: object): void {
  const idle = OF_CLASSIFIERS.find((key) => (flags as Record<string, unknown>)[key] !== undefined);
  if (idle === undefined) return;
  const option = `--${optionOf(idle)}`;
  throw new UsageError({
    what: `${option} does nothing for a denoiser`,
    why: 'it says how a classifier is trained, and the weights of the classifier behind a denoiser are left as they are',
    remedy: `Omit ${option}.`,
  });
}

const needsNetwork = (loss: string): UsageError =>
  new UsageError({
    what: `--loss ${loss} needs a network`,
    why: 'stability is that of the answers of the network behind the denoiser',
    remedy: 'Name its file, as in `train net.onnx --denoiser unet-small`, or use --loss mse.',
  });
