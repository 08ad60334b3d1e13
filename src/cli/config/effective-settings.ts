/** Every setting a command would run with, and where each comes from: computed by the functions that the commands use. */
import { kindOf } from '../../datasets/open-dataset.ts';
import { askedOf } from '../../methods/asked.ts';
import { METHODS, methodNamed } from '../../methods/index.ts';
import { byDefault, byFlag, chosen, drawn, originOf } from '../../methods/sourced.ts';
import type { Model } from '../../onnx/model/model.ts';
import type { Sourced } from '../../records/record.ts';
import { type IntakeRequest, intakeSettings } from '../../runs/intake-settings.ts';
import { PLAN_SEED } from '../../runs/plan/plan.ts';
import { asked } from '../../runs/settle.ts';
import { optionOf, recipeOf, trainingSettings } from '../../runs/training-settings.ts';
import { type SeriesFlags, seriesRequests } from '../series-flags.ts';
import type { OptionTable } from './option-table.ts';
import type { OptionSources } from './sources.ts';

export interface EffectiveSetting {
  readonly name: string;
  /** Null when nothing is set. */
  readonly value: unknown;
  readonly origin: string;
  /** File and line, variable, or key of the model's metadata; null where the origin is enough. */
  readonly where: string | null;
}

/** Metadata keys that are not the option's name. */
const METADATA_KEYS: { readonly [option: string]: string } = {
  data: 'dataset',
  'baseline-sigma': 'baseline_sigma',
};

type Flags = IntakeRequest &
  SeriesFlags & {
    readonly split?: string | undefined;
    readonly seed?: number | undefined;
  } & Parameters<typeof trainingSettings>[0] & { readonly [option: string]: unknown };

/** A value and where it comes from; in words where only the model or the run determines it. */
type Settled = Pick<EffectiveSetting, 'value' | 'origin'>;

/** @param model whose metadata count too; null omits them */
export function effectiveSettings(
  { command, outside, origins }: OptionSources,
  options: OptionTable,
  flags: Flags,
  model: Model | null,
): EffectiveSetting[] {
  const metadata: Model['metadata'] = model?.metadata ?? new Map();
  const { channelOrder, ...intake } = intakeSettings(flags, { metadata });
  const settled = new Map<string, Settled>(
    Object.entries({
      ...intake,
      channels: channelOrder,
      data: dataSetting(flags, metadata),
      ...(command === 'train' ? ofTraining(flags, metadata) : ofMethod(command, flags, metadata)),
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

/** What was asked for as `option`, else the metadata. */
function textSetting(
  flags: Flags,
  option: 'data' | 'split',
  metadata: Model['metadata'],
): Sourced<string> | null {
  const value =
    flags[option] === undefined ? undefined : byFlag(String(flags[option]), originOf(flags, option));
  return chosen<string>(value, metadata, `splitz.${METADATA_KEYS[option] ?? option}`, (text) => text);
}

const dataSetting = (flags: Flags, metadata: Model['metadata']): Sourced<string | null> =>
  textSetting(flags, 'data', metadata) ?? byDefault(null);

/** Settings that only other methods have. */
function ofOtherMethods(name: string): Record<string, Settled> {
  const all = METHODS.map(({ name: owner, settings }) => ({
    owner,
    names: Object.keys(settings.json.properties ?? {}),
  }));
  const own = all.find(({ owner }) => owner === name)?.names ?? [];
  const names = all.flatMap((method) => method.names).filter((setting) => !own.includes(setting));
  return Object.fromEntries(
    names.map((setting) => [setting, { value: null, origin: `not used by ${name}` }]),
  );
}

function ofMethod(
  command: string | null,
  flags: Flags,
  metadata: Model['metadata'],
): Record<string, Settled> {
  const { method: named, settings, beside: besides } = seriesRequests(flags);
  const method = methodNamed(named ?? METHODS[0]?.name ?? '');
  const given = askedOf(method, asked(settings, flags.origins));
  const { settings: own, beside } = method.preview(
    given,
    asked(besides, flags.origins, 'baseline-'),
    metadata,
  );
  return {
    ...ofOtherMethods(method.name),
    ...own,
    ...Object.fromEntries(Object.entries(beside).map(([name, setting]) => [`baseline-${name}`, setting])),
    method: named === undefined ? byDefault(method.name) : byFlag(named, originOf(flags, 'method')),
    seed: seedSetting(command, flags),
  };
}

/** A seed that is not given differs in every run: any number shown here would be one that no run uses. */
function seedSetting(command: string | null, flags: Flags): Settled {
  if (flags.seed !== undefined) return byFlag(flags.seed, originOf(flags, 'seed'));
  return command === 'plan' ? byDefault(PLAN_SEED) : drawn('drawn for each run');
}

function ofTraining(flags: Flags, metadata: Model['metadata']): Record<string, Settled> {
  const split = textSetting(flags, 'split', metadata) ?? byDefault('first');
  const data = dataSetting(flags, metadata).value;
  const atInput = split.value === 'input';
  const { values, shown } = trainingSettings(
    flags,
    recipeOf(flags, metadata.get('splitz.recipe'), atInput),
    atInput,
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
