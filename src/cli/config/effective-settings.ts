/** Every setting a command would run with, and where each comes from: made by the functions that the commands use. */
import { kindOf } from '../../datasets/open-dataset.ts';
import { byDefault, chosen, drawn, originOf, type Sourced } from '../../methods/sourced.ts';
import type { Model } from '../../onnx/model/model.ts';
import {
  type PreprocessingFlags,
  preprocessingSettings,
  type SmoothingFlags,
  statisticalSettings,
} from '../../runs/certify-settings.ts';
import { DEFAULT_INPUT_SIGMA, PILOT_SEED } from '../../runs/choose-cut.ts';
import { baselineSetting, sigmaSetting, splitSetting } from '../../runs/smoothing-plan.ts';
import { optionOf, trainingSettings } from '../../runs/training-settings.ts';
import type { OptionTable } from './option-table.ts';
import type { OptionSources } from './sources.ts';

export interface EffectiveSetting {
  readonly name: string;
  /** Null when nothing is set. */
  readonly value: unknown;
  readonly origin: string;
  /** File and line, variable, or key of the model's metadata; null where the origin says it all. */
  readonly where: string | null;
}

/** Metadata keys that are not the option's name. */
const METADATA_KEYS: { readonly [option: string]: string } = {
  data: 'dataset',
  'baseline-sigma': 'baseline_sigma',
};

type Flags = PreprocessingFlags &
  SmoothingFlags &
  Parameters<typeof trainingSettings>[0] & { readonly [option: string]: unknown };

/** @param model what its metadata say counts too; null leaves them out */
export function effectiveSettings(
  { command, outside, origins }: OptionSources,
  options: OptionTable,
  flags: Flags,
  model: Model | null,
): EffectiveSetting[] {
  const metadata: Model['metadata'] = model?.metadata ?? new Map();
  const { channelOrder, ...preprocessing } = preprocessingSettings(flags, { metadata });
  const settled = new Map<string, { readonly value: unknown; readonly origin: string }>(
    Object.entries({
      ...preprocessing,
      channels: channelOrder,
      data: dataSetting(flags, metadata),
      ...(command === 'train' ? ofTraining(flags, metadata) : ofSmoothing(command, flags, metadata)),
    }),
  );
  return [...options].map(([name, { default: fallback, defaultDescription }]) => {
    const set = origins.get(name);
    const { value, origin } = settled.get(name) ?? {
      value: flags[name] ?? null,
      origin: set ?? (fallback === undefined ? 'not set' : 'default'),
    };
    const where =
      origin === 'model metadata'
        ? `splitz.${METADATA_KEYS[name] ?? name}`
        : (outside.get(name)?.where ?? null);
    const named = origin === 'default' && defaultDescription !== undefined ? defaultDescription : null;
    return {
      name,
      value,
      origin: named ? `default, ${named}` : origin,
      where: set === 'flag' ? null : where,
    };
  });
}

function dataSetting(flags: Flags, metadata: Model['metadata']): Sourced<string | null> {
  const data = flags['data'] === undefined ? undefined : String(flags['data']);
  return chosen(data, metadata, 'splitz.dataset', (text) => text, originOf(flags, 'data')) ?? byDefault(null);
}

function ofSmoothing(
  command: string | null,
  flags: Flags,
  metadata: Model['metadata'],
): Record<string, Sourced<unknown>> {
  const baselineSigma = flags['baselineSigma'] === undefined ? undefined : Number(flags['baselineSigma']);
  const statistics = statisticalSettings(flags);
  return {
    ...statistics,
    seed: seedSetting(command, statistics.seed),
    split: splitSetting(flags, metadata),
    sigma: sigmaSetting(flags, metadata) ?? {
      value: `${DEFAULT_INPUT_SIGMA} × bound of the left half`,
      origin: 'derived',
    },
    'baseline-sigma': baselineSetting({ origins: flags.origins, baselineSigma }, metadata) ?? {
      value: 'sigma / bound of the left half',
      origin: 'derived',
    },
  };
}

/** A seed nobody chose is another one in every run: a number would say what no run will use. */
function seedSetting(command: string | null, seed: Sourced<number>): Sourced<unknown> {
  if (seed.origin !== 'operating system') return seed;
  return command === 'plan' ? byDefault(PILOT_SEED) : drawn('drawn for each run');
}

function ofTraining(
  flags: Flags,
  metadata: Model['metadata'],
): Record<string, { readonly value: unknown; readonly origin: string }> {
  const split =
    chosen(flags.split, metadata, 'splitz.split', (text) => text, originOf(flags, 'split')) ??
    byDefault('first');
  const data = dataSetting(flags, metadata).value;
  const { values, shown } = trainingSettings(
    flags,
    split.value === 'input',
    data === null ? '' : kindOf(data),
  );
  return {
    split,
    recipe: {
      value: values.recipe,
      origin: flags.recipe === undefined ? 'default' : originOf(flags, 'recipe'),
    },
    ...Object.fromEntries(shown.map(({ name, value, origin }) => [optionOf(name), { value, origin }])),
  };
}
