/** Values as they are written on the command line: an option without one is not its default, a word not a number. */
import type { Argv } from 'yargs';
import { Parser } from 'yargs/helpers';
import { UsageError } from '../ground/errors.ts';
import type { OptionTable } from './config/option-table.ts';

/** Has yargs refuse an option that is given without a value; it would take the default. */
export function demandValues<T>(y: Argv<T>, options: OptionTable): Argv<T> {
  for (const [name, { type, array, nargs }] of options) {
    if (type === 'boolean' || nargs !== undefined) continue;
    if (array === true) y.requiresArg(name);
    else y.nargs(name, 1);
  }
  return y;
}

/**
 * @param flags as yargs reads them: NaN for a word that is not a number
 * @param args the command line, for the word
 * @throws UsageError for an option of numbers that holds NaN
 */
export function requireNumbers(
  flags: Readonly<Record<string, unknown>>,
  options: OptionTable,
  args: readonly string[],
): void {
  for (const [name, { type, array }] of options) {
    if (type !== 'number' || ![flags[name]].flat().some(Number.isNaN)) continue;
    const parsed = Parser([...args], {
      string: [name],
      array: array === true ? [name] : [],
      configuration: { 'duplicate-arguments-array': array === true },
    });
    const word = [parsed[name] as string | string[]].flat().find((text) => Number.isNaN(Number(text)));
    throw new UsageError({
      what: `--${name} ${word} is not a number`,
      remedy: 'Write numbers without separators and with a decimal point, as in 10000, 1e4 or 0.5.',
    });
  }
}
