/** `--devices 0,1` as numbers. */
import { UsageError } from '../ground/errors.ts';
import { numberList } from '../methods/sourced.ts';
import type { Devices } from '../smoothing/arithmetic.ts';

/** @throws UsageError unless they are numbers; which of them make sense, `checkArithmetic` knows */
export function devicesOf(text: string | undefined): Devices | undefined {
  if (text === undefined) return undefined;
  const [first, ...others] = numberList('--devices')(text);
  if (first === undefined)
    throw new UsageError({ what: '--devices names no device', remedy: 'For example --devices 0,1.' });
  return [first, ...others];
}
