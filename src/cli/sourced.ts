/**
 * Settings with their origin: a flag beats the model's metadata, which beats the default; each value used is shown and
 * recorded with where it came from.
 */

import type { SettingOrigin } from '../certificate/record.ts';
import { UsageError } from '../errors.ts';

export interface Sourced<T> {
  readonly value: T;
  readonly origin: SettingOrigin;
}

export const byFlag = <T>(value: T): Sourced<T> => ({ value, origin: 'flag' });
export const byDefault = <T>(value: T): Sourced<T> => ({ value, origin: 'default' });
export const derived = <T>(value: T): Sourced<T> => ({ value, origin: 'derived' });

/** Flag, else `metadata[key]` read by `parse`, else null. */
export function chosen<T>(
  flag: T | undefined,
  metadata: ReadonlyMap<string, string>,
  key: string,
  parse: (text: string) => T,
): Sourced<T> | null {
  if (flag !== undefined) return byFlag(flag);
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
