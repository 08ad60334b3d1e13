/**
 * Settings with their origin: a flag beats the environment, which beats the config file, the model's metadata and the
 * default; each value used is shown and recorded with where it came from.
 */

import { UsageError } from '../ground/errors.ts';
import type { SettingOrigin, Sourced } from '../records/record.ts';
import type { Asked } from './method.ts';

/** The origins of the options that were set: those of the config file and the environment reach commands as flags do. */
export type OptionOrigins = ReadonlyMap<string, OptionOrigin>;
export type OptionOrigin = Extract<SettingOrigin, 'flag' | 'environment' | 'config file'>;

/** Options as a command gets them. Without origins (a call from a program) all that are set are flags. */
export interface RequestOrigins {
  readonly origins?: OptionOrigins | undefined;
}

/** The origin of an option that is set. @param option its name on the command line, without dashes */
export const originOf = ({ origins }: RequestOrigins, option: string): OptionOrigin =>
  origins?.get(option) ?? 'flag';

export const byFlag = <T>(value: T, origin: OptionOrigin = 'flag'): Sourced<T> => ({ value, origin });
export const byDefault = <T>(value: T): Sourced<T> => ({ value, origin: 'default' });
export const derived = <T>(value: T): Sourced<T> => ({ value, origin: 'derived' });
/** Random bytes of the operating system, which nobody chose. */
export const drawn = <T>(value: T): Sourced<T> => ({ value, origin: 'operating system' });

/** What was asked for, or a default. The values in `Asked` were judged by the schema of the method (`askedOf`). */
export const askedOr = <T>(asked: Asked, setting: string, fallback: T): Sourced<T> =>
  (asked[setting] as Sourced<T> | undefined) ?? byDefault(fallback);

/** Throws UsageError where a value was asked for that follows from others. */
export function refuseDerived(asked: Asked, setting: string, from: string): void {
  if (asked[setting] === undefined) return;
  throw new UsageError({
    what: `${setting} cannot be set`,
    why: `it follows from ${from}`,
    remedy: `Omit ${setting}.`,
  });
}

/** What was asked for, else `metadata[key]` read by `parse`, else null. */
export function chosen<T>(
  asked: Sourced<unknown> | undefined,
  metadata: ReadonlyMap<string, string>,
  key: string,
  parse: (text: string) => T,
): Sourced<T> | null {
  if (asked !== undefined) return asked as Sourced<T>;
  const text = metadata.get(key);
  return text === undefined ? null : { value: parse(text), origin: 'model metadata' };
}

/** A finite number from text. Throws UsageError naming `where`. */
export function numberFrom(where: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value)) return value;
    throw new UsageError({ what: `'${text}' is not a number`, where, remedy: 'Write a number such as 0.5.' });
  };
}

/** "0.485,0.456,0.406" (or a JSON array) as numbers. */
export function numberList(where: string): (text: string) => number[] {
  const one = numberFrom(where);
  return (text) =>
    text
      .replace(/^\s*\[|\]\s*$/g, '')
      .split(',')
      .map(one);
}

/** One of a few words. */
export function wordFrom<const W extends readonly string[]>(
  words: W,
  where: string,
): (text: string) => W[number] {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new UsageError({
      what: `'${text}' is not one of ${words.join(', ')}`,
      where,
      remedy: `Write one of ${words.join(', ')}.`,
    });
  };
}

/** Requires an integer of at least `least`. */
export function requireCount(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new UsageError({
    what: `${name} is ${value}`,
    why: `it must be a whole number of at least ${least}`,
    remedy: `Give ${name} ${least} or more.`,
  });
}
