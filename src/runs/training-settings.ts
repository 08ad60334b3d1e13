/** What `train` is asked to do: the recipe's values, overridden by flags; each with its origin, all shown and recorded. */
import type { Argv } from 'yargs';
import { UsageError } from '../ground/errors.ts';
import { AUGMENTATIONS } from '../training/augmentation.ts';
import { describeLoss, lossNames, parseLoss } from '../training/losses/index.ts';
import { RECIPES, type Recipe, type RecipeName, recipeFor } from '../training/recipes.ts';
import { REGULARIZERS } from '../training/regularizers.ts';
import { parseSchedule, type Schedule } from '../training/schedules.ts';
import { checkSigma } from './certify-settings.ts';
import { originOf, requireCount, type WithOrigins } from './sourced.ts';

export const trainingOptions = <T>(y: Argv<T>) =>
  y
    .option('recipe', {
      choices: RECIPES,
      describe: 'defaults of everything below [paper; smoothing at --split input]',
    })
    .option('sigma', {
      type: 'number',
      describe: 'deviation of the noise: at the cut (smoothing, paper), at the input (matched, warm)',
    })
    .option('noise-scale', {
      type: 'string',
      nargs: 1,
      describe: 'share of sigma over the run, a schedule such as 0:1@40%',
    })
    .option('loss', {
      type: 'string',
      nargs: 1,
      describe: `loss under noise: ${lossNames.join(', ')}, with settings as in consistency:lambda=5,eta=0.5`,
    })
    .option('strength', {
      type: 'string',
      nargs: 1,
      describe: 'weight of what the loss adds to the cross-entropy, a schedule such as 0:1@10',
    })
    .option('regularizer', { choices: REGULARIZERS, describe: 'local Lipschitz bound that is trained' })
    .option('lambda', { type: 'string', nargs: 1, describe: 'its weight, a schedule such as 0.8:0.4' })
    .option('radius', {
      type: 'string',
      nargs: 1,
      describe: 'ball it is taken on, a schedule, in pixel units',
    })
    .option('lipschitz-threshold', { type: 'number', describe: 'theta_L: bounds below it cost nothing' })
    .option('learn-lipschitz-threshold', { type: 'boolean', describe: 'train theta_L with the weights' })
    .option('power-steps', { type: 'number', describe: 'power iterations per step, warm-started' })
    .option('bound-images', { type: 'number', describe: 'images per step that the bound is taken on' })
    .option('relu-theta', {
      type: 'number',
      describe: "replace the left half's Relus by Clip(0, THETA); 0 leaves them",
    })
    .option('learn-theta', { type: 'boolean', describe: 'train the clip levels of the left half' })
    .option('optimizer', { choices: ['adam', 'sgd'] as const, describe: 'sgd has momentum 0.9' })
    .option('learning-rate', {
      type: 'string',
      nargs: 1,
      alias: 'lr',
      describe: 'a schedule such as cosine:1e-3',
    })
    .option('weight-decay', {
      type: 'number',
      describe: 'l2 penalty (sgd) or decoupled decay (adam) of kernels',
    })
    .option('clip-norm', { type: 'number', describe: 'largest l2 norm of the gradient; 0 for none' })
    .option('epochs', { type: 'number', describe: 'passes over the training images' })
    .option('batch', { type: 'number', describe: 'images per step' })
    .option('augment', { choices: AUGMENTATIONS, describe: 'random shifts and mirror images' });

type Flags = Awaited<ReturnType<ReturnType<typeof trainingOptions>['parse']>> & WithOrigins;

/** All settings of a run that do not come from the model or the data. */
export interface TrainingSettings extends Recipe {
  readonly recipe: RecipeName;
  readonly sigma: number;
}

export interface SourcedTrainingSettings {
  readonly values: TrainingSettings;
  /** For people: name, value, origin. */
  readonly shown: readonly { readonly name: string; readonly value: string; readonly origin: string }[];
}

const DEFAULT_SIGMA = 0.5;

/** Options whose name is not the setting's. */
const OPTION_OF: { readonly [setting: string]: string } = {
  threshold: 'lipschitz-threshold',
  learnThreshold: 'learn-lipschitz-threshold',
};
/** The option of a setting. */
export const optionOf = (setting: string): string =>
  OPTION_OF[setting] ?? setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Throws UsageError for values that are out of range, schedules that are none, combinations that mean nothing. */
