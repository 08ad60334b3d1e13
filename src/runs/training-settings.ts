/** What `train` is asked to do: the recipe's values, overridden by flags; each with its origin, all shown and recorded. */
import { UsageError } from '../ground/errors.ts';
import { sigmaOf } from '../methods/smoothing/settings.ts';
import { numberFrom, originOf, type RequestOrigins, requireCount } from '../methods/sourced.ts';
import { describeLoss, parseLoss } from '../training/losses/index.ts';
import { isMarginLoss, MARGIN_LOSSES } from '../training/losses/margin.ts';
import { RECIPES, type Recipe, type RecipeName, recipeFor } from '../training/recipes.ts';
import { parseSchedule, type Schedule } from '../training/schedules.ts';

/** What was asked for; undefined where the recipe decides. */
export interface TrainingRequest extends RequestOrigins {
  readonly recipe?: RecipeName | undefined;
  /** A number; of a denoiser also a range, as text. */
  readonly sigma?: number | string | undefined;
  /** Schedules, as text. */
  readonly noiseScale?: string | undefined;
  readonly loss?: string | undefined;
  readonly strength?: string | undefined;
  /** Of a denoiser. */
  readonly temperature?: number | undefined;
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
  readonly epsilon?: number | undefined;
  readonly epsilonScale?: string | undefined;
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

/** Settings that mean nothing without noise, and those that mean nothing with it. */
const OF_NOISE: readonly string[] = [
  ...['sigma', 'noise', 'noiseScale', 'strength', 'regularizer', 'lambda', 'radius', 'threshold'],
  ...['learnThreshold', 'boundImages', 'reluTheta', 'learnTheta'],
];
const OF_MARGIN: readonly string[] = ['epsilon', 'epsilonScale'];

/** The settings that the recipe looks at. */
export function relevant(settings: TrainingSettings): Partial<TrainingSettings> {
  const idle = settings.recipe === 'margin' ? OF_NOISE : OF_MARGIN;
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !idle.includes(key)));
}

/**
 * The recipe of a run: what was asked for, by its name or by a loss that only it has; then the model's own.
 * @param recorded the recipe that the model's metadata name
 * @throws UsageError for a loss and a recipe that do not go together
 */
export function recipeOf(
  { recipe, loss }: Pick<TrainingRequest, 'recipe' | 'loss'>,
  recorded: string | undefined,
  atInput: boolean,
): RecipeName {
  const own = RECIPES.find((name) => name === recorded);
  const margin = loss !== undefined && isMarginLoss(loss);
  const name = recipe ?? (margin ? 'margin' : own) ?? (atInput ? 'smoothing' : 'paper');
  if (loss === undefined || margin === (name === 'margin')) return name;
  throw new UsageError({
    what: `--loss ${loss} does not go with the recipe ${name}`,
    why: margin
      ? 'it trains a margin of the scores without noise'
      : 'the recipe trains a margin of the scores, and the loss is one under noise',
    remedy: margin
      ? 'Omit --recipe, or use --recipe margin.'
      : `Use --loss ${MARGIN_LOSSES.join(' or ')}, or another recipe.`,
  });
}

/**
 * @param name the recipe, as `recipeOf` settles it
 * @throws UsageError for values out of range, invalid schedules and meaningless combinations
 */
export function trainingSettings(
  flags: TrainingRequest,
  name: RecipeName,
  atInput: boolean,
  dataset: string,
): SourcedTrainingSettings {
  if (name !== 'margin' && atInput !== (name === 'smoothing')) {
    throw new UsageError({
      what: `--recipe ${name} does not go with ${atInput ? '--split input' : 'a split'}`,
      why: atInput
        ? 'there is no left half to bound'
        : 'plain smoothing adds its noise to the image, so the cut is the input',
      remedy: atInput ? 'Omit --recipe, or choose a cut.' : 'Add --split input, or use another recipe.',
    });
  }
  refuseTemperature(flags);
  const recipe = recipeFor(name, dataset);
  const given: { [K in keyof TrainingSettings]?: TrainingSettings[K] | undefined } = {
    sigma: flags.sigma === undefined ? undefined : singleSigma(flags.sigma),
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
    epsilon: flags.epsilon,
    epsilonScale: flags.epsilonScale,
  };
  const chosenOnes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const values = { ...recipe, recipe: name, sigma: DEFAULT_SIGMA, ...chosenOnes } as TrainingSettings;
  const settings = {
    ...values,
    loss: isMarginLoss(values.loss) ? values.loss.trim() : describeLoss(parseLoss(values.loss)),
    boundImages: Math.min(values.boundImages, values.batch),
  };
  refuseIdle(settings, Object.keys(chosenOnes));
  check(settings);
  const shown = Object.entries(relevant(settings))
    .filter(([key]) => key !== 'recipe')
    .map(([key, value]) => ({
      name: key,
      value: value === null ? 'none' : String(value),
      origin:
        key in chosenOnes ? originOf(flags, optionOf(key)) : key === 'sigma' ? 'default' : `recipe ${name}`,
    }));
  return { values: settings, shown };
}

