/**
 * The noise schedule of a diffusion model, ᾱ_t for t = 0, 1, …, from the configuration that diffusers writes beside a model
 * (scheduler_config.json), or given number by number.
 */
import { UsageError } from '../../ground/errors.ts';

export const PREDICTIONS = ['epsilon', 'sample', 'v_prediction'] as const;
export type Prediction = (typeof PREDICTIONS)[number];

export interface Schedule {
  /** ᾱ_t, descending, each in (0, 1). */
  readonly alphaBars: readonly number[];
  /** What the network's output is: the noise, the image, or v. */
  readonly prediction: Prediction;
}

/** One step of a schedule. */
export interface DiffusionStep {
  readonly timestep: number;
  readonly alphaBar: number;
  readonly prediction: Prediction;
}

/** @param where names the text in errors. @throws UsageError for a schedule that is not understood */
export function readSchedule(text: string, where: string): Schedule {
  const fault = (what: string, remedy = REMEDY): UsageError => new UsageError({ what, where, remedy });
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw fault(`the schedule is not JSON: ${(cause as Error).message}`);
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw fault('the schedule is not a JSON object');
  const prediction = PREDICTIONS.find((name) => name === (config['prediction_type'] ?? 'epsilon'));
  if (prediction === undefined)
    throw fault(`the schedule has the prediction type '${String(config['prediction_type'])}'`);
  if (config['rescale_betas_zero_snr'] === true)
    throw fault('the schedule rescales its betas to zero signal (rescale_betas_zero_snr)');
  const alphaBars = isNumbers(config['alphas_cumprod'])
    ? config['alphas_cumprod']
    : products(betasOf(config, fault));
  const usable = alphaBars.every((value, t) => value > 0 && value < 1 && value < (alphaBars[t - 1] ?? 1));
  if (alphaBars.length === 0 || !usable)
    throw fault('the noise of the schedule does not grow from step to step');
  return { alphaBars, prediction };
}

const REMEDY =
  'Give the scheduler_config.json of a DDPM or DDIM scheduler, or {"alphas_cumprod": [...], "prediction_type": "epsilon"}.';

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'number' && Number.isFinite(one));

function betasOf(config: Readonly<Record<string, unknown>>, fault: (what: string) => UsageError): number[] {
  if (isNumbers(config['trained_betas'])) return config['trained_betas'];
  const numberOf = (name: string): number => {
    const value = config[name];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw fault(`the schedule does not state ${name}`);
  };
  const steps = numberOf('num_train_timesteps');
  if (!Number.isInteger(steps) || steps < 1 || steps > MOST_STEPS)
    throw fault(`the schedule has ${steps} steps; 1 to ${MOST_STEPS} are supported`);
  const evenly = (from: number, to: number): number[] =>
    Array.from({ length: steps }, (_, t) => (steps === 1 ? from : from + (t * (to - from)) / (steps - 1)));
  switch (config['beta_schedule']) {
    case 'linear':
      return evenly(numberOf('beta_start'), numberOf('beta_end'));
    case 'scaled_linear':
      return evenly(Math.sqrt(numberOf('beta_start')), Math.sqrt(numberOf('beta_end'))).map(
        (root) => root ** 2,
      );
    case 'squaredcos_cap_v2':
      return Array.from({ length: steps }, (_, t) =>
        Math.min(0.999, 1 - squaredCosine((t + 1) / steps) / squaredCosine(t / steps)),
      );
    default:
      throw fault(`the schedule has the beta schedule '${String(config['beta_schedule'])}'`);
  }
}

const MOST_STEPS = 100_000;

const squaredCosine = (share: number): number => Math.cos(((share + 0.008) / 1.008) * (Math.PI / 2)) ** 2;

function products(betas: readonly number[]): number[] {
  let product = 1;
  return betas.map((beta) => {
    product *= 1 - beta;
    return product;
  });
}

/** Deviation of the noise of a step over that of its image, for pixels in [-1,1]. */
const levelOf = (alphaBar: number): number => Math.sqrt((1 - alphaBar) / alphaBar);

/**
 * The step whose noise is nearest to that of images of pixels in [0,1]: these are stretched to [-1,1], and their noise with them
 * (Carlini et al. 2023). Throws UsageError for more noise than the schedule has.
 */
export function stepFor({ alphaBars, prediction }: Schedule, sigma: number, where: string): DiffusionStep {
  const most = levelOf(alphaBars.at(-1) ?? 1) / 2;
  if (!(sigma <= most)) {
    throw new UsageError({
      what: `sigma ${sigma} is more noise than the diffusion model knows`,
      where,
      why: `the last step of its schedule has ${most.toPrecision(3)}, for pixels in [0,1]`,
      remedy: 'Give a smaller --sigma.',
    });
  }
  const distance = (t: number): number => Math.abs(levelOf(alphaBars[t] ?? 1) - 2 * sigma);
  const timestep = alphaBars.reduce((best, _, t) => (distance(t) < distance(best) ? t : best), 0);
  return { timestep, alphaBar: alphaBars[timestep] ?? 1, prediction };
}