export function trainingSettings(flags: Flags, atInput: boolean, dataset: string): SourcedTrainingSettings {
  const name: RecipeName = flags.recipe ?? (atInput ? 'smoothing' : 'paper');
  if (atInput !== (name === 'smoothing')) {
    throw new UsageError({
      what: `--recipe ${name} does not go with ${atInput ? '--split input' : 'a split'}`,
      why: atInput
        ? 'there is no left half to bound'
        : 'plain smoothing adds its noise to the image, so the cut is the input',
      remedy: atInput ? 'Leave out --recipe, or choose a cut.' : 'Add --split input, or use another recipe.',
    });
  }
  const recipe = recipeFor(name, dataset);
  const given: { [K in keyof TrainingSettings]?: TrainingSettings[K] | undefined } = {
    sigma: flags.sigma,
    noiseScale: flags.noiseScale,
    loss: flags.loss,
    strength: flags.strength,
    regularizer: flags.regularizer,
    lambda: flags.lambda,
    radius: flags.radius,
    threshold: flags.lipschitzThreshold,
    learnThreshold: flags.learnLipschitzThreshold,
    powerSteps: flags.powerSteps,
    boundImages: flags.boundImages,
    reluTheta: flags.reluTheta === 0 ? null : flags.reluTheta,
    learnTheta: flags.learnTheta,
    optimizer: flags.optimizer,
    learningRate: flags.learningRate,
    weightDecay: flags.weightDecay,
    clipNorm: flags.clipNorm === 0 ? null : flags.clipNorm,
    epochs: flags.epochs,
    batch: flags.batch,
    augment: flags.augment,
  };
  const chosenOnes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const values = { ...recipe, recipe: name, sigma: DEFAULT_SIGMA, ...chosenOnes } as TrainingSettings;
  const settings = {
    ...values,
    loss: describeLoss(parseLoss(values.loss)),
    boundImages: Math.min(values.boundImages, values.batch),
  };
  check(settings);
  const shown = Object.entries(settings)
    .filter(([key]) => key !== 'recipe')
    .map(([key, value]) => ({
      name: key,
      value: value === null ? 'none' : String(value),
      origin:
        key in chosenOnes ? originOf(flags, optionOf(key)) : key === 'sigma' ? 'default' : `recipe ${name}`,
    }));
  return { values: settings, shown };
}

function check(settings: TrainingSettings): void {
  checkSigma('--sigma', settings.sigma);
  requireCount('--epochs', settings.epochs, 1);
  requireCount('--batch', settings.batch, 1);
  requireCount('--power-steps', settings.powerSteps, 1);
  requireCount('--bound-images', settings.boundImages, 1);
  requirePositive('--weight-decay', settings.weightDecay, true);
  requirePositive('--lipschitz-threshold', settings.threshold, true);
  if (settings.clipNorm !== null) requirePositive('--clip-norm', settings.clipNorm, false);
  if (settings.reluTheta !== null) requirePositive('--relu-theta', settings.reluTheta, false);
  schedulesOf(settings);
  if (settings.noise === 'matched' && settings.regularizer === 'none') {
    throw new UsageError({
      what: `--regularizer none does not go with --recipe ${settings.recipe}`,
      why: 'its noise at the cut is sigma times the local Lipschitz bound, which needs one',
      remedy: 'Use --regularizer secant or mask; with --lambda 0 it costs nothing in the loss.',
    });
  }
}

function requirePositive(name: string, value: number, orZero: boolean): void {
  if (Number.isFinite(value) && (value > 0 || (orZero && value === 0))) return;
  throw new UsageError({
    what: `${name} is ${value}`,
    why: `it must be a ${orZero ? 'number of at least 0' : 'positive number'}`,
    remedy: `Give ${name} another value, or leave it out for the recipe's.`,
  });
}

/** The schedules of the settings. */
export function schedulesOf({ noiseScale, lambda, strength, radius, learningRate }: TrainingSettings): {
  readonly noiseScale: Schedule;
  readonly lambda: Schedule;
  readonly strength: Schedule;
  readonly radius: Schedule;
  readonly learningRate: Schedule;
} {
  return {
    noiseScale: parseSchedule(noiseScale, { option: '--noise-scale', least: 0, most: 1 }),
    lambda: parseSchedule(lambda, { option: '--lambda', least: 0, most: 1 }),
    strength: parseSchedule(strength, { option: '--strength', least: 0, most: 1 }),
    // A ball of radius 0 has no secants: the smallest one is what float32 resolves.
    radius: parseSchedule(radius, { option: '--radius', least: 1e-3, most: 1e6 }),
    learningRate: parseSchedule(learningRate, { option: '--learning-rate', least: 0, most: 100 }),
  };
}
