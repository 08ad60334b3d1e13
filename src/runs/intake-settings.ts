/** How pixels are handed to the model: what was asked for, then the model's `splitz.*` metadata, then defaults. */
import { UsageError } from '../ground/errors.ts';
import {
  byDefault,
  byFlag,
  chosen,
  numberFrom,
  numberList,
  originOf,
  type RequestOrigins,
  wordFrom,
} from '../methods/sourced.ts';
import { CHANNEL_ORDERS, type ChannelOrder, LAYOUTS, type Layout } from '../onnx/intake/pixel-layout.ts';
import type { Preprocessing } from '../onnx/intake/preprocessing.ts';
import type { Model } from '../onnx/model/model.ts';
import type { Sourced } from '../records/record.ts';

/** What was asked for; undefined where nothing was. Lists are text, as on the command line. */
export interface IntakeRequest extends RequestOrigins {
  readonly layout?: Layout | undefined;
  readonly channels?: ChannelOrder | undefined;
  readonly scale?: number | undefined;
  readonly mean?: string | readonly number[] | undefined;
  readonly std?: string | readonly number[] | undefined;
}

export interface IntakeSettings {
  readonly layout: Sourced<Layout>;
  readonly channelOrder: Sourced<ChannelOrder>;
  readonly scale: Sourced<number>;
  readonly mean: Sourced<readonly number[] | null>;
  readonly std: Sourced<readonly number[] | null>;
}

export function intakeSettings(
  request: IntakeRequest,
  { metadata }: Pick<Model, 'metadata'>,
): IntakeSettings {
  const list = (name: 'mean' | 'std'): Sourced<readonly number[] | null> => {
    const given = request[name];
    const read = numberList(given === undefined ? `model metadata splitz.${name}` : `--${name}`);
    const asked = typeof given === 'string' ? read(given) : given;
    return (
      chosen<readonly number[]>(
        asked && byFlag(asked, originOf(request, name)),
        metadata,
        `splitz.${name}`,
        read,
      ) ?? byDefault(null)
    );
  };
  const asked = <T>(name: 'scale' | 'layout' | 'channels', value: T | undefined): Sourced<T> | undefined =>
    value === undefined ? undefined : byFlag(value, originOf(request, name));
  const scale =
    chosen(
      asked('scale', request.scale),
      metadata,
      'splitz.scale',
      numberFrom('model metadata splitz.scale'),
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
        asked('layout', request.layout),
        metadata,
        'splitz.layout',
        wordFrom(LAYOUTS, 'model metadata splitz.layout'),
      ) ?? byDefault('nchw'),
    channelOrder:
      chosen(
        asked('channels', request.channels),
        metadata,
        'splitz.channels',
        wordFrom(CHANNEL_ORDERS, 'model metadata splitz.channels'),
      ) ?? byDefault('rgb'),
    scale,
    mean: list('mean'),
    std: list('std'),
  };
}

/** The pass that puts the settings into the model. @param shape of an image, [C,H,W] */
export function preprocessingOf(settings: IntakeSettings, shape: readonly number[]): Preprocessing {
  const [channels = 1, rows = 1, columns = 1] = shape;
  return {
    layout: settings.layout.value,
    channelOrder: settings.channelOrder.value,
    scale: settings.scale.value,
    ...(settings.mean.value === null ? {} : { mean: settings.mean.value }),
    ...(settings.std.value === null ? {} : { std: settings.std.value }),
    imageShape: [channels, rows, columns],
  };
}
