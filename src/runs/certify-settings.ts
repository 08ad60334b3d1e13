/**
 * What `certify` and `predict` are asked to do: flags (or the environment, or the config file), then the model's `splitz.*`
 * metadata, then defaults. Everything
 * that can be judged without running the model is judged here.
 */

import type { Dataset } from '../datasets/dataset.ts';
import { UsageError } from '../ground/errors.ts';
import type { VoteBoundName } from '../ground/vote-bound-names.ts';
import type { DisplacementBound } from '../lipschitz/displacement-bounds.ts';
import { CHANNEL_ORDERS, type ChannelOrder, LAYOUTS, type Layout } from '../onnx/intake/pixel-layout.ts';
import type { Preprocessing } from '../onnx/intake/preprocessing.ts';
import type { Model } from '../onnx/model/model.ts';
import { drawnSeed } from '../smoothing/noise/drawn-seed.ts';
import { LARGEST_SIGMA, SMALLEST_SIGMA } from '../smoothing/noise/rounded-noise.ts';
import { checkAlpha } from '../smoothing/votes/clopper-pearson.ts';
import { smallestUsefulN, VOTE_BOUNDS } from '../smoothing/votes/index.ts';
import {
  byDefault,
  byFlag,
  chosen,
  drawn,
  numberFrom,
  numberList,
  originOf,
  requireCount,
  type Sourced,
  type WithOrigins,
  wordFrom,
} from './sourced.ts';

/** Settings asked for; undefined where nobody said anything. */
export interface SmoothingFlags extends WithOrigins {
  readonly split?: string | undefined;
  readonly sigma?: number | undefined;
  readonly n?: number | undefined;
  readonly alpha?: number | undefined;
  readonly seed?: number | undefined;
  readonly lipschitz?: DisplacementBound | undefined;
}

export interface PreprocessingFlags extends WithOrigins {
  readonly layout?: Layout | undefined;
  readonly channels?: ChannelOrder | undefined;
  readonly scale?: number | undefined;
  readonly mean?: string | undefined;
  readonly std?: string | undefined;
}

export interface PreprocessingSettings {
  readonly layout: Sourced<Layout>;
  readonly channelOrder: Sourced<ChannelOrder>;
  readonly scale: Sourced<number>;
  readonly mean: Sourced<number[] | null>;
  readonly std: Sourced<number[] | null>;
}

export function preprocessingSettings(
  flags: PreprocessingFlags,
  { metadata }: Pick<Model, 'metadata'>,
): PreprocessingSettings {
  const list = (name: 'mean' | 'std'): Sourced<number[] | null> => {
    const text = flags[name];
    const read = numberList(text === undefined ? `model metadata splitz.${name}` : `--${name}`);
    return (
      chosen(
        text === undefined ? undefined : read(text),
        metadata,
        `splitz.${name}`,
        read,
        originOf(flags, name),
      ) ?? byDefault(null)
    );
  };
  const scale =
    chosen(
      flags.scale,
      metadata,
      'splitz.scale',
      numberFrom('model metadata splitz.scale'),
      originOf(flags, 'scale'),
    ) ?? byDefault(1);
  if (!(scale.value > 0)) {
    throw new UsageError({
      what: `--scale is ${scale.value}`,
      why: 'pixels lie in 0..scale',
      remedy: 'Write --scale 255 or --scale 1.',
    });
  }
  return {
    layout:
      chosen(
        flags.layout,
        metadata,
        'splitz.layout',
        wordFrom(LAYOUTS, 'model metadata splitz.layout'),
        originOf(flags, 'layout'),
      ) ?? byDefault('nchw'),
    channelOrder:
      chosen(
        flags.channels,
        metadata,
        'splitz.channels',
        wordFrom(CHANNEL_ORDERS, 'model metadata splitz.channels'),
        originOf(flags, 'channels'),
      ) ?? byDefault('rgb'),
    scale,
    mean: list('mean'),
    std: list('std'),
  };
}

/** The pass that puts the settings into the model. */
export function preprocessingOf(settings: PreprocessingSettings, { shape }: Dataset): Preprocessing {
  const [channels, rows, columns] = shape;
  return {
    layout: settings.layout.value,
    channelOrder: settings.channelOrder.value,
    scale: settings.scale.value,
    ...(settings.mean.value === null ? {} : { mean: settings.mean.value }),
    ...(settings.std.value === null ? {} : { std: settings.std.value }),
    imageShape: [channels, rows, columns],
  };
}

export interface StatisticalSettings {
  readonly n0: Sourced<number>;
  readonly n: Sourced<number>;
  readonly alpha: Sourced<number>;
  readonly bound: Sourced<VoteBoundName>;
  readonly lipschitz: Sourced<DisplacementBound>;
  /** A 53-bit number, drawn from the operating system unless somebody chose it. */
  readonly seed: Sourced<number>;
}

/** Throws UsageError for counts, probabilities or seeds that cannot certify anything. */
export function statisticalSettings(
  flags: SmoothingFlags & { readonly n0?: number | undefined; readonly bound?: VoteBoundName | undefined },
): StatisticalSettings {
  const or = <T>(option: string, flag: T | undefined, fallback: T): Sourced<T> =>
    flag === undefined ? byDefault(fallback) : byFlag(flag, originOf(flags, option));
  const settings: StatisticalSettings = {
    n0: or('n0', flags.n0, 100),
    n: or('n', flags.n, 10_000),
    alpha: or('alpha', flags.alpha, 0.001),
    bound: or('bound', flags.bound, 'clopper-pearson'),
    lipschitz: or('lipschitz', flags.lipschitz, 'secant'),
    seed: flags.seed === undefined ? drawn(drawnSeed()) : byFlag(flags.seed, originOf(flags, 'seed')),
  };
  checkAlpha(settings.alpha.value);
  requireCount('--n0', settings.n0.value, 1);
  requireCount('--n', settings.n.value, 1);
  requireCount('--seed', settings.seed.value, 0);
  const least = smallestUsefulN(VOTE_BOUNDS[settings.bound.value], settings.alpha.value);
  if (settings.n.value < least) {
    throw new UsageError({
      what: `--n ${settings.n.value} can certify nothing at --alpha ${settings.alpha.value}`,
      why: 'even if all draws agree, the lower bound on the probability of their class stays at or below 1/2',
      remedy: `The smallest n that can is ${least}; 10000 or more is usual.`,
    });
  }
  return settings;
}

/** Throws UsageError unless sigma is a positive number whose grid float32 can hold. */
export function checkSigma(name: string, sigma: number): void {
  if (sigma >= SMALLEST_SIGMA && sigma <= LARGEST_SIGMA) return;
  throw new UsageError({
    what: `${name} is ${sigma}`,
    why: 'the noise needs a positive standard deviation, and its grid one that a float32 can hold',
    remedy: `Write ${name} 0.25, for instance.`,
  });
}