function refuseTemperature({ temperature }: TrainingRequest): void {
  if (temperature === undefined) return;
  throw new UsageError({
    what: '--temperature does nothing for a classifier',
    why: 'it is part of the loss stability, by which a denoiser is trained',
    remedy: 'Omit --temperature, or train a denoiser with --denoiser.',
  });
}

/** Throws UsageError for a range. */
function singleSigma(sigma: number | string): number {
  if (typeof sigma === 'number') return sigma;
  if (!sigma.includes('..')) return numberFrom('--sigma')(sigma);
  throw new UsageError({
    what: `--sigma is the range ${sigma}`,
    why: 'a classifier is trained with one deviation of the noise; a denoiser may be trained for several',
    remedy: 'Write one number, as in --sigma 0.5, or train a denoiser with --denoiser.',
  });
}

/** A flag that does nothing is an error. */
function refuseIdle(settings: TrainingSettings, chosen: readonly string[]): void {
  const used = relevant(settings);
  const idle = chosen.find((key) => !(key in used));
  if (idle === undefined) return;
  const option = `--${optionOf(idle)}`;
  throw new UsageError({
    what: `${option} does nothing in the recipe ${settings.recipe}`,
    why:
      settings.recipe === 'margin'
        ? 'it trains without noise and without a cut'
        : 'only the recipe margin verifies a radius while it trains',
    remedy: `Omit ${option}, or use another recipe.`,
  });
}

function check(settings: TrainingSettings): void {
  sigmaOf(settings.sigma);
  requireCount('--epochs', settings.epochs, 1);
  requireCount('--batch', settings.batch, 1);
  requireCount('--power-steps', settings.powerSteps, 1);
  requireCount('--bound-images', settings.boundImages, 1);
  requirePositive('--epsilon', settings.epsilon, false);
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

export function requirePositive(name: string, value: number, orZero: boolean): void {
  if (Number.isFinite(value) && (value > 0 || (orZero && value === 0))) return;
  throw new UsageError({
    what: `${name} is ${value}`,
    why: `it must be a ${orZero ? 'number of at least 0' : 'positive number'}`,
    remedy: `Give ${name} another value, or omit it for the recipe's.`,
  });
}

/** The schedules of the settings. */
export function schedulesOf(settings: TrainingSettings): {
  readonly noiseScale: Schedule;
  readonly lambda: Schedule;
  readonly strength: Schedule;
  readonly radius: Schedule;
  readonly learningRate: Schedule;
  readonly epsilonScale: Schedule;
} {
  const { noiseScale, lambda, strength, radius, learningRate, epsilonScale } = settings;
  return {
    noiseScale: parseSchedule(noiseScale, { option: '--noise-scale', least: 0, most: 1 }),
    lambda: parseSchedule(lambda, { option: '--lambda', least: 0, most: 1 }),
    strength: parseSchedule(strength, { option: '--strength', least: 0, most: 1 }),
    // A ball of radius 0 has no secants: the smallest one is what float32 resolves.
    radius: parseSchedule(radius, { option: '--radius', least: 1e-3, most: 1e6 }),
    epsilonScale: parseSchedule(epsilonScale, { option: '--epsilon-scale', least: 1e-3, most: 100 }),
    learningRate: parseSchedule(learningRate, { option: '--learning-rate', least: 0, most: 100 }),
  };
}
