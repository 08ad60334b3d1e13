/** What may follow on a command line: commands, options, and values of options that have a list of them. */
import { COMMAND_NAMES, COMMANDS, CONFIG_COMMANDS, GLOBAL_OPTIONS } from '../command-table.ts';
import type { OptionTable } from '../config/option-table.ts';
import { SHELLS } from './shells.ts';

/** Options that `--help` explains rather than the tables. */
const OF_HELP = ['all'];

/**
 * @param typed the words after the program's name, the last one perhaps empty or not yet whole; "=" may be a word
 * @returns every continuation of the last word, sorted; none where a file or a free value is due
 */
export function offers(typed: readonly string[]): string[] {
  const words = typed.filter((word) => word !== '=');
  // Behind "--method =" the value is yet to come.
  if (typed.at(-1) === '=') words.push('');
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const name = before.find((word) => COMMAND_NAMES.includes(word));
  const options = COMMANDS.find((command) => command.name === name)?.options ?? new Map();
  const all = /^--[^=]+=/u.test(current)
    ? valuesOf(options, current.slice(2, current.indexOf('='))).map((value) => withValue(current, value))
    : followers(name, options, before, current);
  return [...new Set(all)].filter((offer) => offer.startsWith(current)).sort();
}

const withValue = (current: string, value: string): string =>
  `${current.slice(0, current.indexOf('=') + 1)}${value}`;

function followers(
  name: string | undefined,
  options: OptionTable,
  before: readonly string[],
  current: string,
): string[] {
  const previous = before.at(-1) ?? '';
  const option = previous.startsWith('--') ? options.get(previous.slice(2)) : undefined;
  if (option !== undefined && option.type !== 'boolean') return valuesOf(options, previous.slice(2));
  if (current.startsWith('-')) return optionsOf(name, options);
  if (name === undefined) return [...COMMAND_NAMES];
  if (previous !== name) return [];
  return name === 'config' ? [...CONFIG_COMMANDS] : name === 'completion' ? [...SHELLS] : [];
}

const valuesOf = (options: OptionTable, name: string): string[] =>
  [...(options.get(name)?.choices ?? [])].map(String);

/** A boolean that is on can be switched off. */
function optionsOf(name: string | undefined, options: OptionTable): string[] {
  const own = [...options]
    .filter(([, { hidden }]) => hidden !== true)
    .flatMap(([option, spec]) =>
      spec.type === 'boolean' && spec.default === true ? [option, `no-${option}`] : [option],
    );
  return [...own, ...GLOBAL_OPTIONS, ...(name === undefined ? [] : OF_HELP)].map((option) => `--${option}`);
}
