/** What `train` is asked to do: the recipe's values, overridden by flags; each with its origin, all shown and recorded. */
import { UsageError } from '../ground/errors.ts';
import { sigmaOf } from '../methods/smoothing/settings.ts';
import { originOf, type RequestOrigins, requireCount } from '../methods/sourced.ts';
import { describeLoss, parseLoss } from '../training/losses/index.ts';
import { type Recipe, type RecipeName, recipeFor } from '../training/recipes.ts';
import { parseSchedule, type Schedule } from '../training/schedules.ts';

/** What was asked for; undefined where the recipe decides. */
export interface TrainingRequest extends RequestOrigins {
  readonly recipe?: RecipeName | undefined;
  readonly sigma?: number | undefined;
  /** Schedules, as text. */
  readonly noiseScale?: string | undefined;
  readonly loss?: string | undefined;
  readonly strength?: string | undefined;
  readonly regularizer?: Recipe['regularizer'] | undefined;
  readonly lambda?: string | undefined;
  readonly radius?: string | undefined;
  readonly lipschitzThreshold?: number | undefined;
  readonly learnLipschitzThreshold?: boolean | undefined;
  readonly powerSteps?: number | undefined;
  readonly boundImages?: number | undefined;
  /** 0 leaves the Relus. */
  readonly reluTheta?: number | undefined;
  readonly learnTheta?: boolean | undefined;
  readonly optimizer?: Recipe['optimizer'] | undefined;
  readonly learningRate?: string | undefined;
  readonly weightDecay?: number | undefined;
  /** 0 is none. */
  readonly clipNorm?: number | undefined;
  readonly epochs?: number | undefined;
  readonly batch?: number | undefined;
  readonly augment?: Recipe['augment'] | undefined;
}

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

/** Throws UsageError for values out of range, invalid schedules and meaningless combinations. */
export function trainingSettings(
  flags: TrainingRequest,
  atInput: boolean,
  dataset: string,
): SourcedTrainingSettings {
  const name: RecipeName = flags.recipe ?? (atInput ? 'smoothing' : 'paper');
  if (atInput !== (name === 'smoothing')) {
    throw new UsageError({
      what: `--recipe ${name} does not go with ${atInput ? '--split input' : 'a split'}`,
      why: atInput
        ? 'there is no left half to bound'
        : 'plain smoothing adds its noise to the image, so the cut is the input',
      remedy: atInput ? 'Omit --recipe, or choose a cut.' : 'Add --split input, or use another recipe.',
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
  sigmaOf(settings.sigma);
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
    remedy: `Give ${name} another value, or omit it for the recipe's.`,
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
